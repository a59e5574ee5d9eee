"""A consumer group in a whole durability test: started, bounced, judged and removed with it."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.barevm.kafka.plugins.module_utils import durability_files as files
from ansible_collections.barevm.kafka.plugins.module_utils.durability_group import member_file
from confluent_kafka.admin import AdminClient

from tests.integration.cluster import Kafka, wait_until
from tests.integration.test_durability_judging import begin, judge, servers


def groups(kafka: Kafka) -> set[str]:
    admin = AdminClient({"bootstrap.servers": servers(kafka)[0]})
    return {each.group_id for each in admin.list_consumer_groups(request_timeout=10).result().valid}


def test_a_group_whose_members_are_killed_passes_and_leaves_nothing(kafka: Kafka, tmp_path: Path) -> None:
    ledger = begin(kafka, tmp_path, group_members=2, group_bounce_every_s=8.0)
    name = f"durability-{files.read_test(ledger).run_id}"
    wait_until("the group is there", lambda: name in groups(kafka))
    time.sleep(24)
    document = judge(ledger, expect={"unknown": 0})["document"]
    assert (document["result"], document["reasons"]) == ("PASS", [])
    group = document["group"]
    assert group["handled"] == document["records_read"]
    assert group["members_killed"] >= 2
    # The place of one that was killed just before the end stays empty.
    assert group["members"] - group["members_killed"] in (1, 2)
    assert group["rebalances"] >= 1
    assert group["longest_rebalance_s"] > 3
    # A commit that a broker took, and its member could not write down any more, makes them fewer.
    assert group["duplicates"] <= group["duplicates_allowed"]
    assert (group["missing"], group["violations"]) == (0, 0)
    assert (group["commit_s"], group["session_timeout_s"]) == (1.0, 10.0)
    assert document["settings"]["after"]["internal"]["__consumer_offsets"]["replication_factor"] == 3
    assert not ledger.exists()
    wait_until("the group is gone", lambda: name not in groups(kafka))


def test_what_members_wrote_down_decides(kafka: Kafka, tmp_path: Path) -> None:
    """The same test, with one line of a member's file changed: it must not pass, and for that reason."""
    ledger = begin(kafka, tmp_path, group_members=1)
    time.sleep(3)
    judged = judge(ledger, keep=True)["document"]
    assert judged["result"] == "PASS"
    file = member_file(ledger, 1)
    lines = file.read_text().splitlines(keepends=True)
    which = max(number for number, line in enumerate(lines) if '"handled"' in line)
    file.write_text("".join(lines[:which] + lines[which + 1 :]))
    document = judge(ledger, keep=True)["document"]
    assert document["result"] == "FAIL"
    assert {each["rule"] for each in document["findings"]} == {"d"}
    assert document["group"]["missing"] == judged["group"]["handled"] - document["group"]["handled"] > 0
    assert (document["acked_lost"], document["group"]["commits_beyond_handled"]) == (0, 1)
