"""What a lab is: its name, its hosts, their addresses, and the inventory that names them. No side effects."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from lab.errors import LabError

MAX_HOSTS = 50
MAX_LOG_FILE_SYSTEMS = 4
LOG_DIR_MIN_FREE_MB = 256
RELEASES = ("bookworm", "trixie")
BACKENDS = ("nspawn", "qemu", "vagrant")
# Memory and processors of a host that has its own, where the plan gives none.
MEMORY_MB = 3072
MEMORY_MIN_MB = 512
CPUS = 2
MAX_CPUS = 64


@dataclass(frozen=True)
class Host:
    """One host: `number` counts from 1 and is its broker id (and its ZooKeeper id, where it is one)."""

    number: int
    name: str
    address: str


@dataclass(frozen=True)
class Plan:
    """Everything `up` was asked for. The defaults are what `make lab` makes."""

    name: str = "lab"
    subnet: str = "192.168.20.0/24"
    hosts: int = 3
    release: str = "bookworm"
    prefix: str = "zkkafka"
    first: int = 20
    packages: tuple[str, ...] = ()
    user: str = "root"
    log_file_systems: int = 0
    backend: str = "nspawn"
    memory_mb: int = 0
    cpus: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", self.name):
            raise LabError(
                f"lab name {self.name!r}: use up to 31 of lower-case letters, digits, - and _, a letter first"
            )
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,20}", self.prefix):
            raise LabError(
                f"prefix {self.prefix!r}: use up to 21 lower-case letters, digits and '-', a letter first"
            )
        if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", self.user):
            raise LabError(
                f"user {self.user!r}: use up to 32 lower-case letters, digits, - and _, a letter or _ first"
            )
        if self.release not in RELEASES:
            raise LabError(f"release {self.release!r}: this lab knows {', '.join(RELEASES)} (LAB_RELEASE)")
        if not 1 <= self.hosts <= MAX_HOSTS:
            raise LabError(f"{self.hosts} hosts: this lab makes 1 to {MAX_HOSTS} of them (LAB_HOSTS)")
        if not 0 <= self.log_file_systems <= MAX_LOG_FILE_SYSTEMS:
            raise LabError(
                f"{self.log_file_systems} log file systems: this lab makes up to {MAX_LOG_FILE_SYSTEMS} "
                "for each host"
            )
        if self.backend not in BACKENDS:
            raise LabError(f"backend {self.backend!r}: this lab knows {', '.join(BACKENDS)} (LAB_BACKEND)")
        if not self.own_kernel and (self.memory_mb or self.cpus):
            raise LabError(
                "hosts of backend nspawn share the machine's memory and processors; LAB_MEMORY_MB and "
                "LAB_CPUS are for virtual machines (LAB_BACKEND=qemu)"
            )
        if self.memory_mb and self.memory_mb < MEMORY_MIN_MB:
            raise LabError(
                f"{self.memory_mb} MB of memory: a host needs {MEMORY_MIN_MB} at least (LAB_MEMORY_MB)"
            )
        if not 0 <= self.cpus <= MAX_CPUS:
            raise LabError(f"{self.cpus} processors: this lab gives a host 1 to {MAX_CPUS} (LAB_CPUS)")
        for package in self.packages:
            if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package):
                raise LabError(
                    f"package {package!r}: Debian's names are lower-case letters, digits, '.', '+' and '-'"
                )
        try:
            network = ipaddress.IPv4Network(self.subnet)
        except ValueError as error:
            raise LabError(
                f"subnet {self.subnet!r}: {error}; give one like 192.168.20.0/24 (LAB_SUBNET)"
            ) from None
        if network.is_global:
            raise LabError(
                f"subnet {self.subnet} has addresses of the internet, which this machine would no longer "
                "reach; give private ones like 192.168.20.0/24 (LAB_SUBNET)"
            )
        if not 2 <= self.first < self.first + self.hosts < network.num_addresses:
            raise LabError(
                f"subnet {self.subnet} has no room for {self.hosts} hosts from its "
                f"address number {self.first} on; take a larger one (LAB_SUBNET) or fewer hosts (LAB_HOSTS)"
            )

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The address range as an object."""
        return ipaddress.IPv4Network(self.subnet)

    @property
    def gateway(self) -> str:
        """The bridge's own address: the first of the range."""
        return str(self.network[1])

    @property
    def members(self) -> list[Host]:
        """The hosts, in order of their number."""
        return [
            Host(i, f"{self.prefix}{i}", str(self.network[self.first + i - 1]))
            for i in range(1, self.hosts + 1)
        ]

    @property
    def ensemble(self) -> list[Host]:
        """The hosts that also run ZooKeeper: an odd number, as an even one adds no margin; five at most."""
        size = min(self.hosts, 5)
        return self.members[: size if size % 2 else size - 1]

    @property
    def own_kernel(self) -> bool:
        """Whether each host has a kernel of its own, so memory and processors of its own too."""
        return self.backend != "nspawn"

    @property
    def host_memory_mb(self) -> int:
        """The memory of a host that has its own."""
        return self.memory_mb or MEMORY_MB

    @property
    def host_cpus(self) -> int:
        """The processors of a host that has its own."""
        return self.cpus or CPUS

    @property
    def groups(self) -> dict[str, list[Host]]:
        """The inventory's groups."""
        return {"zookeeper": self.ensemble, "kafka": self.members, "syslog_ingest": self.members[:1]}

    @property
    def log_dirs(self) -> list[str]:
        """Where the hosts have file systems of their own for Kafka's logs."""
        return [f"/srv/kafka/{letter}" for letter in "abcd"[: self.log_file_systems]]

    def as_json(self) -> dict[str, Any]:
        """The plan as lab.json keeps it."""
        return asdict(self) | {"packages": list(self.packages)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan that `as_json` gave."""
        return cls(**(data | {"packages": tuple(data["packages"])}))

    @property
    def uses_committed_inventory(self) -> bool:
        """Whether inventories/lab describes this lab as it stands."""
        return all(
            getattr(self, field) == getattr(Plan(), field)
            for field in (
                *("name", "subnet", "hosts", "prefix", "first", "user", "log_file_systems", "backend"),
            )
        )

    def inventory(self, state: str) -> str:
        """This lab as an Ansible inventory.

        Args:
            state: path of the lab's state folder, seen from the inventory's own folder.

        Returns:
            The text of hosts.yml.
        """
        zookeeper_ids = {host.name for host in self.ensemble}
        lines = [
            "---",
            "# Written by `python3 -m lab`: what it prints for a lab is what stands here.",
            "all:",
            "  vars:",
            f"    ansible_user: {self.user}",
        ]
        if self.user != "root":
            lines.append("    ansible_become: true")
        known_hosts = f'"{{{{ inventory_dir }}}}/{state}/known_hosts"'
        lines += [
            f'    ansible_ssh_private_key_file: "{{{{ inventory_dir }}}}/{state}/id_ed25519"',
            "    # Each host's key was made with the host, so a changed key is an error here as anywhere.",
            "    ansible_ssh_common_args: >-",
            f"      -o StrictHostKeyChecking=yes -o UserKnownHostsFile='{known_hosts}'",
            "      -o IdentitiesOnly=yes -o ServerAliveInterval=10 -o ServerAliveCountMax=3",
            "  hosts:",
        ]
        for host in self.members:
            lines += [f"    {host.name}:", f"      ansible_host: {host.address}"]
            if host.name in zookeeper_ids:
                lines.append(f"      zookeeper_id: {host.number}")
            lines.append(f"      kafka_broker_id: {host.number}")
        lines += ["  children:"]
        for group, hosts in self.groups.items():
            lines += [f"    {group}:", "      hosts:", *(f"        {host.name}:" for host in hosts)]
        return "\n".join(lines) + "\n"

    def settings(self) -> dict[str, str | int | list[str]]:
        """What this lab alone needs beside the values that all labs share."""
        # The reports of two labs that are up at once go to two folders.
        values: dict[str, str | int | list[str]] = {"kafka_cluster_name": self.name}
        if self.log_dirs:
            values |= {"kafka_log_dirs": self.log_dirs, "kafka_log_dir_min_free_mb": LOG_DIR_MIN_FREE_MB}
        if self.backend != "nspawn":
            # A kernel of its own, whose net.core.rmem_max can be set.
            values["syslog_ingest_receive_buffer_bytes"] = 16777216
        if self.hosts < 3:
            # Too few brokers for the safe defaults, which would be refused.
            values |= {
                "kafka_default_replication_factor": self.hosts,
                "kafka_offsets_topic_replication_factor": self.hosts,
                "kafka_transaction_state_log_replication_factor": self.hosts,
                "kafka_min_insync_replicas": 1,
                "kafka_transaction_state_log_min_isr": 1,
                "perf_replication_factor": self.hosts,
                "perf_min_insync_replicas": 1,
                "syslog_ingest_replication_factor": self.hosts,
                "syslog_ingest_min_insync_replicas": 1,
            }
        return values

    def values(self) -> str:
        """The same as a group_vars file."""
        lines = [
            f"{name}: {json.dumps(value) if isinstance(value, list) else value}\n"
            for name, value in self.settings().items()
        ]
        return "---\n" + "".join(lines)


def bridge_name(name: str, state: str) -> str:
    """The bridge of a lab, at most 15 characters as the kernel wants.

    Args:
        name: the lab's name, for a reader of `ip link`.
        state: absolute path of its state, so that two checkouts never take each other's bridge for their own.
    """
    return f"kl-{name[:5].rstrip('-')}-{hashlib.sha256(state.encode()).hexdigest()[:6]}"


def overlaps(
    subnet: ipaddress.IPv4Network, links: list[dict[str, Any]], routes: list[dict[str, Any]], own: str
) -> list[str]:
    """Who uses addresses of a range already.

    Args:
        subnet: the range wanted.
        links: `ip -j -4 address show`.
        routes: `ip -j -4 route show table all`.
        own: the interface that may have them.

    Returns:
        One phrase for each interface or route in the way, such as "interface docker0 (192.168.20.1/24)".
    """
    found = []
    for link in links:
        for address in link.get("addr_info", []):
            taken = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}")
            if link.get("ifname") != own and taken.network.overlaps(subnet):
                found.append(f"interface {link['ifname']} ({taken})")
    named = {phrase.split()[1] for phrase in found}
    for route in routes:
        target = route.get("dst", "default")
        if target == "default" or route.get("dev") == own or route.get("dev") in named:
            continue
        if ipaddress.ip_network(target, strict=False).overlaps(subnet):
            found.append(f"route {target} through {route.get('dev', route.get('type', 'another table'))}")
    return found
