"""The verdict and the page of a UDP test, the page in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import udp_figures, udp_report
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

from tests.browser import dom_of, plotted_points

BEFORE = {
    "rsyslog_pid": 7,
    "received": 0,
    "submitted": 0,
    "parse_enqueued": 0,
    "enqueued": 0,
    "acked": 0,
    "port_drops": 0,
    "udp_receive_buffer_errors": 0,
    "udp_in_datagrams": 0,
    "nic_dropped": 0,
}


def raw(profile: str, rate: float, drops: int = 0, **changed: Any) -> dict[str, Any]:
    """What the parts of a step answered: 5 s at ``rate``, ``drops`` of them dropped by the socket."""
    sent = round(rate * 5)
    came = sent - drops
    after = {**BEFORE, "port_drops": drops, "udp_receive_buffer_errors": drops}
    after |= dict.fromkeys(("received", "submitted", "parse_enqueued", "enqueued", "acked"), came)
    after["udp_in_datagrams"] = came
    parts: dict[str, Any] = {
        "step": {
            "name": f"{profile}, {rate:,.0f}/s",
            "profile": profile,
            "rate_per_s": rate,
            "warm_up": False,
        },
        "before": {"counters": BEFORE},
        "burst": {
            "sent": sent,
            "duration_s": 5.0,
            "rate_per_s": rate,
            "errors": {},
            "way": {"device": "kl-lab", "mtu": 1500, "port": "tap0", "kind": "tap", "why": ""},
            "controller": {"controller_send_buffer": 0, "tap_packets": sent, "tap_dropped": 0},
        },
        "after": {"counters": after, "settled": True, "receive_buffer_bytes": 212992},
        "read": {
            "distinct": came,
            "duplicates": 0,
            "cut_short": 0,
            "late": 0,
            "foreign": 0,
            "first_missing": None,
            "complete": True,
            "awaited": 0,
            "why": "",
        },
    }
    for part, values in changed.items():
        parts[part] = {**parts[part], **values} if values else values
    return parts


def steps() -> list[dict[str, Any]]:
    return [
        udp_figures.step(one)
        for one in (
            raw("untuned", 1000),
            raw("untuned", 5000, 2500),
            raw("tuned", 1000),
            raw("tuned", 5000),
            raw("tuned", 20000, 4000),
        )
    ]


def test_datagrams_that_udp_lost_are_no_reason() -> None:
    found = steps()
    assert udp_figures.verdict(found, []) == ("PASS", [])
    assert [one["lost"] for one in found] == [0, 2500, 0, 0, 4000]
    profiles = udp_figures.profiles(found, {})
    assert udp_figures.summary(profiles) == (
        "untuned: loss begins between 1,000 and 5,000/s; tuned: loss begins between 5,000 and 20,000/s"
    )


def test_an_acknowledged_record_that_is_not_there_fails() -> None:
    row = udp_figures.step(raw("tuned", 1000, read={"distinct": 4999}))
    verdict, reasons = udp_figures.verdict([row], [])
    assert verdict == "FAIL"
    assert reasons[0] == "tuned, 1,000/s: 1 records that Kafka acknowledged could not be read back"


def test_records_on_their_way_are_not_called_lost() -> None:
    after = {"counters": {**raw("tuned", 1000)["after"]["counters"], "acked": 4000}}
    row = udp_figures.step(raw("tuned", 1000, after=after, read={"distinct": 4000, "awaited": 1000}))
    verdict, reasons = udp_figures.verdict([row], [])
    assert verdict == "INCONCLUSIVE"
    assert "1,000 records were still on their way" in reasons[0]
    assert row["acked_lost"] == row["unexplained"] == 0
    assert (row["lost"], row["loss_share"]) == (0, 0.0)
    assert udp_figures.profiles([row], {})["tuned"]["loss_from_per_s"] is None


def test_books_that_do_not_balance_prove_nothing() -> None:
    counters = raw("tuned", 1000)["after"]["counters"]
    less = {
        **counters,
        **dict.fromkeys(("received", "submitted", "parse_enqueued", "enqueued", "acked"), 4990),
    }
    row = udp_figures.step(raw("tuned", 1000, after={"counters": less}, read={"distinct": 4990}))
    verdict, reasons = udp_figures.verdict([row], [])
    assert verdict == "INCONCLUSIVE"
    assert reasons == ["tuned, 1,000/s: the books do not balance: no counter explains network +10 datagrams"]


def test_a_restart_of_rsyslog_and_a_topic_that_was_not_read_are_told() -> None:
    counters = {**raw("tuned", 1000)["after"]["counters"], "rsyslog_pid": 8}
    row = udp_figures.step(raw("tuned", 1000, after={"counters": counters}))
    assert "rsyslog was restarted meanwhile" in udp_figures.verdict([row], [])[1][0]
    unread = {"distinct": 0, "complete": False, "why": "Kafka does not answer at 192.0.2.1:9092"}
    verdict, reasons = udp_figures.verdict([udp_figures.step(raw("tuned", 1000, read=unread))], [])
    assert verdict == "INCONCLUSIVE", "nobody knows whether they are there"
    assert "Kafka does not answer" in reasons[0]


def test_a_step_that_failed_has_its_reason() -> None:
    row = udp_figures.step({"step": raw("tuned", 1000)["step"], "failed": "Send: no route"})
    assert udp_figures.verdict([row], ["the test ended"]) == (
        "INCONCLUSIVE",
        ["the test ended", "tuned, 1,000/s: Send: no route", "no step came to its end"],
    )


def test_notes_say_what_to_know() -> None:
    slow = udp_figures.step(raw("tuned", 1000, burst={"rate_per_s": 700.0}))
    below = udp_figures.step(raw("tuned", 2000, burst={"controller": {"tap_dropped": 3}}))
    facts = {"tuned": {"settings": {}, "refused": [{"name": "net.core.rmem_max"}]}}
    way = {"way": {"port": "", "kind": "", "why": "the way leaves by eth0"}}
    found = udp_figures.notes([slow, below], udp_figures.profiles([slow, below], facts), way)
    told = "\n".join(found)
    assert "the kernel refused net.core.rmem_max" in told
    assert "not seen: the way leaves by eth0" in told
    assert "kept from the rate asked for: tuned, 1,000/s 700/s" in told
    assert "remainder below zero" in told
    assert "tuned, 2,000/s, network -3" in told


def result(rows: list[dict[str, Any]]) -> Result:
    verdict, reasons = udp_figures.verdict(rows, [])
    profiles = udp_figures.profiles(rows, {"untuned": {"settings": {"net.core.rmem_max": "212992"}}})
    return Result(
        "udp_test",
        datetime(2026, 1, 1, tzinfo=UTC),
        60.0,
        verdict,
        reasons,
        {
            "summary": udp_figures.summary(profiles),
            "parameters": {"size": 512, "rates": [1000.0], "capture": "none"},
            "notes": ["<b>this</b>"],
            "profiles": profiles,
            "steps": rows,
        },
    )


def test_the_page_has_both_curves_and_the_places(tmp_path: Path) -> None:
    page = tmp_path / "udp_test.html"
    page.write_text(udp_report.html(result(steps())))
    dom = dom_of(page)
    # Loss by place has a line for the receive buffer of each profile; where nothing was lost there is none.
    assert plotted_points(dom) == [5, 5]
    assert "untuned: by place, datagrams" in dom
    assert "lost at: UDP buffer" in dom
    assert "of it receive buffer full" in dom
    assert "2,500 (10.00 %)" in dom
    assert "&lt;b&gt;this&lt;/b&gt;" in dom
    assert "1,000 to 5,000/s" in dom


def test_a_line_that_has_no_legend_is_named_by_the_title(tmp_path: Path) -> None:
    rows = [udp_figures.step(raw("untuned", 1000)), udp_figures.step(raw("untuned", 5000, 2500))]
    assert "<h2>Loss by place: untuned, UDP buffer</h2>" in udp_report.html(result(rows))


def test_where_nothing_was_lost_there_is_no_plot_of_places(tmp_path: Path) -> None:
    page = tmp_path / "udp_test.html"
    rows = [udp_figures.step(raw("untuned", 1000)), udp_figures.step(raw("tuned", 1000))]
    page.write_text(udp_report.html(result(rows)))
    dom = dom_of(page)
    assert plotted_points(dom) == [2]
    assert "above 1,000/s" in dom


def test_a_step_that_could_send_nothing_has_a_reason_and_a_page() -> None:
    refused = udp_figures.step(raw("tuned", 0, burst={"rate_per_s": 0.0, "errors": {"EPERM": 5000}}))
    assert refused["reasons"] == [
        "tuned, 0/s: the controller's own kernel took no datagram: 5,000 times EPERM"
    ]
    assert "no step came to its end" in udp_figures.verdict([refused], [])[1]
    assert "lost in all" in udp_report.html(result([refused]))
    some = udp_figures.step(raw("tuned", 1000, burst={"errors": {"ENOBUFS": 3}}))
    assert udp_figures.notes([some], {}, {}) == [
        "not sent, for the controller's own kernel refused them: tuned, 1,000/s: 3 times ENOBUFS"
    ]


def test_a_test_that_measured_nothing_has_a_page(tmp_path: Path) -> None:
    page = tmp_path / "udp_test.html"
    rows = [udp_figures.step({"step": raw("tuned", 1000)["step"], "failed": "no route"})]
    page.write_text(udp_report.html(result(rows)))
    assert plotted_points(dom_of(page)) == []
