"""rendered_files as a play runs it: real files in a real folder, compared, written, masked, refused."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import playbooks

ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name
SECRETS = {
    "ssl.key.password": "first-secret",
    "sasl.jaas.config": "second-secret",
    "ssl.keystore.key": "third-secret",
}
NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to another account")

Run = Callable[..., playbooks.Run]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the action once for each of ``asked``, one play on this machine; what it refuses stops nothing."""
    work = tmp_path / "controller"
    work.mkdir()

    def play(*asked: dict[str, Any], arguments: Sequence[str] = (), **environment: str) -> playbooks.Run:
        local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        tasks = [
            {
                "name": "Write",
                "barevm.kafka.rendered_files": {key: of_key for key, of_key in one.items() if key != "check"},
                "check_mode": one.get("check", False),
                "diff": True,
                "ignore_errors": True,
            }
            for one in asked
        ]
        written = {"name": "Write files", "hosts": "all", "gather_facts": False, "tasks": tasks}
        inventory = {"all": {"hosts": {"here": local}}}
        done = playbooks.run(work, [written], inventory, *arguments, **environment)
        assert len(done.results) == len(asked), done.printed
        return done

    return play


def checked(asked: dict[str, Any]) -> dict[str, Any]:
    """The same under check mode."""
    return {**asked, "check": True}


def asked_for(target: Path, **settings: Any) -> dict[str, Any]:
    """Two folders, a settings file, an environment file, a file of plain text and a link below ``target``."""
    mine = {"owner": ME, "group": MINE}
    return {
        "directories": [
            {"path": str(target / "conf"), "mode": "0750", **mine},
            {"path": str(target / "a/b/c"), "mode": "0755", **mine},
        ],
        "files": [
            {
                "path": str(target / "conf/server.properties"),
                "template": "properties.j2",
                "data": {"settings": {"broker.id": 1, "rack": "ä b", **settings}},
                "mode": "0600",
                **mine,
            },
            {
                "path": str(target / "conf/kafka.env"),
                "template": "environment.j2",
                "data": {"settings": {"KAFKA_OPTS": "-Da.password=fourth-secret -Db=1"}},
                **mine,
            },
            {"path": str(target / "a/b/c/myid"), "content": "1\n", **mine},
        ],
        "links": [{"path": str(target / "tool"), "target": "conf/kafka.env"}],
    }


def tree(target: Path) -> dict[str, tuple[int, str]]:
    """Every path below ``target`` with its mode and what it holds."""
    return {
        str(path.relative_to(target)): (
            stat.S_IMODE(path.lstat().st_mode),
            os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else "",
        )
        for path in sorted(target.rglob("*"))
    }


def told(result: dict[str, Any]) -> dict[str, tuple[set[str], tuple[str, ...]]]:
    """What was, or would be, changed: path, what of it, which settings."""
    assert not result.get("failed"), result["msg"]
    return {one["path"]: (set(one["what"]), tuple(one.get("settings", ()))) for one in result["changes"]}


