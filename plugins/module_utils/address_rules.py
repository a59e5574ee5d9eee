"""The rules of addresses, ports and listeners: others must reach each host, and nobody else by its name."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_model import Groups, Hosts
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding, Severity

LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}


def addresses(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Addresses that lead others astray (loopback, 0.0.0.0), and those that two hosts share."""
    # A cluster of one host has nobody to lead astray but its clients.
    alone = len({*groups["zookeeper"], *groups["kafka"]}) == 1
    owners: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for host in groups["zookeeper"]:
        address = hosts[host]["zookeeper_address"]
        owners["zookeeper_address", _canonical(address)][host] = None
        if not (alone and is_loopback(address)):
            yield from _unreachable(host, "zookeeper_address", address, "error")
    for host in groups["kafka"]:
        told = set()
        for variable, address, shared_by in _advertised(hosts[host]):
            owners[shared_by][host] = None
            if (variable, address) not in told:
                told.add((variable, address))
                severity: Severity = "warning" if alone and is_loopback(address) else "error"
                yield from _unreachable(host, variable, address, severity)
    for (variable, address), sharing in owners.items():
        if len(sharing) > 1:
            yield Finding(
                ", ".join(sharing),
                variable,
                address,
                f"{len(sharing)} hosts have one address "
                "(VirtualBox gives every machine 10.0.2.15 on its first card)",
                "Give each host the address of the interface that the others reach",
            )


def _advertised(variables: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Variable and address of everything a broker advertises, and what no other broker may have too.

    That is the address itself, unless the listener states address or port of its own: behind a port
    forwarding several brokers share one address.
    """
    for given, filled in zip(variables["kafka_listeners"], cluster_model.listeners(variables)):
        address = filled["advertised_address"]
        endpoint = cluster_model.address_port(_canonical(address), filled["advertised_port"])
        if given.get("advertised_address"):
            variable = f"kafka_listeners[{given['name']}].advertised_address"
            yield variable, address, ("kafka_listeners", endpoint)
        elif given.get("advertised_port"):
            yield "kafka_advertised_address", address, ("kafka_listeners", endpoint)
        else:
            variable = "kafka_advertised_address"
            yield variable, address, (variable, _canonical(address))


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _canonical(address: str) -> str:
    """One spelling for each address: of IPv6 the shortest, of names the lower case."""
    return str(_parsed(address) or address.lower())


def is_loopback(address: str) -> bool:
    """Whether the address, or the name that everybody has for it, leads a host to itself."""
    parsed = _parsed(address)
    return parsed.is_loopback if parsed else address.lower() in LOOPBACK_NAMES


def _unreachable(host: str, variable: str, address: str, severity: Severity) -> Iterator[Finding]:
    """A finding where nobody else can reach a host at ``address``."""
    wrong = _wrong_address(address)
    if wrong:
        yield Finding(host, variable, address, *wrong, severity)


def _wrong_address(address: str) -> tuple[str, str] | None:
    """Rule and remedy."""
    if is_loopback(address):
        return (
            "a loopback address leads every other host to itself "
            "(Debian's installer writes 127.0.1.1 into /etc/hosts)",
            "Give the address at which the other hosts reach it",
        )
    parsed = _parsed(address)
    if parsed is None:
        if re.fullmatch(r"[\d.]+", address):
            return "this is no IP address", "Give all four parts, each 0 to 255"
        # What Kafka's EndPoint takes for a host name; a colon is in IPv6 addresses alone.
        if not re.fullmatch(r"[0-9A-Za-z_.-]+", address):
            return (
                "this is no address",
                "Give an IP address or a host name, without a port and without brackets",
            )
        return None
    if parsed.is_unspecified:
        return (
            "this means every interface and leads nowhere",
            "Give the address at which others reach the host; "
            "to bind to all interfaces leave a listener's address empty",
        )
    if parsed.is_multicast:
        return "this is a multicast address", "Give the host's own address"
    return None


def ports(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Ports that there are not, and two uses of one on a host."""
    for host in dict.fromkeys([*groups["zookeeper"], *groups["kafka"]]):
        variables = hosts[host]
        # variable, port, and the address it is bound to
        wanted: list[tuple[str, int, str]] = []
        if host in groups["zookeeper"]:
            for kind in ("client", "peer", "election"):
                wanted.append((f"zookeeper_{kind}_port", variables[f"zookeeper_{kind}_port"], ""))
        if host in groups["kafka"]:
            for listener in cluster_model.listeners(variables):
                name = f"kafka_listeners[{listener['name']}]"
                wanted.append((f"{name}.port", listener["port"], listener["address"]))
                if listener["advertised_port"] != listener["port"]:
                    yield from _no_port(host, f"{name}.advertised_port", listener["advertised_port"])
        for position, (variable, port, address) in enumerate(wanted):
            yield from _no_port(host, variable, port)
            for other, other_port, other_address in wanted[:position]:
                if port == other_port and not _side_by_side(address, other_address):
                    yield Finding(
                        host, variable, port, f"{other} has this port too", "Choose another for one of them"
                    )
                    break


def _no_port(host: str, variable: str, port: int) -> Iterator[Finding]:
    if not 1 <= port <= 65535:
        yield Finding(host, variable, port, "a port is a number from 1 to 65535", "Choose another")


def _side_by_side(one: str, other: str) -> bool:
    """Whether two listeners may have one port: bound to an IPv4 and to an IPv6 address (KIP-797)."""
    first, second = _parsed(one), _parsed(other)
    return first is not None and second is not None and first.version != second.version


def listeners(groups: Groups, hosts: Hosts) -> Iterator[Finding]:
    """Listeners that are missing or misnamed, and an inter-broker listener that is none of them."""
    for host in groups["kafka"]:
        variables = hosts[host]
        names = [listener["name"] for listener in variables["kafka_listeners"]]
        if not names:
            yield Finding(
                host,
                "kafka_listeners",
                [],
                "a broker without listeners serves nobody",
                "Give at least one listener",
            )
            continue
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Finding(host, "kafka_listeners", name, "two listeners have one name", "Rename one of them")
        for name in names:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                yield Finding(
                    host,
                    "kafka_listeners",
                    name,
                    "a listener's name is made of capitals, digits and underscores",
                    f"Write {re.sub(r'[^A-Z0-9_]', '_', name.upper())}",
                )
        chosen = variables["kafka_inter_broker_listener"]
        if chosen and chosen not in names:
            yield Finding(
                host,
                "kafka_inter_broker_listener",
                chosen,
                "there is no listener of this name",
                f"Name one of {', '.join(names)}",
            )
