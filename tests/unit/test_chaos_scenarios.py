"""Every scenario that is shipped can be read and unrolled; what is wrong in one is told with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_report, chaos_scenarios
from ansible_collections.barevm.kafka.plugins.module_utils.chaos_scenarios import WrongScenario

BOUNDS = {"session_s": 18.0, "tick_s": 2.0, "lag_s": 30.0}
BROKERS = [1, 2, 3]
ALL = chaos_scenarios.names()
DOCS = Path(__file__).parents[2] / "docs"


def steps(name: str, own_disks: int | None = 2) -> list[dict[str, Any]]:
    return chaos_scenarios.unrolled(chaos_scenarios.read(name), BROKERS, BOUNDS, own_disks)


def written(folder: Path, document: Any) -> chaos_scenarios.Scenario:
    (folder / "mine.yml").write_text(yaml.safe_dump(document))
    return chaos_scenarios.read("mine", folder)


def test_every_row_of_the_table_is_there() -> None:
    assert set(ALL) == {
        *("steady", "stop_leader", "stop_controller", "kill_leader", "kill_controller", "kill_five_in_a_row"),
        *("kill_one_by_one", "pause_leader", "cut_leader_from_brokers", "cut_leader", "cut_follower"),
        *("kill_zookeeper_leader", "lose_quorum", "lose_quorum_and_broker", "lose_packets"),
        *("rolling_restart", "rolling_change", "fill_disk", "fill_one_of_two", "lose_two_brokers"),
        "kill_machine",
    }


@pytest.mark.parametrize("name", ALL)
def test_a_scenario_heals_what_it_strikes_and_proves_it(name: str) -> None:
    """Its own steps do; what heals it after a failure is the role's matter."""
    found = steps(name)
    strikes = [position for position, step in enumerate(found) if step["kind"] == "strike"]
    heals = [position for position, step in enumerate(found) if step["kind"] == "heal"]
    scenario = chaos_scenarios.read(name)
    if strikes:
        assert heals
        assert max(heals) > max(strikes)
        assert found[-1]["kind"] in ("await", "hold")
        assert scenario.expect["proofs"]
    assert "unknown" in scenario.expect
    # A figure that no result has would make every run INCONCLUSIVE.
    figures = {*chaos_report.FIGURES, "max_under_min_isr", "max_offline", "max_under_replicated"}
    for part in ("at_most", "at_least"):
        assert set(scenario.expect.get(part, {})) <= figures


@pytest.mark.parametrize("name", ALL)
def test_an_operation_is_shown_to_have_restarted_every_broker(name: str) -> None:
    """That it ended with 0 is not that it did anything."""
    found = steps(name)
    for position, step in enumerate(found):
        if step["kind"] == "operation":
            after = found[position + 1 : position + 4]
            assert [one.get("of") for one in after] == ["broker 1", "broker 2", "broker 3"]
            assert {one.get("proves") for one in after} == {"new_session"}
            assert "new_session" in chaos_scenarios.read(name).expect["proofs"]


def test_nothing_is_struck_without_the_lock_that_a_roll_takes() -> None:
    folder = chaos_scenarios.FOLDER.parents[1] / "tasks"
    scenario = yaml.safe_load((folder / "scenario.yml").read_text())
    tasks = next(task["block"] for task in scenario if "block" in task)
    locks = [task.get("barevm.kafka.roll_lock", {}).get("state") for task in tasks]
    names = [task["name"] for task in tasks]
    assert locks.index("taken") < names.index("Take the steps")
    end = yaml.safe_load((folder / "end.yml").read_text())
    released = [task.get("barevm.kafka.roll_lock", {}).get("state") for task in end]
    assert released.index("released") > [task["name"] for task in end].index("Heal every host")


