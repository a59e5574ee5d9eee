"""What the inventory asks of a host against what its kernel and its running processes say.

Sources of the rules: Kafka's documentation, "Hardware and OS"; `host_tuning` and `heap` of this collection;
proc(5), adjtimex(2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import heap, host_rules, host_tuning, udp_profile
from ansible_collections.barevm.kafka.plugins.module_utils.cluster_findings import ClusterFinding

Variables = Mapping[str, Any]
State = Mapping[str, Any]

UNITS = {"zookeeper.service": "zookeeper", "kafka.service": "kafka"}

# RAM as the kernel counts it changes a little from one kernel to the next, and a share of it too.
SHARE_MAY_BE_OFF = 0.05

CONTAINER = "a container: the kernel is its machine's"


@dataclass(frozen=True)
class Row:
    """One thing that is asked of a host; ``finding`` says that its not holding fails the proof."""

    host: str
    name: str
    asked: str
    effective: str
    holds: bool
    note: str = ""
    finding: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The row as verify.json has it."""
        return asdict(self)


class _Host:
    """Makes the rows of one host, each either held, wrong, refused by the kernel, or against an advice."""

    def __init__(self, host: str, variables: Variables, state: State) -> None:
        self.name, self.variables, self.state = host, variables, state
        self.enforced = bool(variables["host_tuning_enforce"])
        self.container = bool(state["container"])
        # What tunes this host's kernel: one that only takes syslog in is none of site.yml's.
        in_cluster = any(f"{product}_heap_size" in variables for product in UNITS.values())
        self.play = "site.yml" if in_cluster else "syslog_ingest.yml"
        self.run_it = f"Run {self.play}; where it comes back, see what else sets it"

    def held(self, name: str, asked: str, effective: str, note: str = "") -> Row:
        return Row(self.name, name, asked, effective, True, note)

    def wrong(self, name: str, asked: str, effective: str, remedy: str) -> Row:
        """What can be as asked on this host, and is not."""
        return Row(self.name, name, asked, effective, False, remedy, True)

    def refused(self, name: str, asked: str, effective: str, note: str) -> Row:
        """What no role can bring about on this host: a finding only where the inventory insists."""
        return Row(self.name, name, asked, effective, False, note, self.enforced)

    def unlike(self, name: str, asked: str, effective: str, remedy: str) -> Row:
        """Wrong on a host with a kernel of its own, refused in a container."""
        if self.container:
            return self.refused(name, asked, effective, CONTAINER)
        return self.wrong(name, asked, effective, remedy)

    def differing(self, name: str, asked: str, effective: str, note: str) -> Row:
        """Against an advice, or waiting for what is on its way."""
        return Row(self.name, name, asked, effective, False, note)


def rows(host: str, variables: Variables, state: State) -> list[Row]:
    """Every row of one host; ``state`` is what host_state answered, ``variables`` are resolved."""
    one = _Host(host, variables, state)
    kinds = (_udp_test, _sysctls, _receive_buffers, _huge_pages, _swap, _limits, _heaps, _mounts, _time)
    return [row for kind in kinds for row in kind(one)]


def _udp_test(one: _Host) -> Iterator[Row]:
    """What a UDP test lowers is lowered until it is put back, by whom ever."""
    if one.state["files"].get(str(udp_profile.SCRIPT)):
        remedy = "Wait for its end; where it was interrupted, udp_test.yml -e restore=true puts all back"
        yield one.wrong("UDP test's settings", "none", "in force", remedy)


def _sysctls(one: _Host) -> Iterator[Row]:
    for name, value in sorted(one.variables["host_tuning_sysctl"].items()):
        asked, current = host_tuning.text(value), one.state["sysctls"].get(name)
        has = "none" if current is None else current
        if host_tuning.is_effective(name, asked, current):
            yield one.held(name, asked, has)
        elif name not in one.state["fixed_settings"]:
            yield one.wrong(name, asked, has, one.run_it)
        elif one.container:
            yield one.refused(name, asked, has, CONTAINER)
        else:
            reason = "this kernel has no such setting" if current is None else "it cannot be written here"
            yield one.refused(name, asked, has, reason)


