"""The static checks of folders: those that a unit could not name or see, and those that are in each other."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding

FOLDERS = {
    "zookeeper": (
        "zookeeper_install_root",
        "zookeeper_conf_dir",
        "zookeeper_data_dir",
        "zookeeper_txn_log_dir",
        "zookeeper_app_log_dir",
    ),
    "kafka": ("kafka_install_root", "kafka_conf_dir", "kafka_app_log_dir"),
}
"""The folders of each product by their variables, Kafka's log directories left out."""

HIDDEN_FROM_SERVICES = ("/home", "/root", "/run/user")


def folders(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Folders that are relative, nested or hidden from the units, and brokers without a log directory."""
    for group, names in FOLDERS.items():
        for host in groups[group]:
            for name in names:
                path = hosts[host][name]
                if not path.startswith("/"):
                    yield Finding(host, name, path, "a folder is an absolute path", "Begin it with /")
                yield from _usable(host, name, path)
    for host in dict.fromkeys([*groups["zookeeper"], *groups["kafka"]]):
        yield from _usable(host, "java_runtime_home", hosts[host]["java_runtime_home"])
    for host in groups["kafka"]:
        if hosts[host]["kafka_log_dirs"]:
            yield from _log_dirs(host, hosts[host], host in groups["zookeeper"])
        else:
            yield Finding(
                host, "kafka_log_dirs", [], "a broker needs a log directory", "Name at least one folder"
            )


def _usable(host: str, variable: str, path: str) -> Iterator[Finding]:
    """What the units can name and see: a broker that misses one of several log directories only logs it."""
    if odd := sorted(set(re.findall(r"[^\w/.+@=~-]", path))):
        yield Finding(
            host,
            variable,
            path,
            f"{' '.join(map(repr, odd))} would mean something else in a unit, a class path or a list",
            "Use letters, digits and / . _ - + @ = ~ only; a symbolic link with such a name will do",
        )
    for home in HIDDEN_FROM_SERVICES:
        if path.startswith("/") and within(path, home):
            yield Finding(
                host,
                variable,
                path,
                f"the units' sandbox shows them nothing below {home} (ProtectHome in systemd.exec(5))",
                "Choose a folder elsewhere, such as below /srv or /var/lib",
            )


def _log_dirs(host: str, variables: Mapping[str, Any], with_zookeeper: bool) -> Iterator[Finding]:
    """Kafka takes every folder within a log directory for a partition, and refuses to start over others."""
    others = named(variables, [*(["zookeeper"] if with_zookeeper else []), "kafka"])
    for position, path in enumerate(variables["kafka_log_dirs"]):
        yield from _usable(host, "kafka_log_dirs", path)
        if not path.startswith("/"):
            yield Finding(
                host, "kafka_log_dirs", path, "a log directory is an absolute path", "Begin it with /"
            )
            continue
        for other in variables["kafka_log_dirs"][:position]:
            if within(path, other) or within(other, path):
                yield Finding(
                    host,
                    "kafka_log_dirs",
                    path,
                    f"it is the same as, or nested with, the log directory {other}",
                    "Give each its own folder",
                )
        for variable, other in others:
            if within(other, path):
                yield Finding(
                    host,
                    "kafka_log_dirs",
                    path,
                    f"it is, or holds, {variable} ({other})",
                    "Kafka wants its log directories to itself; choose another folder",
                )


@cache
def within(inner: str, outer: str) -> bool:
    """Whether ``inner`` is ``outer`` or lies below it."""
    below, above = (PurePosixPath(posixpath.normpath(path)) for path in (inner, outer))
    return below.is_relative_to(above)


def named(variables: Mapping[str, Any], products: Iterable[str]) -> list[tuple[str, str]]:
    """Variables and paths of what `FOLDERS` has of these products."""
    return [(name, variables[name]) for product in products for name in FOLDERS[product]]
