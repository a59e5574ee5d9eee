"""What a lab is, before any of it is made."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.plan import MAX_HOSTS, Plan, bridge_name, overlaps

ROOT = Path(__file__).parents[2]


def test_the_default_is_what_the_readme_promises() -> None:
    plan = Plan()
    assert [(host.name, host.address) for host in plan.members] == [
        ("zkkafka1", "192.168.20.20"),
        ("zkkafka2", "192.168.20.21"),
        ("zkkafka3", "192.168.20.22"),
    ]
    assert plan.gateway == "192.168.20.1"


def test_the_committed_inventory_is_the_default_lab() -> None:
    committed = (ROOT / "inventories" / "lab" / "hosts.yml").read_text()
    assert committed == Plan().inventory("../../.lab/lab")
    assert Plan().uses_committed_inventory


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "two"},
        {"hosts": 5},
        {"subnet": "192.168.30.0/24"},
        {"prefix": "k"},
        {"first": 10},
        {"user": "ops"},
        {"log_file_systems": 2},
        {"backend": "qemu"},
    ],
    ids=str,
)
def test_a_lab_that_differs_gets_an_inventory_of_its_own(wish: dict) -> None:
    assert not Plan(**wish).uses_committed_inventory


def test_another_release_on_the_same_addresses_does_not() -> None:
    assert Plan(release="trixie", packages=("less",)).uses_committed_inventory


@given(hosts=st.integers(1, MAX_HOSTS))
def test_an_ensemble_is_odd_and_at_most_five(hosts: int) -> None:
    size = len(Plan(hosts=hosts).ensemble)
    assert size % 2 == 1
    assert size == min(5, hosts - (hosts + 1) % 2)


@given(hosts=st.integers(1, MAX_HOSTS), user=st.sampled_from(["root", "ops"]))
def test_an_inventory_says_every_host_once_with_its_ids(hosts: int, user: str) -> None:
    plan = Plan(hosts=hosts, user=user)
    inventory = yaml.safe_load(plan.inventory(".."))["all"]
    assert list(inventory["hosts"]) == [host.name for host in plan.members]
    assert [host["kafka_broker_id"] for host in inventory["hosts"].values()] == list(range(1, hosts + 1))
    groups = {name: list(group["hosts"]) for name, group in inventory["children"].items()}
    assert groups == {
        "zookeeper": [host.name for host in plan.ensemble],
        "kafka": [host.name for host in plan.members],
        "syslog_ingest": [plan.members[0].name],
    }
    with_id = [name for name, host in inventory["hosts"].items() if "zookeeper_id" in host]
    assert with_id == groups["zookeeper"]
    assert inventory["vars"].get("ansible_become", False) is (user != "root")
    assert "StrictHostKeyChecking=yes" in inventory["vars"]["ansible_ssh_common_args"]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"hosts": 0}, r"0 hosts: .* 1 to 50 .*LAB_HOSTS"),
        ({"hosts": 51}, r"51 hosts: .* 1 to 50"),
        ({"release": "sid"}, r"'sid': .*bookworm, trixie"),
        ({"subnet": "192.168.20.5/24"}, r"'192.168.20.5/24': .*host bits set.*192.168.20.0/24"),
        ({"subnet": "nonsense"}, r"'nonsense'"),
        ({"subnet": "192.168.20.0/28"}, r"192.168.20.0/28 has no room for 3 hosts .* 20"),
        ({"subnet": "8.8.8.0/24"}, r"8.8.8.0/24 has addresses of the internet.*LAB_SUBNET"),
        ({"subnet": "10.0.0.0/7"}, r"10.0.0.0/7 has addresses of the internet"),
        ({"subnet": "224.0.0.0/24"}, r"224.0.0.0/24 has addresses of the internet"),
        ({"first": 253}, r"no room for 3 hosts from its address number 253"),
        ({"first": 1}, r"no room"),
        ({"name": "../x"}, r"lab name '../x'"),
        ({"prefix": "Zk"}, r"prefix 'Zk'"),
        ({"user": "a b"}, r"user 'a b'"),
        ({"packages": ("less; rm",)}, r"package 'less; rm'"),
        ({"log_file_systems": 5}, r"5 log file systems: .* up to 4"),
        ({"backend": "vmware"}, r"backend 'vmware': .*nspawn, qemu.*LAB_BACKEND"),
        ({"memory_mb": 4096}, r"nspawn share the machine's memory .*LAB_BACKEND=qemu"),
        ({"cpus": 2}, r"nspawn share .*processors"),
        ({"backend": "qemu", "memory_mb": 100}, r"100 MB of memory: .* 512 at least"),
        ({"backend": "qemu", "cpus": 65}, r"65 processors: .* 1 to 64"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_in_words(wish: dict, words: str) -> None:
    with pytest.raises(LabError, match=words):
        Plan(**wish)


def test_a_plan_survives_being_kept() -> None:
    plan = Plan(name="two", hosts=5, packages=("a1", "b1"), user="ops", log_file_systems=2)
    assert Plan.from_json(plan.as_json()) == plan


def test_a_lab_of_before_there_were_backends_is_read() -> None:
    kept = Plan(name="old").as_json()
    for field in ("backend", "memory_mb", "cpus"):
        del kept[field]
    assert Plan.from_json(kept) == Plan(name="old")


def test_brokers_are_given_the_file_systems_that_their_hosts_have() -> None:
    plan = Plan(name="small", log_file_systems=2)
    assert yaml.safe_load(plan.values()) == {
        "kafka_cluster_name": "small",
        "kafka_log_dirs": ["/srv/kafka/a", "/srv/kafka/b"],
        "kafka_log_dir_min_free_mb": 256,
    }


@given(name=st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True), state=st.text(max_size=200))
def test_a_bridge_name_fits_the_kernel(name: str, state: str) -> None:
    assert len(bridge_name(name, state)) <= 15


def test_two_checkouts_have_two_bridges() -> None:
    assert bridge_name("lab", "/a/.lab/lab") != bridge_name("lab", "/b/.lab/lab")


def link(name: str, address: str) -> dict:
    local, length = address.split("/")
    return {"ifname": name, "addr_info": [{"local": local, "prefixlen": int(length)}]}


WANTED = ipaddress.IPv4Network("192.168.20.0/24")


@pytest.mark.parametrize(
    ("links", "routes", "found"),
    [
        ([link("eth0", "10.0.0.5/24")], [{"dst": "default", "dev": "eth0"}], []),
        ([link("kl-lab-1", "192.168.20.1/24")], [{"dst": "192.168.20.0/24", "dev": "kl-lab-1"}], []),
        ([link("docker0", "192.168.20.1/24")], [], ["interface docker0 (192.168.20.1/24)"]),
        (
            [link("docker0", "192.168.20.1/24")],
            [{"dst": "192.168.20.0/24", "dev": "docker0"}],
            ["interface docker0 (192.168.20.1/24)"],
        ),
        ([link("wlan0", "192.168.20.77/16")], [], ["interface wlan0 (192.168.20.77/16)"]),
        ([], [{"dst": "192.168.0.0/16", "dev": "tun0"}], ["route 192.168.0.0/16 through tun0"]),
        ([], [{"dst": "192.168.20.20", "dev": "tun0"}], ["route 192.168.20.20 through tun0"]),
        ([], [{"type": "blackhole", "dst": "192.168.20.0/25"}], ["route 192.168.20.0/25 through blackhole"]),
        ([{"ifname": "lo"}], [{"dst": "10.0.0.0/8", "dev": "tun0"}], []),
    ],
)
def test_who_has_the_addresses_already(links: list, routes: list, found: list[str]) -> None:
    assert overlaps(WANTED, links, routes, "kl-lab-1") == found


@pytest.mark.parametrize("hosts", [1, 2])
def test_one_or_two_brokers_get_what_they_can_meet(hosts: int) -> None:
    values = yaml.safe_load(Plan(name="few", hosts=hosts).values())
    assert values["kafka_default_replication_factor"] == hosts
    assert values["kafka_offsets_topic_replication_factor"] == hosts
    assert values["kafka_min_insync_replicas"] == 1
    assert yaml.safe_load(Plan(name="three").values()) == {"kafka_cluster_name": "three"}
