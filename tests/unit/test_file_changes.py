"""What a change to a file means: its settings, its diff without secrets, and what waits for a restart."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import file_changes


def test_settings_are_named_for_files_made_of_settings_alone() -> None:
    assert file_changes.settings("properties.j2", "a=1\nb=1\n", "a=2\nb=1\nc=1\n") == ["a", "c"]
    assert file_changes.settings("environment.j2", 'A="1"\n', 'A="2"\n') == ["A"]
    assert file_changes.settings("logback.xml.j2", "a", "b") is None
    assert file_changes.settings(None, "a=1", "a=2") is None


def test_a_diff_hides_secrets_of_settings_and_shows_other_text() -> None:
    shown = file_changes.text_diff(
        "/x", "properties.j2", "ssl.key.password=a\nk=1\n", "ssl.key.password=b\nk=2\n"
    )
    assert shown == {
        "before_header": "/x",
        "after_header": "/x",
        "before": "ssl.key.password=<hidden>\nk=1\n",
        "after": "ssl.key.password=<hidden, changed>\nk=2\n",
    }
    assert file_changes.text_diff("/x", "systemd_unit.j2", "a\n", "b\n")["after"] == "b\n"


def test_a_diff_of_attributes_names_them() -> None:
    assert file_changes.attribute_diff("/x", ["owner", "mode"])["before"] == "owner: differs\nmode: differs\n"
    assert (
        file_changes.attribute_diff("/x", ["owner", "mode"])["after"] == "owner: as asked\nmode: as asked\n"
    )
    assert file_changes.attribute_diff("/x", ["created"])["before"] == "absent\n"
    assert file_changes.attribute_diff("/x", ["created"])["after"] == "present\n"


def test_pending_names_each_setting_the_text_or_the_unit() -> None:
    assert file_changes.pending("/f", "properties.j2", "a=1\n", "a=1\n") == []
    assert file_changes.pending("/f", "properties.j2", "a=1\n", "a=2\nb=1\n") == ["/f: a", "/f: b"]
    # A comment is no setting, yet the started copy differs.
    assert file_changes.pending("/f", "properties.j2", "# x\na=1\n", "a=1\n") == ["/f: content"]
    assert file_changes.pending("/f", "logback.xml.j2", "old", "new") == ["/f: content"]
    assert file_changes.pending("/u", "systemd_unit.j2", "abc\n", "ExecStartPre=echo abc >x\n") == []
    assert file_changes.pending("/u", "systemd_unit.j2", "abd\n", "ExecStartPre=echo abc >x\n") == [
        "unit: definition"
    ]