def _receive_buffers(one: _Host) -> Iterator[Row]:
    """Of a syslog ingest that listens: what is too small drops datagrams that no log tells of."""
    asked = one.variables.get("syslog_ingest_receive_buffer_bytes")
    for port, has in sorted(one.state["receive_buffers"].items()):
        if not asked or not has:
            continue
        told = (f"UDP port {port} receive buffer", f"{asked} bytes", f"{min(has)} bytes")
        if min(has) >= asked:
            yield one.held(*told)
        else:
            yield one.wrong(*told, "Run syslog_ingest.yml, which refuses what net.core.rmem_max would cut")


def _huge_pages(one: _Host) -> Iterator[Row]:
    name, asked = "transparent_hugepage", one.variables["host_tuning_transparent_hugepages"]
    has = one.state["transparent_hugepages"]
    if has is None:
        yield one.held(name, asked, "none", "this kernel was built without them")
    elif has == asked:
        yield one.held(name, asked, has)
    elif name in one.state["fixed_settings"]:
        yield one.refused(name, asked, has, CONTAINER if one.container else "it cannot be written here")
    else:
        yield one.wrong(name, asked, has, one.run_it)


def _swap(one: _Host) -> Iterator[Row]:
    if not one.variables["host_tuning_swap_off"]:
        return
    used = ", ".join(one.state["swaps"])
    if used:
        yield one.unlike("swap", "off", used, one.run_it)
    else:
        yield one.held("swap", "off", "off")
    lines, units = one.state["fstab_swaps"], one.state["swap_units"]
    coming = ", ".join([*(f"{line} in fstab" for line in lines), *units])
    if units:
        remedy = f"`systemctl mask {' '.join(units)}`, then `swapoff --all`"
        yield one.unlike(
            "swap at a boot", "off", coming, f"Run {one.play}, and {remedy}" if lines else remedy
        )
    elif lines:
        yield one.wrong("swap at a boot", "off", coming, one.run_it)
    else:
        yield one.held("swap at a boot", "off", "off")


def _running(one: _Host) -> Iterator[tuple[str, str, Mapping[str, Any], Sequence[str]]]:
    """Each service's unit and product, what its process runs with, and what waits for its restart."""
    for unit, product in UNITS.items():
        process = one.state["processes"].get(unit)
        if process:
            yield unit, product, process, one.state["pending"].get(unit) or ()


def _limits(one: _Host) -> Iterator[Row]:
    for unit, product, process, pending in _running(one):
        waits = any(waiting.startswith("unit: ") for waiting in pending)
        files, score = process["open_files"], process["oom_score_adj"]
        asked_files, asked_score = (
            one.variables[f"{product}_limit_nofile"],
            one.variables[f"{product}_oom_score_adjust"],
        )
        has_files = "unlimited" if files < 0 else str(files)
        for key, asked, has, holds in (
            ("LimitNOFILE", asked_files, has_files, files < 0 or files >= asked_files),
            ("OOMScoreAdjust", asked_score, str(score), score == asked_score),
        ):
            told = (f"{product} {key}", str(asked), has)
            if holds:
                yield one.held(*told)
            elif waits:
                yield one.differing(*told, note="waits for a restart")
            else:
                yield one.unlike(
                    *told, remedy=_to_limit(key, unit, one.state["units"][unit]["drop_in_paths"])
                )


def _to_limit(key: str, unit: str, drop_ins: Sequence[str]) -> str:
    """What to do about a limit that a running process has not; no role touches a drop-in of others."""
    look = f"`systemctl show --property={key} {unit}`"
    if drop_ins:
        ours = f"If {look} says so too, take it out of {' or '.join(drop_ins)}"
        return f"{ours} and `systemctl daemon-reload`; then run rolling_restart.yml"
    return f"Run site.yml if {look} says so too, else rolling_restart.yml"