def test_all_is_created_then_nothing_is_left_to_do(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "host"
    asked = asked_for(target)
    (predicted,) = run(checked(asked)).outcomes
    assert not target.exists()
    done, again = run(asked, asked).outcomes
    assert done["changed"]
    assert told(predicted) == told(done)
    assert predicted["diff"] == done["diff"]
    assert told(done)[f"{target}/conf/server.properties"] == ({"created"}, ("broker.id", "rack"))
    found = tree(target)
    assert {path: mode for path, (mode, _text) in found.items() if path != "tool"} == {
        "a": 0o755,
        "a/b": 0o755,
        "a/b/c": 0o755,
        "a/b/c/myid": 0o644,
        "conf": 0o750,
        "conf/kafka.env": 0o644,
        "conf/server.properties": 0o600,
    }
    assert found["conf/server.properties"][1].splitlines()[1:] == ["broker.id=1", "rack=\\u00e4 b"]
    assert found["a/b/c/myid"][1] == "1\n"
    assert found["tool"][1] == "conf/kafka.env"
    assert not again["changed"]
    assert again["changes"] == again["diff"] == again["changed_paths"] == []


def test_a_changed_mode_text_and_link_are_predicted_and_repaired(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "host"
    asked = asked_for(target)
    run(asked)
    wanted = tree(target)
    (target / "conf").chmod(0o755)
    (target / "conf/kafka.env").chmod(0o600)
    inode = (target / "conf/kafka.env").stat().st_ino
    (target / "a/b/c/myid").write_text("2\n")
    (target / "conf/server.properties").write_text("broker.id=2\nextra=1\n")
    (target / "tool").unlink()
    (target / "tool").symlink_to("elsewhere")
    broken = tree(target)
    (predicted,) = run(checked(asked)).outcomes
    assert tree(target) == broken
    done, again = run(asked, asked).outcomes
    assert (
        told(predicted)
        == told(done)
        == {
            f"{target}/conf": ({"mode"}, ()),
            f"{target}/conf/kafka.env": ({"mode"}, ()),
            f"{target}/a/b/c/myid": ({"content"}, ()),
            f"{target}/conf/server.properties": ({"content"}, ("broker.id", "extra", "rack")),
            f"{target}/tool": ({"target"}, ()),
        }
    )
    assert tree(target) == wanted
    # A change of mode alone leaves the file itself.
    assert (target / "conf/kafka.env").stat().st_ino == inode
    assert not again["changed"]


def test_an_optional_file_is_written_only_where_its_folder_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    files = [
        {"path": str(tmp_path / name / "51kafka"), "content": "x\n", "owner": ME, "group": MINE}
        for name in ("there", "absent")
    ]
    asked = {"files": [{**one, "optional": True} for one in files]}
    first, second, refused = run(asked, asked, {"files": files}).outcomes
    assert (first["changed_paths"], second["changed"]) == ([str(tmp_path / "there/51kafka")], False)
    assert not (tmp_path / "absent").exists()
    assert refused["failed"]


@NEEDS_ROOT
def test_another_owner_is_seen_and_set(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0o644)
    asked = {"files": [{"path": str(path), "content": "x", "owner": "nobody", "group": "nogroup"}]}
    predicted, done, again = run(checked(asked), asked, asked).outcomes
    assert told(predicted) == told(done) == {str(path): ({"owner", "group"}, ())}
    assert (path.owner(), path.group()) == ("nobody", "nogroup")
    assert not again["changed"]


def test_an_owner_that_is_still_to_come_is_predicted_and_then_refused(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "host"
    asked = asked_for(target)
    asked["files"][0]["owner"] = "not-yet-there"
    predicted, refused = run(checked(asked), asked).outcomes
    assert told(predicted)[f"{target}/conf/server.properties"][0] == {"created"}
    assert refused["failed"]
    assert refused["msg"] == (
        f"{target}/conf/server.properties: owner not-yet-there does not exist on this host; create it first"
    )
    assert not target.exists()


def test_secrets_are_never_shown(run: Run, tmp_path: Path) -> None:
    run(asked_for(tmp_path, **SECRETS, **{"delegation.token.secret.key": "same-secret"}))
    changed = {key: f"{value}-new" for key, value in SECRETS.items()}
    asked = asked_for(tmp_path, **changed, **{"delegation.token.secret.key": "same-secret"})
    # With debugging on, Ansible prints what came back from the host, as -vvv does over SSH. It also prints
    # what every module is given, which debugging alone does.
    done = run(asked, arguments=["-vvv"], ANSIBLE_DEBUG="1")
    printed = [line for line in done.printed.splitlines() if "done with _execute_module" not in line]
    assert any("_low_level_execute_command() done" in line for line in printed)
    told_to_all = "\n".join(printed) + str(done.results)
    assert "rendered_files" in told_to_all
    for secret in (*SECRETS.values(), *changed.values(), "same-secret", "fourth-secret"):
        assert secret not in told_to_all
        # base64 has three ways to write the same, by position
        for shift in range(3):
            encoded = base64.b64encode(b" " * shift + secret.encode()).decode()
            assert encoded[4:-4] not in told_to_all
    (result,) = done.outcomes
    (change,) = result["changes"]
    assert change["settings"] == sorted(SECRETS)
    hidden = {"before": "<hidden>", "after": "<hidden, changed>"}
    assert change["values"] == dict.fromkeys(sorted(SECRETS), hidden)
    (diff,) = result["diff"]
    assert diff["before"].count("<hidden>") == 4
    assert diff["after"].count("<hidden, changed>") == 3
    assert diff["after"].count("<hidden>") == 1
    assert "first-secret-new" in (tmp_path / "conf/server.properties").read_text()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("conf/server.properties/", "should be a file and is something else; move it away"),
        ("a/b/c/myid/", "should be a file and is something else; move it away"),
        ("a/b", "cannot be made: {}/a/b should be a folder and is something else"),
        ("conf", "should be a folder and is something else"),
        ("tool", "should be a link to conf/kafka.env and is something else; move it away"),
    ],
)
def test_what_is_in_the_way_is_named_and_nothing_is_written(
    run: Run, tmp_path: Path, spoil: str, message: str
) -> None:
    target = tmp_path / "host"
    path = target / spoil
    path.parent.mkdir(parents=True)
    if spoil.endswith("/"):
        path.mkdir()
    else:
        path.write_text("in the way")
    before = tree(target)
    for refused in run(checked(asked_for(target)), asked_for(target)).outcomes:
        assert refused["failed"]
        assert message.format(target) in refused["msg"]
        assert str(path) in refused["msg"]
    assert tree(target) == before


def test_a_mode_that_is_not_octal_is_refused(run: Run, tmp_path: Path) -> None:
    modes = [420, "420", "u=rw", "rw-r--r--"]
    asked = [{"files": [{"path": str(tmp_path / "x"), "content": "x", "mode": mode}]} for mode in modes]
    for mode, refused in zip(modes, run(*asked).outcomes):
        assert f"{tmp_path}/x: mode {mode} is not octal" in refused["msg"]
    assert not (tmp_path / "x").exists()


def test_a_template_error_names_file_template_and_name(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    undefined, absent, neither = run(
        {"files": [{"path": path, "template": "properties.j2"}]},
        {"files": [{"path": path, "template": "absent.j2"}]},
        {"files": [{"path": path}]},
    ).outcomes
    assert f"{path} from properties.j2" in undefined["msg"]
    assert "'settings' is undefined" in undefined["msg"]
    assert "absent.j2" in absent["msg"]
    assert f"{path} needs either template or content" in neither["msg"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    # A limit on the size of files makes the write itself fail, half way.
    asked = {"files": [{"path": str(path), "content": "x" * 3_000_000, "owner": ME, "group": MINE}]}
    limited = tmp_path / "python"
    limited.write_text(f'#!/bin/sh\nulimit -f 4000\nexec {sys.executable} "$@"\n')
    limited.chmod(0o755)
    (refused,) = run(asked, arguments=["-e", f"ansible_python_interpreter={limited}"]).outcomes
    assert refused["failed"]
    assert "File too large" in refused["msg"]
    assert path.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["controller", "file", "python"]


def test_pending_compares_with_what_the_service_was_started_with(run: Run, tmp_path: Path) -> None:
    started = tmp_path / "run"
    started.mkdir()
    asked = asked_for(tmp_path / "host", **SECRETS)
    asked["files"][0]["started"] = str(started / "server.properties")
    asked["files"][1]["started"] = str(started / "kafka.env")
    path = tmp_path / "host/conf/server.properties"
    # Not running: what it will start with is what is written now.
    assert run(asked).outcomes[0]["pending"] == []
    (started / "server.properties").write_text(path.read_text())
    (started / "kafka.env").write_text((tmp_path / "host/conf/kafka.env").read_text())
    assert run(asked).outcomes[0]["pending"] == []
    other = path.read_text().replace("broker.id=1", "broker.id=7").replace("first-secret", "old-secret")
    (started / "server.properties").write_text(other)
    # It waits in the run that changes nothing, too.
    for waiting in run(checked(asked), asked).outcomes:
        assert not waiting["changed"]
        assert waiting["pending"] == [f"{path}: broker.id", f"{path}: ssl.key.password"]
        assert waiting["pending_values"] == {
            f"{path}: broker.id": {"before": "7", "after": "1"},
            f"{path}: ssl.key.password": {"before": "<hidden>", "after": "<hidden, changed>"},
        }
