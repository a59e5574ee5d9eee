"""Every rule about the hosts' folders: what breaks it, with its words, and a neighbour that does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import cluster_model, disk_rules

from tests.described import apart, together

DATA, TXN, LOGS = "/var/lib/zookeeper/data", "/var/lib/zookeeper/txnlog", "/var/lib/kafka"
META = {"version": "0", "broker.id": "1", "cluster.id": "X"}
STOPPED = {"active_state": "inactive", "main_pid": 0}
RUNNING = {"active_state": "active", "main_pid": 20}


def cluster(size: int = 3, **of_host: dict[str, Any]) -> dict[str, Any]:
    """What preflight_inventory returns of hosts n1, n2, … with a server and a broker each."""
    groups, hosts = together(size, **of_host)
    return {**cluster_model.build(groups, hosts), "hosts": hosts}


def state(
    zookeeper: tuple[bool, ...] = (True, True),
    logs: dict[str, dict[str, str] | None] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What host_state answers, as far as these rules look: a host whose folders hold data, unless given."""
    disk = {"exists": True, "mount_point": "/"}
    found = {LOGS: META} if logs is None else logs
    paths = [DATA, TXN, *found]
    return {
        "identities": {
            "myid": "1",
            "meta_properties": found,
            "zookeeper_data": dict(zip((DATA, TXN), zookeeper, strict=False)),
            "marked": more.get("marked", []),
            "recorded": more.get("recorded", paths),
        },
        "units": {"kafka.service": more.get("unit", RUNNING), "zookeeper.service": RUNNING},
        "disks": dict.fromkeys(paths, disk) | more.get("disks", {}),
    }


def bare(**more: Any) -> dict[str, Any]:
    return state((False, False), {LOGS: None}, **{"recorded": [], "unit": STOPPED, **more})


def answer(**more: Any) -> dict[str, Any]:
    """What cluster_identity answers of a cluster that runs."""
    return {"reachable": True, "cluster_id": "X", "registered": [], "replicas": [], **more}


def told(
    described: dict[str, Any], states: dict[str, Any], identity: dict[str, Any] | None = None
) -> list[str]:
    found = disk_rules.check(described, states, answer() if identity is None else identity)
    return [str(one) for one in found if one.severity == "error"]


def only(found: list[str], *words: str) -> None:
    assert len(found) == 1, found
    for word in words:
        assert word in found[0]


def everywhere(one: dict[str, Any], size: int = 3) -> dict[str, Any]:
    return {f"n{number}": one for number in range(1, size + 1)}


# A new cluster, and one that runs


def test_a_new_cluster_is_right_and_asks_nobody() -> None:
    states = everywhere(bare())
    assert disk_rules.question(cluster(), states) == {"needed": False, "replicas_of": [1, 2, 3]}
    assert told(cluster(), states, {}) == []
    assert disk_rules.markers(cluster(), states, {})["n2"] == {
        "zookeeper": [f"{DATA}/initialize", f"{TXN}/initialize"],
        "kafka": [f"{LOGS}/initialize"],
    }


def test_a_cluster_with_its_disks_is_right_and_gets_no_marker() -> None:
    states = everywhere(state())
    assert disk_rules.question(cluster(), states) == {"needed": True, "replicas_of": []}
    for identity in (answer(), {}):
        assert told(cluster(), states, identity) == []
        assert disk_rules.markers(cluster(), states, identity)["n1"] == {"zookeeper": [], "kafka": []}


@pytest.mark.parametrize("identity", [answer(), {"reachable": False}])
def test_a_server_that_is_added_must_not_vote_before_it_has_the_data(identity: dict[str, Any]) -> None:
    """Also where the ensemble is stopped: what it knows is on the others' disks."""
    states = {**everywhere(state()), "n3": state((False, False), recorded=[LOGS])}
    assert told(cluster(), states, identity) == []
    assert disk_rules.markers(cluster(), states, identity)["n3"]["zookeeper"] == [
        f"{DATA}/join",
        f"{TXN}/join",
    ]