def _heaps(one: _Host) -> Iterator[Row]:
    total = one.state["memory_total_mb"]
    together = 0
    for _unit, product, process, pending in _running(one):
        named = one.variables[f"{product}_heap_size"]
        wanted, has = heap.megabytes(heap.size(product, total, named)), process["heap_mb"]
        together += has or 0
        name, asked, effective = f"{product} -Xmx", f"{wanted} MiB", f"{has} MiB" if has else "none"
        by = f"{product}_heap_size" if named else f"its share of {total} MiB of RAM"
        if has and abs(has - wanted) <= (0 if named else wanted * SHARE_MAY_BE_OFF):
            yield one.held(name, asked, effective, by)
        elif any(".env" in waiting for waiting in pending):
            yield one.differing(name, asked, effective, "waits for a restart")
        else:
            yield one.wrong(name, asked, effective, f"Asked by {by}. {one.run_it}")
    most = int(total * host_rules.MOST_OF_MEMORY)
    if together:
        told = ("heaps together", f"at most {most} MiB", f"{together} MiB")
        if together <= most:
            yield one.held(*told)
        else:
            yield one.wrong(*told, remedy=f"Lower them, or give the host more than {total} MiB")


def _mounts(one: _Host) -> Iterator[Row]:
    seen: dict[str, Sequence[str]] = {}
    for _folder, disk in sorted(one.state["disks"].items()):
        seen.setdefault(disk["mount_point"], disk["options"])
    for point, options in sorted(seen.items()):
        # Of all options those that are judged: an overlay's name folders at length.
        has = ",".join(option for option in options if option in ("rw", "ro") or "atime" in option)
        if "ro" in options:
            yield one.wrong(f"mount {point}", "rw,noatime", has, "A disk that turned read-only has errors")
        elif "noatime" in options:
            yield one.held(f"mount {point}", "rw,noatime", has)
        else:
            yield one.differing(f"mount {point}", "rw,noatime", has, "advice: add noatime in /etc/fstab")


def _time(one: _Host) -> Iterator[Row]:
    clock = one.state["time"]
    services = ", ".join(f"{name} is {active}" for name, active in clock["services"].items())
    told = ("clock", "synchronised")
    effective = "unknown" if clock["synchronised"] is None else "not synchronised"
    if clock["synchronised"]:
        yield one.held(*told, f"synchronised, {clock['max_error_ms']:.0f} ms off at most", services)
    elif one.container:
        yield one.refused(*told, effective, "a container: the clock is its machine's")
    elif services:
        yield one.refused(*told, effective, f"{services}; see what it says of its servers")
    else:
        yield one.refused(*told, effective, "no time service: install chrony or systemd-timesyncd")


@dataclass(frozen=True)
class Merged:
    """Rows that say the same of several hosts."""

    hosts: Sequence[str]
    row: Row

    def where(self, of: int) -> str:
        """The hosts by name, or their number where those are all ``of`` the hosts."""
        return f"all {of} hosts" if len(self.hosts) == of > 1 else ", ".join(self.hosts)


def merged(found: Sequence[Row]) -> list[Merged]:
    """The rows, those that say the same of several hosts as one, in the order in which they come."""
    alike: dict[tuple[Any, ...], list[str]] = {}
    first: dict[tuple[Any, ...], Row] = {}
    for row in found:
        key = (row.name, row.asked, row.effective, row.note, row.finding)
        alike.setdefault(key, []).append(row.host)
        first.setdefault(key, row)
    return [Merged(hosts, first[key]) for key, hosts in alike.items()]


def findings(found: Sequence[Row]) -> list[ClusterFinding]:
    """One finding for each row that fails the proof, several hosts in one."""
    return [
        ClusterFinding(
            what=f"{one.row.name} is {one.row.effective}, the inventory asks for {one.row.asked}",
            where=", ".join(one.hosts),
            remedy=one.row.note,
        )
        for one in merged([row for row in found if row.finding])
    ]


def table(found: Sequence[Row], hosts: int, every: bool) -> list[str]:
    """What does not hold, with ``every`` all rows, as aligned lines; none where there is nothing to tell.

    ``hosts`` is how many there are: what is alike on all of them is told once.
    """
    shown = merged([row for row in found if every or not row.holds])
    if not shown:
        return []
    differ = sum(not row.holds for row in found)
    cells = [("hosts", "setting", "asked", "effective", "")]
    cells += [
        (one.where(hosts), one.row.name, one.row.asked, one.row.effective, _told(one.row)) for one in shown
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [f"host: {differ} of {len(found)} settings are not as the inventory asks"]
    for line in cells:
        padded = [cell.ljust(width) for cell, width in zip(line, widths)]
        lines.append("  " + "  ".join([*padded, line[4]]).rstrip())
    return lines


def _told(row: Row) -> str:
    return "is a finding" if row.finding else row.note
