"""workspace new, ls, use and rm, as who keeps teams apart meets them."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def person(monkeypatch):
    monkeypatch.setattr("strongroom.cli.fields.at_terminal", lambda: True)


def names(strongroom):
    return [row["name"] for row in json.loads(strongroom("workspace", "ls", "--json").stdout)]


def test_a_workspace_is_made_used_and_left_again(strongroom, tmp_path, crm):
    assert "strongroom workspace use team-a" in strongroom("workspace", "new", "team-a").stdout
    assert str(tmp_path / "config" / "strongroom" / "config.toml") in strongroom("workspace", "use", "team-a").stdout
    assert strongroom("block", "ls").stdout == ""
    strongroom("block", "new", "secret", "token", "--set", "value=-", input="x" * 20)
    assert [row["used"] for row in json.loads(strongroom("workspace", "ls", "--json").stdout)] == [False, True]
    strongroom("workspace", "use", "default")
    strongroom("block", "show", "prod-crm")
    strongroom("block", "show", "token", code=3)


def test_the_environment_counts_for_more(strongroom, crm, monkeypatch):
    strongroom("workspace", "new", "team-a")
    monkeypatch.setenv("STRONGROOM_WORKSPACE", "default")
    result = strongroom("workspace", "use", "team-a")
    assert "STRONGROOM_WORKSPACE is set, to default" in result.stderr
    strongroom("block", "show", "prod-crm")
    assert json.loads(strongroom("workspace", "use", "team-a", "--json").stdout)["overruled_by"] == "default"


def test_a_mistyped_name_makes_and_keeps_nothing(strongroom, tmp_path, crm, monkeypatch):
    assert "strongroom workspace ls" in strongroom("workspace", "use", "taem-a", code=3).stderr
    assert not (tmp_path / "config" / "strongroom" / "config.toml").exists()
    monkeypatch.setenv("STRONGROOM_WORKSPACE", "taem-a")
    for args in (["block", "ls"], ["init"], ["block", "new", "json", "x", "--set", "value=1"]):
        assert "taem-a" in strongroom(*args, code=3).stderr
    assert names(strongroom) == ["default"]


def test_a_key_of_its_own_keeps_it_out_of_sight(strongroom, tmp_path, crm, monkeypatch):
    key = f"file:{tmp_path / 'a.key'}"
    assert f"export STRONGROOM_KEY={key}" in strongroom("workspace", "new", "team-a", "--key", key).stdout
    assert names(strongroom) == ["default"]
    unknown = strongroom("workspace", "use", "team-b", code=3).stderr
    assert strongroom("workspace", "use", "team-a", code=3).stderr == unknown.replace("team-b", "team-a")
    monkeypatch.setenv("STRONGROOM_KEY", key)
    assert names(strongroom) == ["team-a"]
    strongroom("workspace", "use", "team-a")
    assert strongroom("block", "ls").stdout == ""


def test_a_name_is_taken_once(strongroom, crm):
    assert "is taken" in strongroom("workspace", "new", "default", code=4).stderr
    strongroom("workspace", "new", "No Name", code=2)


def test_removing_wants_the_name_typed(strongroom, person, crm):
    strongroom("workspace", "new", "team-a")
    assert "nothing was removed" in strongroom("workspace", "rm", "team-a", input="y\n", code=4).stderr
    strongroom("workspace", "rm", "team-a", input="team-a\n")
    assert names(strongroom) == ["default"]


def test_removing_in_a_script_wants_yes(strongroom, crm):
    strongroom("workspace", "new", "team-a")
    assert "--yes" in strongroom("workspace", "rm", "team-a", code=2).stderr
    assert json.loads(strongroom("workspace", "rm", "team-a", "--yes", "--json").stdout)["name"] == "team-a"


def test_live_blocks_keep_a_workspace_unless_that_is_forced(strongroom, person, crm):
    strongroom("workspace", "new", "team-a")
    strongroom("workspace", "use", "team-a")
    strongroom("block", "new", "secret", "token", "--set", "value=-", input="x" * 20)
    strongroom("workspace", "use", "default")
    for yes in ([], ["--yes"]):
        assert "1 live block" in strongroom("workspace", "rm", "team-a", *yes, code=4).stderr
    assert "It has 1 live block." in strongroom("workspace", "rm", "team-a", "--force", input="team-a\n").stderr
    assert names(strongroom) == ["default"]


def test_the_one_in_use_and_the_only_one_stay(strongroom, crm, monkeypatch):
    assert "in use" in strongroom("workspace", "rm", "default", "--yes", code=4).stderr
    strongroom("workspace", "rm", "none", "--yes", code=3)
    strongroom("block", "show", "prod-crm")


def test_a_configuration_that_nobody_understands_is_told(strongroom, tmp_path, crm):
    path = tmp_path / "config" / "strongroom" / "config.toml"
    path.write_text('workspce = "team-a"\n')
    assert "workspce" in strongroom("block", "ls", code=1).stderr


def test_names_are_completed_where_the_key_is_at_hand(strongroom, tmp_path, crm, monkeypatch):
    from strongroom.cli.completion import workspace_names

    strongroom("workspace", "new", "team-a")
    strongroom("workspace", "new", "team-b", "--key", f"file:{tmp_path / 'b.key'}")
    assert workspace_names(None, None, "") == ["default", "team-a"]
    monkeypatch.setenv("STRONGROOM_KEY", "passphrase:")  # which would have to be typed
    assert workspace_names(None, None, "") == []
