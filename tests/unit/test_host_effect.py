"""What the inventory asks of a host against what its kernel and processes say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model, host_effect, verdict
from ansible_collections.barevm.kafka.plugins.module_utils.host_effect import CONTAINER, Row

from tests.described import together
from tests.effects import KAFKA, STATE, VARIABLES, ZOOKEEPER

ROWS = [
    ("net.core.rmem_max", "16777216", "16777216"),
    ("vm.swappiness", "1", "1"),
    ("transparent_hugepage", "madvise", "madvise"),
    ("swap", "off", "off"),
    ("swap at a boot", "off", "off"),
    ("zookeeper LimitNOFILE", "65536", "65536"),
    ("zookeeper OOMScoreAdjust", "-500", "-500"),
    ("kafka LimitNOFILE", "100000", "100000"),
    ("kafka OOMScoreAdjust", "-500", "-500"),
    ("zookeeper -Xmx", "375 MiB", "375 MiB"),
    ("kafka -Xmx", "750 MiB", "750 MiB"),
    ("heaps together", "at most 2250 MiB", "1125 MiB"),
    ("mount /", "rw,noatime", "rw,noatime"),
    ("clock", "synchronised", "synchronised, 12 ms off at most"),
]
REFUSED = {"fixed_settings": ["net.core.rmem_max", "vm.swappiness", "transparent_hugepage"]}
NSPAWN = {**REFUSED, "container": "systemd-nspawn"}


def rows(state: dict[str, Any] | None = None, **variables: Any) -> list[Row]:
    return host_effect.rows("zkkafka1", {**VARIABLES, **variables}, {**STATE, **(state or {})})


def missed(state: dict[str, Any], **variables: Any) -> Row:
    """The one row that does not hold."""
    (row,) = [row for row in rows(state, **variables) if not row.holds]
    return row


def kafka(**changed: Any) -> dict[str, Any]:
    return {"processes": {"kafka.service": {**KAFKA, **changed}, "zookeeper.service": ZOOKEEPER}}


def test_a_host_that_is_as_asked() -> None:
    found = rows()
    assert [(row.name, row.asked, row.effective) for row in found] == ROWS
    assert all(row.holds and not row.finding for row in found)
    assert host_effect.findings(found) == []
    assert host_effect.table(found, 1, every=False) == []


@pytest.mark.parametrize(
    ("state", "name", "effective"),
    [
        ({"sysctls": {**STATE["sysctls"], "vm.swappiness": "60"}}, "vm.swappiness", "60"),
        ({"sysctls": {**STATE["sysctls"], "net.core.rmem_max": "212992"}}, "net.core.rmem_max", "212992"),
        ({"transparent_hugepages": "always"}, "transparent_hugepage", "always"),
        ({"swaps": ["/swapfile", "/dev/zram0"]}, "swap", "/swapfile, /dev/zram0"),
        ({"fstab_swaps": ["/swapfile"]}, "swap at a boot", "/swapfile in fstab"),
        ({"swap_units": ["dev-zram0.swap"]}, "swap at a boot", "dev-zram0.swap"),
        (kafka(open_files=1024), "kafka LimitNOFILE", "1024"),
        (kafka(oom_score_adj=0), "kafka OOMScoreAdjust", "0"),
        (kafka(heap_mb=600), "kafka -Xmx", "600 MiB"),
        (kafka(heap_mb=None), "kafka -Xmx", "none"),
        ({"disks": {"/d": {"mount_point": "/d", "options": ["ro", "noatime"]}}}, "mount /d", "ro,noatime"),
    ],
)
def test_what_can_be_as_asked_and_is_not_fails_the_proof(
    state: dict[str, Any], name: str, effective: str
) -> None:
    row = missed(state)
    assert (row.name, row.effective, row.finding) == (name, effective, True)
    (finding,) = host_effect.findings([row])
    assert finding.where == "zkkafka1"
    assert finding.what == f"{name} is {effective}, the inventory asks for {row.asked}"
    assert finding.remedy


def test_a_limit_that_a_drop_in_sets_is_told_with_the_drop_in() -> None:
    ours = "/etc/systemd/system/kafka.service.d/ours.conf"
    units = {**STATE["units"], "kafka.service": {"drop_in_paths": [ours]}}
    row = missed({**kafka(open_files=1024), "units": units})
    assert row.finding
    assert f"take it out of {ours} and `systemctl daemon-reload`; then run rolling_restart.yml" in row.note


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ({**REFUSED, "sysctls": {**STATE["sysctls"], "vm.swappiness": "60"}}, "it cannot be written here"),
        ({**REFUSED, "sysctls": {"net.core.rmem_max": "16777216"}}, "this kernel has no such setting"),
        ({**NSPAWN, "sysctls": {**STATE["sysctls"], "vm.swappiness": "60"}}, CONTAINER),
        ({**NSPAWN, "transparent_hugepages": "always"}, CONTAINER),
        ({**REFUSED, "transparent_hugepages": "always"}, "it cannot be written here"),
        ({**NSPAWN, "swaps": ["/dev/sda2"]}, CONTAINER),
        ({**NSPAWN, "swap_units": ["dev-zram0.swap"]}, CONTAINER),
        ({**NSPAWN, **kafka(open_files=20000)}, CONTAINER),
        ({**NSPAWN, **kafka(oom_score_adj=0)}, CONTAINER),
        (
            {**NSPAWN, "time": {"synchronised": None, "max_error_ms": None, "services": {}}},
            "a container: the clock is its machine's",
        ),
        (
            {"time": {"synchronised": False, "max_error_ms": 16000.0, "services": {}}},
            "no time service: install chrony or systemd-timesyncd",
        ),
        (
            {
                "time": {
                    "synchronised": False,
                    "max_error_ms": 16000.0,
                    "services": {"chrony.service": "active"},
                }
            },
            "chrony.service is active; see what it says of its servers",
        ),
    ],
)
def test_what_the_kernel_refuses_fails_only_where_the_inventory_insists(
    state: dict[str, Any], note: str
) -> None:
    row = missed(state)
    assert (row.note, row.finding) == (note, False)
    assert missed(state, host_tuning_enforce=True).finding


def test_a_clock_that_the_kernel_says_nothing_of_is_not_called_wrong() -> None:
    for state in ({}, NSPAWN):
        row = missed({**state, "time": {"synchronised": None, "max_error_ms": None, "services": {}}})
        assert row.effective == "unknown"


def test_what_a_container_may_set_is_no_excuse() -> None:
    row = missed(
        {
            "container": "systemd-nspawn",
            "fixed_settings": ["net.core.rmem_max"],
            "sysctls": {**STATE["sysctls"], "vm.swappiness": "60"},
        }
    )
    assert row.finding
    # Its fstab is its own, and so are its processes' heaps.
    assert missed({**NSPAWN, "fstab_swaps": ["/swapfile"]}).finding
    assert missed({**NSPAWN, **kafka(heap_mb=100)}).finding


@pytest.mark.parametrize(
    ("state", "waiting"),
    [
        (kafka(open_files=1024), "unit: definition"),
        (kafka(oom_score_adj=0), "unit: drop-ins"),
        (kafka(heap_mb=100), "/etc/kafka/kafka.env: KAFKA_HEAP_OPTS"),
    ],
)
def test_what_waits_for_a_restart_is_told(state: dict[str, Any], waiting: str) -> None:
    row = missed({**state, "pending": {"kafka.service": [waiting]}}, host_tuning_enforce=True)
    assert (row.note, row.finding) == ("waits for a restart", False)
    # What waits for another reason does not excuse it.
    other = "/etc/kafka/server.properties: num.io.threads"
    assert missed({**state, "pending": {"kafka.service": [other]}}).finding


def test_a_udp_test_that_was_not_put_back_is_a_finding() -> None:
    script = "/var/lib/barevm-udp-test/restore"
    row = missed({**NSPAWN, "files": {script: [script]}, "sysctls": VARIABLES["host_tuning_sysctl"]})
    assert (row.name, row.effective, row.finding) == ("UDP test's settings", "in force", True)
    assert "-e restore=true puts all back" in row.note


def test_more_than_is_asked_holds() -> None:
    more = {
        "sysctls": {"net.core.rmem_max": "33554432", "vm.swappiness": "1"},
        **kafka(open_files=-1),
    }
    assert {row.name: row.effective for row in rows(more) if row.holds} == {
        **{name: effective for name, _asked, effective in ROWS},
        "net.core.rmem_max": "33554432",
        "kafka LimitNOFILE": "unlimited",
    }


def test_a_share_of_the_ram_may_be_off_a_little_and_a_named_heap_may_not() -> None:
    near = kafka(heap_mb=740)
    assert all(row.holds for row in rows(near))
    row = missed(near, kafka_heap_size="750m")
    assert (row.asked, row.effective, row.finding) == ("750 MiB", "740 MiB", True)


def test_heaps_that_leave_too_little() -> None:
    row = missed(kafka(heap_mb=2000), kafka_heap_size="2000m")
    assert (row.name, row.effective, row.finding) == ("heaps together", "2375 MiB", True)


def test_a_mount_that_writes_access_times_is_advice_however_strict_the_inventory() -> None:
    relatime = {"mount_point": "/data", "options": ["rw", "relatime"]}
    row = missed({"disks": {"/data/a": relatime, "/data/b": relatime}}, host_tuning_enforce=True)
    assert (row.name, row.effective, row.finding) == ("mount /data", "rw,relatime", False)


def test_what_is_not_asked_for_has_no_row() -> None:
    names = {row.name for row in rows({"swaps": ["/swapfile"]}, host_tuning_swap_off=False)}
    assert not names & {"swap", "swap at a boot"}
    stopped = {row.name for row in rows({"processes": {"kafka.service": None}})}
    assert not [name for name in stopped if name.startswith(("kafka", "zookeeper", "heaps"))]
    assert missed({"transparent_hugepages": None, "swaps": ["/swapfile"]}).name == "swap"


def test_table_says_once_what_is_alike() -> None:
    wrong = {"sysctls": {**STATE["sysctls"], "vm.swappiness": "60"}}
    held = {**VARIABLES, "host_tuning_sysctl": {"vm.swappiness": 1}}
    found = [
        *host_effect.rows("a", held, {**STATE, **wrong, **NSPAWN}),
        *host_effect.rows("b", held, {**STATE, **wrong, **NSPAWN}),
        *host_effect.rows("c", held, {**STATE, **wrong}),
    ]
    assert host_effect.table(found, 3, every=False) == [
        "host: 3 of 39 settings are not as the inventory asks",
        "  hosts  setting        asked  effective",
        "  a, b   vm.swappiness  1      60         a container: the kernel is its machine's",
        "  c      vm.swappiness  1      60         is a finding",
    ]
    assert host_effect.table(found[:26], 2, every=False)[2].startswith("  all 2 hosts  vm.swappiness")
    assert len(host_effect.table(found, 3, every=True)) == 2 + 14


def test_the_proof_takes_findings_up_and_keeps_all_rows() -> None:
    groups, hosts = together(2, everywhere=VARIABLES)
    cluster = {**cluster_model.build(groups, hosts), "hosts": hosts}
    states = {
        "n1": {**STATE, "units": {}, "transparent_hugepages": "never"},
        "n2": {"unreachable": True, "msg": "timed out"},
    }
    found = verdict.Verdict()
    verdict.judge_effects(cluster, states, found)
    assert found.reasons == [
        "n1: transparent_hugepage is never, the inventory asks for madvise. "
        "Run site.yml; where it comes back, see what else sets it."
    ]
    kept = found.figures["host"]
    assert len(kept) == len(ROWS)
    assert kept[2] == {
        "host": "n1",
        "name": "transparent_hugepage",
        "asked": "madvise",
        "effective": "never",
        "holds": False,
        "note": "Run site.yml; where it comes back, see what else sets it",
        "finding": True,
    }


@pytest.mark.parametrize(
    ("asked", "has", "finding"),
    [
        (16777216, [16777216, 16777216], False),
        (16777216, [212992, 16777216], True),
        # The kernel's default was asked for; nobody listens, as before the first syslog_ingest.yml.
        (0, [212992], None),
        (16777216, [], None),
    ],
)
def test_a_syslog_ingests_receive_buffer(asked: int, has: list[int], finding: bool | None) -> None:
    variables = {**VARIABLES, "syslog_ingest_receive_buffer_bytes": asked}
    found = host_effect.rows("k1", variables, {**STATE, "receive_buffers": {"514": has}})
    assert [row.finding for row in found if "receive buffer" in row.name] == (
        [] if finding is None else [finding]
    )


def test_a_host_without_the_clusters_services_has_rows_of_its_kernel() -> None:
    variables = {name: value for name, value in VARIABLES.items() if name.startswith("host_tuning")}
    found = host_effect.rows("s1", variables, {**STATE, "processes": {}, "pending": {}})
    assert {"vm.swappiness", "swap", "clock"} <= {row.name for row in found}
    assert all(row.holds for row in found)
    lowered = {
        **STATE,
        "processes": {},
        "pending": {},
        "sysctls": {**STATE["sysctls"], "vm.swappiness": "60"},
    }
    (wrong,) = (row for row in host_effect.rows("s1", variables, lowered) if not row.holds)
    assert (wrong.name, wrong.finding) == ("vm.swappiness", True)
    assert wrong.note.startswith("Run syslog_ingest.yml")
