"""Several wraps of one key: adding, removing, checking them, and the recovery kit."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

import pytest
from canaries import Plant
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import (
    EnvelopeMalformed,
    InvalidKeyUri,
    KeyInUse,
    KeyMalformed,
    KeyProblem,
    KeyUnavailable,
    SealBroken,
    StoreUnavailable,
    UnknownKey,
    WrongKey,
)
from strongroom_registry.keys import KeyProvider, generate_key_file, resolve
from strongroom_registry.keys.recovery import VARIABLE, RecoveryCode, RecoveryKey
from strongroom_registry.stores.sqlite import SqliteStore
from strongroom_registry.testing import KeyProviderContract

from .conftest import saver

CODES = [RecoveryCode.new(), RecoveryCode.new()]


class TestRecoveryKey(KeyProviderContract):
    def make(self) -> KeyProvider:
        return RecoveryKey(CODES[0])

    def make_other(self) -> KeyProvider:
        return RecoveryKey(CODES[1])


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    """URIs of key files, of which the first two are there."""
    for name in ("a", "b"):
        generate_key_file(tmp_path / f"{name}.key")
    return [f"file:{tmp_path / name}.key" for name in ("a", "b", "c")]


@pytest.fixture
def opened(url: str, places: list[str]) -> Registry:
    registry = open_registry(url, key=places[0])
    saver(registry)("lake", b"water")
    return registry


class TestAdding:
    def test_either_key_opens_and_a_missing_one_is_made(self, opened: Registry, url: str, places: list[str]) -> None:
        assert opened.add_key(places[1]).new_key is None
        assert opened.add_key(places[2]).new_key == places[2].removeprefix("file:")
        for place in places:
            with open_registry(url, key=place) as registry:
                assert registry.get("lake").payload == b"water"

    def test_adding_twice_is_adding_once(self, opened: Registry, places: list[str]) -> None:
        opened.add_key(places[1])
        opened.add_key(places[1])
        assert len(opened.keys()) == 2

    def test_every_wrap_follows_the_rotations(self, opened: Registry, url: str, places: list[str]) -> None:
        opened.add_key(places[1])
        opened.recovery_kit()
        opened.rotate("workspace")
        opened.rotate("data")
        current = [wrap for wrap in opened.keys() if wrap.state == "current"]  # noqa: SIM118
        assert {wrap.provider for wrap in current} == {places[0], places[1], "recovery:"}
        with open_registry(url, key=places[1]) as registry:
            assert registry.get("lake").payload == b"water"
            assert registry.verify_audit().ok

    def test_a_provider_that_is_away_stops_a_rotation_before_it_begins(
        self, opened: Registry, places: list[str]
    ) -> None:
        opened.add_key(places[1])
        Path(places[1].removeprefix("file:")).unlink()
        with pytest.raises(KeyUnavailable):
            opened.rotate("workspace")
        assert {wrap.epoch for wrap in opened.keys()} == {1}  # noqa: SIM118
        assert opened.get("lake").payload == b"water"

    def test_a_key_that_was_exchanged_stops_a_rotation_and_is_named(self, opened: Registry, places: list[str]) -> None:
        opened.add_key(places[1])
        file = Path(places[1].removeprefix("file:"))
        file.unlink()
        generate_key_file(file)
        with pytest.raises(KeyUnavailable, match="fingerprint"):
            opened.rotate("workspace")

    def test_what_is_no_key_is_refused(self, opened: Registry) -> None:
        with pytest.raises(InvalidKeyUri):
            opened.add_key("nonsense:x")
        assert len(opened.keys()) == 1

    def test_a_wrap_that_somebody_put_there_gets_no_new_key(self, opened: Registry, path: Path, tmp_path: Path) -> None:
        """Who can write the database but has no key must not have the next key wrapped for his."""
        opened.add_key(f"file:{tmp_path / 'mine.key'}")
        with sqlite3.connect(path) as connection:
            connection.execute(
                "UPDATE workspace_keys SET provider = 'file:/tmp/his.key' WHERE provider LIKE '%mine.key'"
            )
        connection.close()
        with pytest.raises(SealBroken, match="canary"):
            opened.rotate("workspace")


class TestRemoving:
    @pytest.mark.parametrize("by", ["uri", "fingerprint", "prefix"])
    def test_what_was_removed_opens_no_more_and_is_not_in_the_file(
        self, opened: Registry, url: str, path: Path, places: list[str], by: str
    ) -> None:
        opened.add_key(places[1])
        fingerprint = resolve(places[0]).fingerprint  # type: ignore[attr-defined]
        with sqlite3.connect(path) as connection:
            rows = connection.execute("SELECT wrapped FROM workspace_keys WHERE provider = ?", (places[0],)).fetchall()
        connection.close()
        opened.remove_key({"uri": places[0], "fingerprint": fingerprint, "prefix": fingerprint[:8]}[by])
        with pytest.raises(WrongKey, match=fingerprint):
            open_registry(url, key=places[0])
        with open_registry(url, key=places[1]) as registry:
            assert registry.get("lake").payload == b"water"
        content = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert not any(wrapped in content for (wrapped,) in rows)

    def test_the_last_one_stays(self, opened: Registry, places: list[str]) -> None:
        with pytest.raises(KeyInUse, match="keys add"):
            opened.remove_key(places[0])
        assert len(opened.keys()) == 1

    @pytest.mark.parametrize("which", ["file:/nowhere", "12345678", "", "f"])
    def test_one_that_is_not_there_is_unknown(self, opened: Registry, which: str) -> None:
        with pytest.raises(UnknownKey):
            opened.remove_key(which)

    def test_the_check_says_which_backups_it_still_opens(self, opened: Registry, places: list[str]) -> None:
        opened.add_key(places[1])
        opened.remove_key(places[0])
        (removed,) = opened.check_keys().removed
        assert removed.provider == places[0]


class TestChecking:
    def test_every_wrap_is_tried(self, opened: Registry, places: list[str]) -> None:
        opened.add_key(places[1])
        report = opened.check_keys()
        assert report.ok
        assert [check.opens for check in report.wraps] == [True, True]

    def test_one_whose_key_is_gone_is_told_of(self, opened: Registry, places: list[str]) -> None:
        opened.add_key(places[1])
        Path(places[1].removeprefix("file:")).unlink()
        report = opened.check_keys()
        assert not report.ok
        (bad,) = [check for check in report.wraps if not check.opens]
        assert bad.wrap.provider == places[1]
        assert "There is no key at" in bad.problem

    def test_nobody_is_asked_for_a_code_unless_it_was_given(
        self, opened: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = opened.recovery_kit()
        by = {check.wrap.provider: check.opens for check in opened.check_keys().wraps}
        assert by["recovery:"] is None
        assert opened.check_keys().ok
        monkeypatch.setenv(VARIABLE, code.shown())
        by = {check.wrap.provider: check.opens for check in opened.check_keys().wraps}
        assert by["recovery:"] is True


class TestRecoveryKits:
    def test_the_code_opens_everything_when_the_key_is_lost(
        self, opened: Registry, url: str, places: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = opened.recovery_kit()
        opened.rotate("workspace")  # made for the code, which nobody had to bring
        opened.close()
        Path(places[0].removeprefix("file:")).unlink()
        monkeypatch.setenv(VARIABLE, code.shown().lower().replace("-", " "))
        with open_registry(url, key="recovery:") as registry:
            assert registry.get("lake").payload == b"water"
            registry.rotate("provider", to=places[2])
        with open_registry(url, key=places[2]) as registry:
            assert registry.get("lake").payload == b"water"

    def test_a_new_kit_ends_the_former(self, opened: Registry, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        former = opened.recovery_kit()
        opened.recovery_kit()
        monkeypatch.setenv(VARIABLE, former.shown())
        with pytest.raises(WrongKey):
            open_registry(url, key="recovery:")

    @pytest.mark.parametrize("fails", [False, True])
    def test_what_is_done_is_told_also_where_the_files_cannot_be_cleaned(
        self, opened: Registry, places: list[str], fails: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def scrub(_: SqliteStore) -> None:
            if fails:
                raise StoreUnavailable("Somebody reads.", "Wait.")

        monkeypatch.setattr(SqliteStore, "scrub", scrub)
        kit = opened.recovery_kit()
        renewed = opened.rotate("provider").wraps
        opened.add_key(places[1])
        removed = opened.remove_key(places[1])
        assert renewed is not None
        assert renewed.former_key
        assert kit.scrubbed is renewed.scrubbed is removed.scrubbed is not fails
        monkeypatch.setenv(VARIABLE, kit.shown())
        assert opened.check_keys().ok

    def test_a_code_can_lie_in_a_file(self, opened: Registry, url: str, tmp_path: Path) -> None:
        file = tmp_path / "code"
        file.touch(mode=0o600)
        file.write_text(opened.recovery_kit().shown() + "\n")
        with open_registry(url, key=f"recovery:file={file}") as registry:
            assert registry.get("lake").payload == b"water"

    @pytest.mark.parametrize("place", [0, 7, 20, 46])
    def test_a_typing_error_is_found_and_the_code_not_shown(
        self, monkeypatch: pytest.MonkeyPatch, place: int, canary: Plant
    ) -> None:
        text = RecoveryCode.new().shown()
        wrong = text[:place] + ("B" if text[place] != "B" else "C") + text[place + 1 :]
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(KeyMalformed) as refused:
            RecoveryKey().wrap(secrets.token_bytes(32), b"")
        assert wrong[:5] not in str(refused.value)

    @pytest.mark.parametrize("text", ["", "A" * 40, "ü" * 40, "AAAAA-" * 8, "A" * 4000])
    def test_what_is_no_code_is_refused(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(KeyMalformed):
            RecoveryKey().wrap(secrets.token_bytes(32), b"")

    def test_a_code_in_the_uri_is_refused_and_not_repeated(self) -> None:
        text = RecoveryCode.new().shown()
        with pytest.raises(InvalidKeyUri) as refused:
            resolve(f"recovery:{text}")
        assert text not in str(refused.value)

    def test_a_half_of_small_order_is_refused(self) -> None:
        provider = RecoveryKey(CODES[0])
        wrapped = provider.wrap(secrets.token_bytes(32), b"")
        with pytest.raises(EnvelopeMalformed):
            provider.unwrap(wrapped[:40] + bytes(32) + wrapped[72:], b"")

    def test_it_shows_nothing(self) -> None:
        code = RecoveryCode.new()
        assert code.shown()[:5] not in repr(code)
        with pytest.raises(TypeError):
            code.__reduce__()

    def test_without_a_code_it_says_where_to_put_one(self) -> None:
        with pytest.raises(KeyProblem, match=VARIABLE):
            RecoveryKey().wrap(secrets.token_bytes(32), b"")