def test_what_a_run_that_ended_early_has_marked_stays_marked() -> None:
    states = everywhere(bare(recorded=[DATA, TXN, LOGS], marked=[DATA, TXN, LOGS]))
    assert told(cluster(), states, {}) == []
    assert disk_rules.markers(cluster(), states, {})["n1"]["zookeeper"] == []


# Folders that held data


def test_a_log_directory_that_was_in_use_and_is_empty() -> None:
    lost = state(logs={"/data/a": META, "/data/b": None}, recorded=["/data/a", "/data/b"])
    only(
        told(cluster(), {**everywhere(state()), "n2": lost}),
        "n2: kafka_log_dirs = '/data/b': a broker ran with it, and it has no meta.properties "
        "(empty, on the file system of /). Mount its disk; if its data is gone and the broker shall take it "
        "from the other replicas, run once with "
        '-e \'{"kafka_initialize_log_dirs": ["/data/b"]}\' --limit n2.',
    )


@pytest.mark.parametrize(
    "more", [{"recorded": ["/data/a"]}, {"recorded": ["/data/a", "/data/b"], "marked": ["/data/b"]}]
)
def test_a_log_directory_that_is_added(more: dict[str, Any]) -> None:
    added = state(logs={"/data/a": META, "/data/b": None}, **more)
    states = {**everywhere(state()), "n2": added}
    assert told(cluster(), states) == []
    assert disk_rules.markers(cluster(), states, answer())["n2"]["kafka"] == ["/data/b/initialize"]


def test_a_log_directory_whose_data_is_said_to_be_gone() -> None:
    described = cluster(n2={"kafka_initialize_log_dirs": ["/data/b"]})
    states = {
        **everywhere(state()),
        "n2": state(logs={"/data/a": META, "/data/b/": None}, recorded=["/data/b"]),
    }
    assert told(described, states) == []
    assert disk_rules.markers(described, states, answer())["n2"]["kafka"] == ["/data/b/initialize"]


def test_leave_that_was_not_taken_back_is_warned_of() -> None:
    described = cluster(n2={"kafka_initialize_log_dirs": [LOGS], "zookeeper_initialize": True})
    found = disk_rules.check(described, everywhere(state()), answer())
    assert [(one.host, one.variable, one.severity) for one in found] == [
        ("n2", "zookeeper_initialize", "warning"),
        ("n2", "kafka_initialize_log_dirs", "warning"),
    ]


def test_a_server_whose_folders_were_in_use_and_are_empty() -> None:
    states = {**everywhere(state()), "n2": state((False, False))}
    found = told(cluster(), states)
    assert len(found) == 2
    assert found[0].startswith(
        f"n2: zookeeper_data_dir = '{DATA}': a server ran with it, and it has no database "
        "(empty, on the file system of /). Mount its disk; if its data is gone, set zookeeper_initialize"
    )
    assert f"n2: zookeeper_txn_log_dir = '{TXN}': a server ran with it" in found[1]
    described = cluster(n2={"zookeeper_initialize": True})
    assert told(described, states) == []
    assert disk_rules.markers(described, states, answer())["n2"]["zookeeper"] == [
        f"{DATA}/join",
        f"{TXN}/join",
    ]


@pytest.mark.parametrize(
    ("has", "variable", "other"),
    [((True, False), "zookeeper_txn_log_dir", DATA), ((False, True), "zookeeper_data_dir", TXN)],
)
@pytest.mark.parametrize("allowed", [False, True])
def test_a_server_with_half_of_its_data(
    has: tuple[bool, bool], variable: str, other: str, allowed: bool
) -> None:
    states = {**everywhere(state()), "n2": state(has, recorded=[])}
    only(
        told(cluster(n2={"zookeeper_initialize": allowed}), states),
        f"n2: {variable} = ",
        f"while {other} has one: without both the server would forget",
        f"move {other}/version-2 away as well",
    )


