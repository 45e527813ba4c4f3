"""``strongroom block``: who uses a block, what is due, and moving blocks on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from pydantic import SecretStr
from strongroom import Block, Secret
from strongroom_registry import current

from .conftest import CrmApi, Holder, Run

ROTATION = """
import secrets
from strongroom import Secret
from strongroom.rotation import CredentialRotation

class Fresh(CredentialRotation):
    def create(self, current):
        return Secret(value=secrets.token_hex(16))
    def set(self, current, pending):
        pass
    def test(self, pending):
        assert pending.get()

class Away(Fresh):
    step = "set"
    def set(self, current, pending):
        if self.step == "set":
            raise ConnectionError("nobody\\n\\tanswers")
    def finish(self, former, current):
        if self.step == "finish":
            raise ConnectionError("nobody answers")

class AwayAtLast(Away):
    step = "finish"

def nothing():
    return 3
"""


def told(strongroom: Run, *args: str, code: int = 0) -> Any:
    return json.loads(strongroom(*args, "--json", code=code).stdout)


@pytest.fixture
def holder(strongroom: Run, canary: Plant) -> None:
    CrmApi(base_url="https://crm.example.com", token=canary("token")).save("crm")  # type: ignore[arg-type]
    Holder(crm=CrmApi.load("crm")).save("holder")


@pytest.mark.usefixtures("holder")
class TestUse:
    def test_used_by_lists_who_holds_a_block(self, strongroom: Run) -> None:
        assert told(strongroom, "block", "used-by", "crm") == [{"name": "holder", "version": 1, "type": "crm-holder"}]
        assert "Nothing uses holder." in strongroom("block", "used-by", "holder").stderr

    def test_a_used_block_is_deleted_only_with_cascade(self, strongroom: Run) -> None:
        refused = strongroom("block", "delete", "crm", code=4)
        assert "holder" in refused.stderr
        assert "--cascade" in refused.stderr
        assert "Deleted with it: holder\n" in strongroom("block", "delete", "crm", "--cascade").stdout
        assert told(strongroom, "block", "ls") == []
        for name in ("crm", "holder"):
            strongroom("block", "undelete", name)
        assert told(strongroom, "block", "delete", "crm", "--cascade")["deleted_with_it"] == ["holder"]
        assert told(strongroom, "block", "ls") == []


class TestDue:
    def test_what_expires_soon_or_has_expired_or_is_old_is_listed(self, strongroom: Run) -> None:
        now = datetime.now(UTC)
        Secret(value="value-1").save("gone", expires_at=now - timedelta(days=1))
        Secret(value="value-2").save("soon", expires_at=now + timedelta(days=10))
        Secret(value="value-3").save("later", expires_at=now + timedelta(days=100))
        Secret(value="value-4").save("never")
        assert [(row["name"], row["why"]) for row in told(strongroom, "block", "due")] == [
            ("gone", "expired"),
            ("soon", "expires"),
        ]
        assert [row["name"] for row in told(strongroom, "block", "due", "--within", "52w")] == ["gone", "soon", "later"]
        assert {row["name"] for row in told(strongroom, "block", "due", "--older-than", "0m")} >= {"never", "later"}
        strongroom("block", "due", "--exit-code", code=1)

    def test_an_expiry_is_given_as_a_length_of_time(self, strongroom: Run) -> None:
        strongroom("block", "new", "secret", "token", "--set", "value=short-lived", "--expires", "2d")
        assert [row["name"] for row in told(strongroom, "block", "due")] == ["token"]
        strongroom("block", "set", "token", "--set", "value=long-lived")
        assert "Nothing is due." in strongroom("block", "due").stderr
        strongroom("block", "new", "secret", "other", "--set", "value=short-lived", "--expires", "soon", code=2)


class TestPromote:
    def test_a_pending_version_waits_until_it_is_promoted(self, strongroom: Run) -> None:
        Secret(value="first-one").save("token")
        strongroom("block", "set", "token", "--set", "value=second-one", "--pending")
        assert Secret.load("token").get() == "first-one"
        assert told(strongroom, "block", "promote", "token@pending")["current"] == 2
        assert Secret.load("token").get() == "second-one"
        assert "token is version 1 now." in strongroom("block", "promote", "token@1").stdout

    @pytest.mark.parametrize(("name", "code"), [("token", 2), ("token@pending", 2), ("token@9", 3), ("nothing@1", 3)])
    def test_what_is_no_version_is_refused(self, strongroom: Run, name: str, code: int) -> None:
        Secret(value="first-one").save("token")
        strongroom("block", "promote", name, code=code)


class TestRotate:
    @pytest.fixture(autouse=True)
    def _rotation(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "my_rotation.py").write_text(ROTATION)
        Secret(value="first-one").save("token")

    def test_a_rotation_of_ones_own_is_named_by_its_module(self, strongroom: Run) -> None:
        result = strongroom("block", "rotate", "token", "--with", "my_rotation:Fresh", "--lifetime", "5d")
        assert "token is version 2 now" in result.stdout
        assert [line.split()[0] for line in result.stderr.split("\n") if line] == ["create", "set", "test", "finish"]
        assert Secret.load("token").get() != "first-one"
        assert [row["name"] for row in told(strongroom, "block", "due")] == ["token"]

    @pytest.mark.parametrize("factory", ["nowhere:Fresh", "my_rotation:Gone", "my_rotation:nothing"])
    def test_what_is_no_rotation_is_refused(self, strongroom: Run, factory: str) -> None:
        strongroom("block", "rotate", "token", "--with", factory, code=2)
        assert Secret.load("token").get() == "first-one"

    def test_a_step_that_fails_is_told_with_what_is_current_now(self, strongroom: Run) -> None:
        failed = strongroom("block", "rotate", "token", "--with", "my_rotation:Away", code=1).stderr
        assert "The rotation of token failed at set: ConnectionError: nobody answers. The current version is" in failed
        assert Secret.load("token").get() == "first-one"
        failed = strongroom("block", "rotate", "token", "--with", "my_rotation:AwayAtLast", code=1).stderr
        assert "failed at finish: ConnectionError: nobody answers. The new credential is the current" in failed
        assert Secret.load("token").get() != "first-one"

    def test_a_type_without_one_says_how_to_give_one(self, strongroom: Run) -> None:
        assert "CredentialRotation" in strongroom("block", "rotate", "token", code=2).stderr


class TestMigrate:
    @pytest.fixture(autouse=True)
    def _older(self) -> None:
        class Older(Block, slug="cli-migrated"):
            api_key: SecretStr

        Older(api_key="value-one").save("old")  # type: ignore[arg-type]
        Secret(value="value-two").save("other")

    def test_a_dry_run_and_then_the_migration(self, strongroom: Run) -> None:
        class Newer(Block, slug="cli-migrated", schema_version=2):
            token: SecretStr

        @Newer.upgrade(from_version=1)
        def _(fields: dict[str, Any]) -> dict[str, Any]:
            return {"token": fields["api_key"]}

        shown = strongroom("block", "migrate", "--dry-run")
        assert "old" in shown.stdout
        assert "other" not in shown.stdout
        assert "Nothing was written." in shown.stderr
        assert current().head("old").current == 1
        found = {row["name"]: row for row in told(strongroom, "block", "migrate")}
        assert (found["old"]["outcome"], found["old"]["version"]) == ("migrated", 2)
        assert "2 blocks looked at, all with the shape of their types." in strongroom("block", "migrate").stderr

    def test_what_does_not_fit_is_told_and_the_exit_code_says_so(self, strongroom: Run) -> None:
        class Newer(Block, slug="cli-migrated", schema_version=2):
            token: SecretStr

        assert "missing: token" in strongroom("block", "migrate", "old", code=4).stdout.replace("\n", " ")
        assert Newer.__block__.schema_version == 2


class TestSearch:
    def test_ls_finds_blocks_by_what_their_public_fields_say(self, strongroom: Run) -> None:
        for name, host in (("one", "a.example.com"), ("two", "b.exämple.com"), ("three", 'quo"te')):
            CrmApi(base_url="https://crm.example.com", token="not-a-real-one", tags=[host]).save(name)  # type: ignore[arg-type]
        for text, expected in (("a.example", ["one"]), ("exämple", ["two"]), ('quo"te', ["three"]), ("not-a-real", [])):
            assert [row["name"] for row in told(strongroom, "block", "ls", "--search", text)] == expected
        assert [row["name"] for row in told(strongroom, "block", "ls", "t*", "--search", "crm.example")] == [
            "three", "two"
        ]  # fmt: skip
        strongroom("block", "ls", "--search", "x", "--deleted", code=2)
        assert "No block fits." in strongroom("block", "ls", "--search", "nowhere").stderr

    def test_what_a_block_uses_and_when_it_expires_stands_in_the_json(self, strongroom: Run, holder: None) -> None:
        rows = {row["name"]: row for row in told(strongroom, "block", "ls")}
        assert (rows["holder"]["uses"], rows["holder"]["expires"]) == (["crm"], None)
