"""Secrets that stay elsewhere, from the shell: given by reference, shown as such, checked."""

from __future__ import annotations

import json

import pytest
from shelf import Shelf
from strongroom import Block, secret_from
from strongroom.sources import SecretDenied
from strongroom.testing import using_sources

NEW = ("block", "new", "crm-api", "crm", "--set", "base_url=https://crm.test")


@pytest.fixture
def token(monkeypatch, canary):
    token = canary("token")
    monkeypatch.setenv("CRM_TOKEN", token)
    return token


def test_a_field_is_given_by_its_source(strongroom, token):
    result = strongroom(*NEW, "--set", "token:source=env:CRM_TOKEN")
    assert "Warning" not in result.stderr
    loaded = Block.load("crm")
    assert repr(loaded.token) == "secret_from('env:CRM_TOKEN')"
    assert loaded.token.get_secret_value() == token


def test_so_is_a_part_of_a_field(strongroom, token):
    parts = ("headers.X-Key:source=env:CRM_TOKEN", "login.user=ada", "login.password:source=env:CRM_TOKEN")
    strongroom(*NEW, "--set", "token:source=env:CRM_TOKEN", *(arg for part in parts for arg in ("--set", part)))
    loaded = Block.load("crm")
    assert loaded.headers.get_secret_value() == {"X-Key": token}
    assert loaded.login.password.get_secret_value() == token
    strongroom("block", "set", "crm", "--set", "headers.Accept=json")
    changed = Block.load("crm")
    assert changed.headers.get_secret_value() == {"X-Key": token, "Accept": "json"}
    sources = json.loads(strongroom("block", "show", "crm", "--sources", "--json").stdout)["sources"]
    assert sources == dict.fromkeys(["headers.X-Key", "login.password", "token"], "env:CRM_TOKEN")


def test_a_part_of_what_is_fetched_whole_is_not_set(strongroom, token):
    strongroom(*NEW, "--set", "token=-", "--set", "headers:source=env:CRM_TOKEN", input=token)
    result = strongroom("block", "set", "crm", "--set", "headers.Accept=json", code=2)
    assert "headers is fetched whole from secret_from('env:CRM_TOKEN')" in result.stderr


@pytest.mark.parametrize("content", ['{"token": {"$source": "env:CRM_TOKEN"}, "base_url": "https://crm.test"}'])
def test_files_give_it_as_an_object(strongroom, token, tmp_path, content):
    (tmp_path / "crm.json").write_text(content)
    (tmp_path / "crm.toml").write_text('base_url = "https://crm.test"\ntoken = { "$source" = "env:CRM_TOKEN" }\n')
    for kind in ("json", "toml"):
        strongroom("block", "new", "crm-api", f"crm-{kind}", "--from-file", str(tmp_path / f"crm.{kind}"))
        assert Block.load(f"crm-{kind}").token.get_secret_value() == token


@pytest.mark.parametrize(
    ("text", "told"),
    [("nowhere:x", "nowhere"), ("env:A B", "env:A B"), ("word", "does not begin with a scheme"), ("", "scheme")],
)
def test_what_is_no_reference_is_refused(strongroom, text, told):
    result = strongroom(*NEW, "--set", f"token:source={text}", code=1)
    assert told in result.stderr


def test_a_field_without_secrets_takes_none(strongroom):
    result = strongroom(*NEW, "--set", "token:source=env:X", "--set", "page_size:source=env:X", code=2)
    assert "page_size: a reference to a secret fits secret fields alone" in result.stderr


def test_show_tells_where_secrets_are_kept_when_it_may_open_the_block(strongroom, token):
    strongroom(*NEW, "--set", "token:source=env:CRM_TOKEN")
    assert "env:CRM_TOKEN" not in strongroom("block", "show", "crm").stdout
    assert "env:CRM_TOKEN" not in strongroom("block", "ls", "--json").stdout
    assert "token      from env:CRM_TOKEN" in strongroom("block", "show", "crm", "--sources").stdout


def test_reveal_and_exec_fetch_it(strongroom, process, token):
    strongroom("block", "new", "secret", "crm", "--set", "value:source=env:CRM_TOKEN")
    assert strongroom("block", "reveal", "crm", reveals=True).stdout.strip() == token
    done = process("exec", "crm", "--", "sh", "-c", 'test "$CRM_VALUE" = "$CRM_TOKEN" && echo ${#CRM_VALUE}')
    assert done.stdout.strip() == str(len(token))


def test_exec_says_what_is_absent(strongroom):
    strongroom(*NEW, "--set", "token:source=env:NOT_THERE")
    result = strongroom("exec", "crm", "--", "true", code=125)
    assert 'The secret "env:NOT_THERE" is absent' in result.stderr