def test_an_absent_folder_is_told_with_the_disk_it_would_be_on() -> None:
    gone = state(
        logs={"/data/b/kafka": None},
        recorded=["/data/b/kafka"],
        disks={"/data/b/kafka": {"exists": False, "mount_point": "/"}},
    )
    only(told(cluster(), {**everywhere(state()), "n2": gone}), "(absent, on the file system of /)")


def test_a_folder_that_a_broker_would_end_over() -> None:
    lost = state()
    lost["identities"]["foreign"] = {LOGS: ["lost+found"]}
    only(
        told(cluster(), {**everywhere(state()), "n2": lost}),
        f"n2: kafka_log_dirs = '{LOGS}': it holds lost+found: Kafka takes every folder there for a partition",
        "name a folder below instead",
    )


def test_a_log_directory_that_a_link_leads_to_another() -> None:
    twice = state(logs={"/data/a": META, "/data/link": META})
    twice["identities"]["linked"] = {"/data/link": "/data/a"}
    only(
        told(cluster(), {**everywhere(state()), "n2": twice}),
        "n2: kafka_log_dirs = '/data/link': by a symbolic link it is the same as, or nested with, /data/a",
    )
    within = state(logs={"/data/link": META})
    within["identities"]["linked"] = {"/data/link": f"{DATA}/kafka"}
    only(told(cluster(), {**everywhere(state()), "n2": within}), f"nested with, {DATA}")
    apart_of_it = state(logs={"/data/a": META, "/data/link": META})
    apart_of_it["identities"]["linked"] = {"/data/link": "/data/ab"}
    assert told(cluster(), {**everywhere(state()), "n2": apart_of_it}) == []


# What the running cluster knows


def test_a_rebuilt_broker_whose_partitions_zookeeper_knows() -> None:
    states = {**everywhere(state()), "n2": state(logs={LOGS: None}, recorded=[DATA, TXN], unit=STOPPED)}
    held = answer(replicas=[{"id": 2, "partitions": 40, "examples": ["orders-0", "orders-3"]}])
    assert disk_rules.question(cluster(), states) == {"needed": True, "replicas_of": [2]}
    only(
        told(cluster(), states, held),
        "n2: kafka_broker_id = 2: ZooKeeper says that it holds 40 partitions (orders-0, orders-3, …), and "
        f"its log directories are empty: {LOGS} (empty, on the file system of /)",
        f"set kafka_initialize_log_dirs: [{LOGS}] for this host once; if it is a new broker, give it an id",
    )
    assert told(cluster(), states) == [], "a new broker of a cluster that runs"
    described = cluster(n2={"kafka_initialize_log_dirs": [LOGS]})
    assert disk_rules.question(described, states)["replicas_of"] == []
    assert told(described, states) == []


def test_an_empty_broker_of_a_stopped_cluster_is_not_taken_for_a_new_one() -> None:
    """An empty broker that is still in the in-sync set could lead, and the others would follow it."""
    states = {**everywhere(state()), "n2": state(logs={LOGS: None}, recorded=[DATA, TXN], unit=STOPPED)}
    only(
        told(cluster(), states, {"reachable": False}),
        "n2: kafka_broker_id = 2: its log directories are empty",
        "the cluster is not new, and ZooKeeper does not answer",
        "Start ZooKeeper first",
    )
    # Brokers that never ran hold nothing: a first run that got no further than ZooKeeper goes on.
    begun = everywhere(state(logs={LOGS: None}, recorded=[DATA, TXN], unit=STOPPED))
    assert told(cluster(), begun, {"reachable": False}) == []


def test_a_part_of_a_new_cluster_cannot_be_told_from_a_part_of_a_stopped_one() -> None:
    found = told(cluster(), {"n2": bare()}, {"reachable": False})
    assert len(found) == 3
    assert "n2: zookeeper_data_dir" in found[0]
    assert "cannot be told without a look at n1, n3: it does not answer. Run without --limit" in found[0]
    assert "n2: kafka_broker_id = 2" in found[2]
    assert disk_rules.question(cluster(), {"n2": bare()})["needed"]
    assert told(cluster(), {"n2": bare()}) == [], "the cluster runs, so it can be asked"