def test_an_unreachable_host_does_not_end_the_healing_of_others() -> None:
    """any_errors_fatal ends a run by an unreachable host also where that is ignored."""

    def ignoring(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        inner = [
            one for task in tasks for part in ("block", "rescue", "always") for one in task.get(part, [])
        ]
        return [task for task in tasks if task.get("ignore_unreachable")] + (ignoring(inner) if inner else [])

    folder = chaos_scenarios.FOLDER.parents[1] / "tasks"
    found = {
        path.name: [task["any_errors_fatal"] for task in ignoring(yaml.safe_load(path.read_text()) or [])]
        for path in folder.glob("*.yml")
    }
    assert {name: each for name, each in found.items() if each} == {
        "begin.yml": [False],
        "end.yml": [False],
        "scenario.yml": [False],
    }


@pytest.mark.parametrize("name", ALL)
def test_a_scenario_is_in_the_handbook(name: str) -> None:
    assert f"`{name}`" in (DOCS / "chaos.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALL)
def test_a_fault_undoes_itself_only_after_all_that_may_come(name: str) -> None:
    found = steps(name)
    for position, step in enumerate(found):
        if step["kind"] == "strike":
            longest = sum(one.get("within_s", 0) + one.get("seconds", 0) for one in found[position + 1 :])
            assert step["undo_after_s"] > longest
            assert step["undo_after_s"] < 1800


def test_brokers_are_killed_and_started_in_the_same_order() -> None:
    found = steps("kill_one_by_one")
    order = ["broker 1", "broker 2", "broker 3"]
    assert [step["of"] for step in found if step["kind"] == "strike"] == order
    assert [step["target"] for step in found if step["kind"] == "heal"] == order


def test_five_in_a_row_are_five() -> None:
    found = steps("kill_five_in_a_row")
    assert [step["kind"] for step in found].count("strike") == 5
    first, second = [i for i, step in enumerate(found) if step["kind"] == "strike"][:2]
    between = [step.get("condition", step["kind"]) for step in found[first + 1 : second]]
    assert between[:3] == ["deregistered", "heal", "registered"]


def test_bounds_are_those_of_the_cluster() -> None:
    scenario = chaos_scenarios.read("kill_leader")
    assert chaos_scenarios.expected(scenario, BOUNDS)["at_most"]["time_to_deregister_s"] == 23.0
    quick = chaos_scenarios.expected(scenario, {**BOUNDS, "session_s": 6.0})
    assert quick["at_most"]["time_to_deregister_s"] == 11.0
    assert next(step for step in steps("kill_leader") if step["kind"] == "await")["within_s"] == 23.0


def test_how_many_may_be_unknown_is_a_whole_number_or_what_was_in_flight() -> None:
    wanted = {name: chaos_scenarios.expected(chaos_scenarios.read(name), BOUNDS)["unknown"] for name in ALL}
    assert (wanted["steady"], wanted["kill_leader"]) == (0, "in_flight")
    assert all(number == "in_flight" or type(number) is int for number in wanted.values())


def test_the_broker_with_its_own_disks_is_named() -> None:
    assert next(step for step in steps("fill_disk", 3) if step["kind"] == "strike")["of"] == "broker 3"


def test_all_and_lists() -> None:
    assert chaos_scenarios.chosen(["all"]) == ALL
    assert chaos_scenarios.chosen(["steady", "kill_leader", "steady"]) == ["steady", "kill_leader"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["kill_leadr"], "there is no scenario 'kill_leadr' (is it kill_leader?)"),
        (["steady", "zzz"], "there is no scenario 'zzz'. There are "),
        ([], "name a scenario: cut_follower, "),
    ],
)
def test_unknown_scenarios_are_refused_with_the_nearest(asked: list[str], words: str) -> None:
    with pytest.raises(ValueError, match="scenario") as refused:
        chaos_scenarios.chosen(asked)
    assert words in str(refused.value)


RIGHT: Mapping[str, Any] = {
    "title": "A test",
    "steps": [{"strike": "kill", "of": "leader"}, {"heal": "all"}],
    "expect": {"unknown": 0},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": None}, "title: a sentence is missing"),
        ({"stps": []}, "the file: there is no 'stps' (is it steps?)"),
        ({"steps": []}, "steps: a list is missing"),
        ({"needs": {"broker": 3}}, "needs: there is no 'broker' (is it brokers?)"),
        ({"needs": {"brokers": "3"}}, "needs.brokers: '3' is no int"),
        ({"test": {"rate": 5}}, "test: there is no 'rate'"),
        (
            {"expect": {"unknown": "in_fligt"}},
            "expect.unknown: 'in_fligt' is no whole number, and not in_flight",
        ),
        ({"expect": {"at_most": {"x": "sesion_s"}}}, "expect.at_most.x: there is no sesion_s"),
        ({"steps": [{"kill": "leader"}]}, "steps[0]: a step is one of "),
        ({"steps": [{"strike": "kil", "of": "leader"}]}, "steps[0]: there is no fault 'kil'"),
        ({"steps": [{"strike": "kill"}]}, "steps[0].of: there is no target None"),
        ({"steps": [{"strike": "kill", "of": "each"}]}, "steps[0].of: each is one of a foreach"),
        ({"steps": [{"strike": "cut", "of": "leader"}]}, "steps[0]: cut, and only cut, says from what"),
        ({"steps": [{"await": "silent", "within_s": 5}]}, "steps[0]: never and silent, and only these"),
        ({"steps": [{"await": "full_isr"}]}, "steps[0].within_s: None is neither"),
        ({"steps": [{"await": "full_irs", "within_s": 5}]}, "steps[0]: there is no condition 'full_irs'"),
        ({"steps": [{"repeat": 0, "steps": []}]}, "steps[0]: repeat how many times?"),
        ({"steps": [{"foreach": "hosts", "steps": []}]}, "steps[0]: there is no foreach 'hosts'"),
        ({"steps": [{"strike": "fill", "of": "broker_with_own_disks"}]}, "needs.log_dirs is missing"),
        (
            {"steps": [{"foreach": "brokers", "steps": [{"hold": "x"}]}]},
            "steps[0].steps[0]: there is no x; a bound may use",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change: Mapping[str, Any], words: str, tmp_path: Path) -> None:
    assert written(tmp_path, RIGHT).title == "A test"
    with pytest.raises(WrongScenario) as refused:
        written(tmp_path, {**RIGHT, **change})
    assert f"mine.yml: {words}" in str(refused.value)


def test_a_word_that_yaml_takes_for_a_truth_value_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("title: x\nsteps:\n  - strike: kill\n    on: leader\n")
    with pytest.raises(WrongScenario, match="there is no True"):
        chaos_scenarios.read("mine", tmp_path)


def test_a_file_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("title: [")
    with pytest.raises(WrongScenario, match=r"mine\.yml"):
        chaos_scenarios.read("mine", tmp_path)
