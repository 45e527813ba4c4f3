"""anchor show, check and write, and what verify says of an older copy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "anchors"
    monkeypatch.setenv("STRONGROOM_ANCHOR", f"file:{path}")
    return path


@pytest.fixture
def rewound(strongroom, strongroom_home, tmp_path, crm, place):
    """A registry that was put back to an earlier copy."""
    strongroom("anchor", "write")
    older = shutil.copytree(strongroom_home, tmp_path / "older")
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    shutil.rmtree(strongroom_home)
    shutil.copytree(older, strongroom_home)


def test_without_a_place_only_a_line_that_is_given_is_checked(strongroom, crm):
    for args in (["anchor", "check"], ["anchor", "write"]):
        assert "STRONGROOM_ANCHOR" in strongroom(*args, code=2).stderr
    shown = strongroom("anchor", "show").stdout
    assert "not set" in shown
    line = json.loads(strongroom("anchor", "show", "--json").stdout)["registry"]["anchor"]
    assert line in shown
    assert "comes of what its anchor says: change 2" in strongroom("anchor", "check", line).stdout
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    assert "and went on to change" in strongroom("anchor", "check", line).stdout
    strongroom("anchor", "check", line[:-1], code=6)


def test_the_first_one_is_written_on_purpose(strongroom, crm, place):
    refused = strongroom("block", "ls", code=7).stderr
    assert "strongroom anchor write" in refused
    assert json.loads(strongroom("anchor", "show", "--json").stdout)["kept"] is None
    strongroom("verify", code=7)
    assert f"The anchor at file:{place} says: change 2, audit entry 2." in strongroom("anchor", "write").stdout
    strongroom("block", "ls")
    strongroom("verify")
    strongroom("audit", "verify")
    shape = json.loads(strongroom("anchor", "check", "--json").stdout)
    assert shape["ok"] is True
    assert shape["kept"] == shape["registry"]


def test_a_place_beside_the_registry_is_pointed_out(strongroom, strongroom_home, crm, monkeypatch, place):
    assert strongroom("anchor", "write").stderr == ""
    monkeypatch.setenv("STRONGROOM_ANCHOR", f"file:{strongroom_home / 'anchors'}")
    assert "Keep the anchor elsewhere" in strongroom("anchor", "write").stderr


def test_a_registry_made_under_an_anchor_has_one(strongroom, place):
    strongroom("init")
    assert json.loads(strongroom("anchor", "show", "--json").stdout)["kept"]["change"] == 1


@pytest.mark.parametrize(
    "args", [["block", "ls"], ["block", "reveal", "prod-crm", "token"], ["anchor", "check"], ["anchor", "write"]]
)
def test_an_older_copy_is_refused_with_exit_code_6(strongroom, rewound, args):
    assert "older copy" in strongroom(*args, code=6).stderr


def test_verify_names_an_older_copy_among_what_is_wrong(strongroom, rewound):
    [problem] = json.loads(strongroom("verify", "--json", code=6).stdout)["problems"]
    assert (problem["name"], problem["error"]) == ("", "StoreRolledBack")
    assert "older copy" in strongroom("audit", "verify", code=6).stderr


def test_an_older_copy_that_is_meant_is_accepted_once_its_name_is_typed(strongroom, rewound, monkeypatch):
    assert "--yes" in strongroom("anchor", "write", "--reset", code=2).stderr
    monkeypatch.setattr("strongroom.cli.fields.at_terminal", lambda: True)
    result = strongroom("anchor", "write", "--reset", input="no\n", code=4)
    assert "The anchor says change " in result.stderr
    strongroom("block", "ls", code=6)
    strongroom("anchor", "write", "--reset", input="default\n")
    strongroom("block", "ls")


def test_one_that_cannot_be_read_can_be_replaced(strongroom, crm, place, monkeypatch):
    strongroom("anchor", "write")
    line = place.read_text()
    place.write_text(line[:-3] + "\n")
    strongroom("anchor", "write", code=6)
    monkeypatch.setattr("strongroom.cli.fields.at_terminal", lambda: True)
    assert "cannot be read" in strongroom("anchor", "write", "--reset", input="default\n").stderr
    assert place.read_text() == line


def test_flows_are_refused_an_older_copy_too(rewound):
    code = "from strongroom import Block; Block.load('prod-crm')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "StoreRolledBack" in done.stderr