def test_a_broker_at_work_elsewhere_with_the_same_id() -> None:
    states = everywhere(state(unit=STOPPED))
    other = answer(registered=[{"id": 2, "endpoints": {"PLAINTEXT": "PLAINTEXT://192.0.2.77:9092"}}])
    only(
        told(cluster(), states, other),
        "n2: kafka_broker_id = 2: a broker of that id is at work at 192.0.2.77:9092, and does not run here",
    )
    assert told(cluster(), {**states, "n2": state()}, other) == [], "it runs here, with an address of before"
    own = answer(registered=[{"id": 2, "endpoints": {"PLAINTEXT": "PLAINTEXT://192.0.2.2:9092"}}])
    assert told(cluster(), states, own) == []


# Clusters that are mixed up


def of_cluster(**ids: str) -> dict[str, Any]:
    return state(logs={f"/{name}": {**META, "cluster.id": found} for name, found in ids.items()})


def test_log_directories_of_another_cluster_than_zookeeper_s() -> None:
    only(
        told(cluster(), {"n1": of_cluster(a="X"), "n2": of_cluster(a="Y"), "n3": of_cluster(a="X")}),
        "n2: kafka_log_dirs = '/a': its meta.properties says cluster.id Y, ZooKeeper "
        "192.0.2.1:2181,192.0.2.2:2181,192.0.2.3:2181/kafka says X: the partitions there belong to another",
    )
    everyone = everywhere(of_cluster(a="Y"))
    assert len(told(cluster(), everyone)) == 3, "ZooKeeper outweighs any number of them"


def test_log_directories_of_two_clusters_where_zookeeper_does_not_answer() -> None:
    states = {"n1": of_cluster(a="X", b="Y"), "n2": of_cluster(a="X"), "n3": of_cluster(a="X")}
    only(told(cluster(), states, {}), "n1: kafka_log_dirs = '/b'", "says cluster.id Y, 3 others say X")
    states = {"n1": of_cluster(a="X"), "n2": of_cluster(a="Y"), "n3": state(logs={})}
    only(told(cluster(), states, {}), "n2: kafka_log_dirs = '/a'", "says cluster.id Y, n1:/a says X")
    assert told(cluster(), everywhere(of_cluster(a="X")), {}) == []


def test_a_zookeeper_that_does_not_know_the_cluster_of_the_disks() -> None:
    only(
        told(cluster(), everywhere(state()), answer(cluster_id="")),
        "n1, n2, n3: kafka_chroot = '/kafka': ZooKeeper",
        "knows no cluster there, while the log directories belong to cluster X",
    )


def test_brokers_with_data_and_servers_without() -> None:
    groups, hosts = apart(["192.0.2.1"], ["192.0.2.11", "192.0.2.12"])
    described = {**cluster_model.build(groups, hosts), "hosts": hosts}
    server = {
        "identities": {"myid": None, "meta_properties": {}, "zookeeper_data": {DATA: False, TXN: False}},
        "units": {"zookeeper.service": STOPPED},
    }
    broker = {
        "identities": {"myid": None, "meta_properties": {LOGS: META}},
        "units": {"kafka.service": STOPPED},
    }
    states = {"z1": server, "k1": broker, "k2": broker}
    only(
        told(described, states, {"reachable": False}),
        f"z1: zookeeper_data_dir = '{DATA}': no server has a database, while there are partitions of "
        "cluster X on k1, k2, whose topics only ZooKeeper knows",
    )
    kept = {**server, "identities": {**server["identities"], "zookeeper_data": {DATA: True, TXN: True}}}  # type: ignore[dict-item]
    assert told(described, {**states, "z1": kept}, {"reachable": False}) == []
    assert told(described, {"k1": broker, "k2": broker}, {"reachable": False}) == []