def test_a_diff_tells_the_field_that_moved_out_alone(strongroom, token):
    strongroom(*NEW, "--set", "token=-", "--set", "login.user=a", "--set", "login.password=@/dev/null", input=token)
    strongroom("block", "set", "crm", "--set", "token:source=env:CRM_TOKEN")
    changes = json.loads(strongroom("block", "diff", "crm@1", "crm@2", "--json").stdout)
    assert [(change["field"], change["change"]) for change in changes] == [("token", "changed")]
    strongroom("block", "set", "crm", "--set", "page_size=5")
    changes = json.loads(strongroom("block", "diff", "crm@1", "crm@3", "--json").stdout)
    assert {change["field"] for change in changes} == {"token", "page_size"}
    assert json.loads(strongroom("block", "diff", "crm@2", "crm@2", "--json").stdout) == []


class TestCheck:
    def test_it_says_what_works_in_one_line_each(self, strongroom, token, tmp_path):
        strongroom(*NEW, "--set", "token:source=env:CRM_TOKEN")
        strongroom("block", "new", "local-folder", "lake", "--set", f"basepath={tmp_path}")
        lines = strongroom("block", "check", "crm", "lake").stdout.splitlines()[1:]
        assert [line.split("  ")[0] for line in lines] == ["crm", "crm", "lake"]
        assert all(" works " in line for line in lines)
        assert "token from env:CRM_TOKEN" in lines[0]
        assert "readable and writable" in lines[2]

    def test_it_fails_when_anything_does(self, strongroom, token, tmp_path):
        strongroom(*NEW, "--set", "token:source=env:CRM_TOKEN")
        strongroom("block", "new", "secret", "gone", "--set", "value:source=env:NOT_THERE")
        strongroom("block", "new", "local-folder", "lake", "--set", f"basepath={tmp_path / 'none'}")
        rows = json.loads(strongroom("block", "check", "--all", "--json", code=1).stdout)
        assert [(row["name"], row["subject"], row["state"]) for row in rows] == [
            ("crm", "token from env:CRM_TOKEN", "works"),
            ("crm", "crm", "works"),
            ("gone", "value from env:NOT_THERE", "absent"),
            ("gone", "gone", "skipped"),
            ("lake", "lake", "absent"),
        ]
        assert all(row["seconds"] >= 0 for row in rows)
        assert rows[2]["remedy"] == "Set NOT_THERE."

    def test_a_block_that_is_not_there_keeps_no_other_from_being_checked(self, strongroom, token):
        strongroom(*NEW, "--set", "token:source=env:CRM_TOKEN")
        rows = json.loads(strongroom("block", "check", "nothing", "crm", "--json", code=1).stdout)
        assert [row["name"] for row in rows] == ["nothing", "crm", "crm"]
        assert rows[0]["state"] == "absent"
        assert 'There is no block "nothing"' in rows[0]["told"]

    def test_three_words_for_three_ways_to_fail(self, strongroom, canary):
        shelf = Shelf(here=canary("here"), locked=SecretDenied("You may not.", "Ask."))
        with using_sources({"shelf": shelf}):
            for name in ("here", "locked", "gone"):
                strongroom("block", "new", "secret", name, "--set", f"value:source=shelf:{name}")
            lines = strongroom("block", "check", "here", "locked", "gone", code=1).stdout.splitlines()
            words = [line.split()[4] for line in lines if " from " in line]
            assert words == ["works", "denied", "absent"]
            shelf.gate.clear()
            try:
                rows = json.loads(strongroom("block", "check", "here", "--timeout", "0.1", "--json", code=1).stdout)
            finally:
                shelf.gate.set()
        assert [row["state"] for row in rows] == ["unreachable", "skipped"]
        assert '"shelf:here" could not be fetched: the source did not answer within 0.1 s' in rows[0]["told"]

    def test_it_wants_to_know_what_to_check(self, strongroom):
        assert "Name blocks, or give --all." in strongroom("block", "check", code=2).stderr
        assert "Name blocks, or give --all." in strongroom("block", "check", "crm", "--all", code=2).stderr

    def test_a_registry_without_blocks_has_nothing_that_fails(self, strongroom):
        strongroom("block", "new", "secret", "x", "--set", "value=-", input="made-up")
        strongroom("block", "delete", "x")
        assert "There is no block to check." in strongroom("block", "check", "--all").stderr


def test_the_public_name_is_there():
    assert repr(secret_from("env:CRM_TOKEN")) == "secret_from('env:CRM_TOKEN')"
