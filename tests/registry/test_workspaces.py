"""Workspaces: made, listed and removed on purpose; from one, nothing of another can be read, counted or guessed."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from strongroom_registry import Registry, open_registry
from strongroom_registry.anchors import AnchorFile
from strongroom_registry.errors import (
    AnchorTampered,
    HeadTampered,
    InvalidReference,
    KeyUnavailable,
    NameTaken,
    SealBroken,
    StoreRolledBack,
    StoreUnavailable,
    StrongroomError,
    UnknownWorkspace,
    WorkspaceInUse,
    WrongKey,
)
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.stores.sqlite import SqliteStore
from strongroom_registry.workspaces import list_workspaces, new_workspace, remove_workspace

from .conftest import saver


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, url: str) -> str:
    """The URL of a registry of which several may be opened at a time."""
    return url if request.param == "sqlite" else str(request.getfixturevalue("postgres").url)


def key_uri(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A key of its own for a workspace."""
    if kind == "env":
        monkeypatch.setenv("BLUE_KEY", new_key_text())
        return "env:BLUE_KEY"
    if kind == "passphrase":
        (tmp_path / "passphrase").write_text(secrets.token_urlsafe(24))
        (tmp_path / "passphrase").chmod(0o600)
        return f"passphrase:file={tmp_path / 'passphrase'}"
    return f"file:{tmp_path / 'blue.key'}"


@dataclass(frozen=True)
class Pair:
    """Two workspaces of one store; ``blue`` holds what ``red`` must not learn of."""

    url: str
    red: Registry
    blue: Registry
    key_of_blue: str | None


def fill_blue(blue: Registry) -> None:
    save = saver(blue)
    save("blue-lake", b"blue water", public=b'{"colour":"ultramarine"}', labels=["stable"])
    save("blue-lake", b"bluer", overwrite=True, references=["blue-user"])
    save("blue-user", references=["blue-lake"])
    save("blue-gone")
    blue.delete("blue-gone")


@pytest.fixture(params=["shared", "file"])
def pair(request: pytest.FixtureRequest, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    key = None if request.param == "shared" else key_uri(request.param, tmp_path, monkeypatch)
    with open_registry(url, workspace="red", actor="ruby") as red:
        saver(red)("red-lake", b"red water")
        new_workspace("blue", url, key_of_new=key)
        with open_registry(url, workspace="blue", key=key, actor="sapphire") as blue:
            fill_blue(blue)
            yield Pair(url, red, blue, key)


def outcome(call: Callable[[], object], name: str) -> object:
    """What a call gives or says, with the name that it was asked for left out."""
    try:
        found = call()
    except StrongroomError as exc:
        return type(exc), str(exc).replace(name, "NAME"), exc.problem.replace(name, "NAME")
    return list(found) if isinstance(found, Iterator) else found


BY_NAME: dict[str, Callable[[Registry, str], object]] = {
    "get": lambda registry, name: registry.get(name),
    "head": lambda registry, name: registry.head(name),
    "exists": lambda registry, name: registry.exists(name),
    "list": lambda registry, name: (registry.list(name), registry.list(f"{name[:5]}*", deleted=True)),
    "history": lambda registry, name: registry.history(name),
    "label": lambda registry, name: registry.label(name, "mine"),
    "unlabel": lambda registry, name: registry.unlabel(name, "stable"),
    "promote": lambda registry, name: registry.promote(name, 1),
    "delete": lambda registry, name: registry.delete(name, cascade=True),
    "undelete": lambda registry, name: registry.undelete(name),
    "destroy": lambda registry, name: registry.destroy(name, 1),
    "prune": lambda registry, name: registry.prune(name, 1),
    "used_by": lambda registry, name: registry.used_by(name),
    "search": lambda registry, name: registry.search(name),
    "audit": lambda registry, name: registry.audit(name=name),
    "put": lambda registry, name: registry.put(name, type="t", schema="s", payload=b"", expect=2),
}
"""Every method that takes a name, a reference or a text to look for."""

WITHOUT_NAME = {
    "names", "verify", "verify_audit", "anchor", "check_anchor", "write_anchor", "keys", "add_key", "remove_key",
    "recovery_kit", "check_keys", "rotate", "sealer", "watch", "close", "store_id", "workspace", "ahead",
    "record", "revision",
}  # fmt: skip


def test_every_method_of_a_registry_is_looked_at_here() -> None:
    assert {name for name in vars(Registry) if not name.startswith("_")} == {*BY_NAME, *WITHOUT_NAME}


class TestFromAnotherWorkspace:
    @pytest.mark.parametrize("method", BY_NAME)
    def test_a_foreign_name_is_as_unknown_as_one_that_nobody_has(self, pair: Pair, method: str) -> None:
        call = BY_NAME[method]
        for foreign, unknown in (("blue-lake", "none-lake"), ("blue-user", "none-user"), ("blue-gone", "none-gone")):
            there = outcome(lambda name=foreign: call(pair.red, name), foreign)  # type: ignore[misc]
            nowhere = outcome(lambda name=unknown: call(pair.red, name), unknown)  # type: ignore[misc]
            assert there == nowhere

    def test_nothing_that_red_did_is_seen_in_blue(self, pair: Pair) -> None:
        before, entries = pair.blue.anchor(), list(pair.blue.audit())
        for call, name in itertools.product(BY_NAME.values(), ("blue-lake", "blue-user", "blue-gone")):
            outcome(lambda call=call, name=name: call(pair.red, name), name)  # type: ignore[misc]
        pair.red.rotate("workspace")
        assert pair.blue.anchor() == before
        assert list(pair.blue.audit()) == entries
        assert pair.blue.verify().ok
        assert pair.blue.get("blue-lake").payload == b"bluer"

    def test_references_labels_and_ids_of_it_lead_nowhere(self, pair: Pair) -> None:
        id_ = str(pair.blue.head("blue-lake").id)
        for reference in ("blue-lake@1", "blue-lake@stable", "lake/blue-lake", "lake/blue-lake@2", id_, id_[:8]):
            name = reference.rpartition("/")[2].partition("@")[0]
            there = outcome(lambda reference=reference: pair.red.get(reference), name)  # type: ignore[misc]
            other = reference.replace(name, "x" * len(name))
            nowhere = outcome(lambda other=other: pair.red.get(other), "x" * len(name))  # type: ignore[misc]
            assert there == nowhere

    def test_listings_searches_and_counts_show_ones_own_alone(self, pair: Pair) -> None:
        red = pair.red
        assert [head.name for head in red.list(deleted=True)] == ["red-lake"]
        assert red.names() == ["red-lake"]
        assert red.search("ultramarine") == []
        assert red.search("colour") == []
        assert (red.verify().documents, red.verify().versions) == (1, 1)
        assert red.verify_audit().entries == 2
        assert {entry.actor for entry in red.audit()} == {"ruby"}
        assert {use.epoch for use in red.check_keys().used} == {1}
        assert [(use.heads, use.versions) for use in red.check_keys().used] == [(1, 1)]

    def test_the_same_name_means_two_documents(self, pair: Pair) -> None:
        saver(pair.red)("blue-lake", b"red after all")
        assert pair.red.get("blue-lake").version.number == 1
        assert pair.blue.get("blue-lake").payload == b"bluer"
        pair.red.destroy("blue-lake")
        assert pair.blue.get("blue-lake@stable").payload == b"blue water"

    def test_what_it_sealed_does_not_open(self, pair: Pair) -> None:
        sealed = pair.blue.sealer("results").seal(b"result", b"context")
        for context in (b"context", b"blue", b""):
            with pytest.raises(SealBroken):
                pair.red.sealer("results").open(sealed, context)

    def test_its_anchor_is_no_anchor_here(self, pair: Pair) -> None:
        with pytest.raises(AnchorTampered):
            pair.red.check_anchor(pair.blue.anchor())


class TestFromOutside:
    @pytest.mark.parametrize("kind", ["file", "env", "passphrase"])
    @pytest.mark.parametrize("create", [True, False])
    def test_one_of_another_key_is_not_told_from_one_that_is_not_there(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, create: bool
    ) -> None:
        open_registry(url).close()
        own = key_uri(kind, tmp_path, monkeypatch)
        new_workspace("blue", url, key_of_new=own)

        def opened(name: str, key: str | None) -> Callable[[], object]:
            return lambda: open_registry(url, workspace=name, key=key, create=create)

        foreign = outcome(opened("blue", None), "blue")
        assert foreign == outcome(opened("grey", None), "grey")
        assert foreign == outcome(opened("default", own), "default")
        assert foreign == outcome(opened("grey", own), "grey")
        with pytest.raises(UnknownWorkspace, match="'blue' that this key opens"):
            opened("blue", None)()
        for removed in ("blue", "grey"):
            assert outcome(lambda removed=removed: remove_workspace(removed, url), removed) == foreign  # type: ignore[misc]

    def test_a_listing_tells_of_those_alone_that_the_key_opens(
        self, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        default = f"file:{tmp_path / 'default.key'}"
        open_registry(place, key=default).close()
        own = key_uri("env", tmp_path, monkeypatch)
        new_workspace("blue", place, key=default, key_of_new=own)
        new_workspace("green", place, key=default)
        assert [found.name for found in list_workspaces(place, key=default)] == ["default", "green"]
        assert [found.name for found in list_workspaces(place, key=own)] == ["blue"]

    def test_one_that_was_changed_is_listed_with_the_reason_and_the_others_too(self, url: str, path: Path) -> None:
        open_registry(url).close()
        for name in ("blue", "green"):
            new_workspace(name, url)
        with sqlite3.connect(path) as database:
            database.execute("UPDATE workspaces SET mac = zeroblob(32) WHERE name = 'blue'")
        database.close()
        blue, default, green = list_workspaces(url)
        assert (blue.name, blue.seq) == ("blue", None)
        assert "'blue' was changed" in str(blue.quarantine)
        assert (default.quarantine, green.quarantine) == (None, None)
        for missing in ("blue", "grey"):
            with pytest.raises(HeadTampered, match="'blue'"):
                open_registry(url, workspace=missing)
        with pytest.raises(HeadTampered, match="'blue'"):
            new_workspace("grey", url)

    def test_who_opens_none_is_told_which_key_it_takes(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        open_registry(url).close()
        new_workspace("blue", url)
        monkeypatch.setenv("WRONG", new_key_text())
        for name in ("default", "blue", "grey"):
            with pytest.raises(WrongKey, match="sealed with"):
                open_registry(url, workspace=name, key="env:WRONG")
        with pytest.raises(WrongKey):
            list_workspaces(url, key="env:WRONG")


class TestMaking:
    def test_a_workspace_has_keys_and_an_audit_of_its_own(self, place: str, tmp_path: Path) -> None:
        key = f"file:{tmp_path / 'the.key'}"
        open_registry(place, key=key, workspace="first").close()
        made = new_workspace("second", place, key=key, actor="alice")
        with (
            open_registry(place, key=key, workspace="first") as first,
            open_registry(place, key=key, workspace="second") as second,
        ):
            assert first.store_id == second.store_id
            assert second.anchor().workspace_id == made.id != first.anchor().workspace_id
            [created] = second.audit()
            assert (created.action, created.name, created.actor) == ("create", "second", "alice")
            assert len(list(first.audit())) == 1

    def test_its_own_key_is_made_where_it_is_missing(
        self, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        open_registry(url).close()
        capsys.readouterr()
        new_workspace("blue", url, key_of_new=f"file:{tmp_path / 'blue.key'}")
        assert str(tmp_path / "blue.key") in capsys.readouterr().err
        with open_registry(url, workspace="blue", key=f"file:{tmp_path / 'blue.key'}") as blue:
            saver(blue)("lake")

    def test_a_name_is_taken_once(self, url: str, tmp_path: Path) -> None:
        open_registry(url).close()
        new_workspace("blue", url, key_of_new=f"file:{tmp_path / 'blue.key'}")
        for name in ("blue", "default"):
            with pytest.raises(NameTaken, match=f"'{name}' is taken"):
                new_workspace(name, url, key_of_new=f"file:{tmp_path / 'another.key'}")
        assert not (tmp_path / "another.key").exists()

    def test_one_that_another_process_made_meanwhile_is_taken(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        open_registry(url).close()
        writing = SqliteStore.writing

        def after_another(store: SqliteStore) -> object:
            monkeypatch.setattr(SqliteStore, "writing", writing)
            new_workspace("blue", url)
            return writing(store)

        monkeypatch.setattr(SqliteStore, "writing", after_another)
        with pytest.raises(NameTaken):
            new_workspace("blue", url)

    @pytest.mark.parametrize("name", ["", "No Name", "../x", "a" * 129])
    def test_a_name_that_is_none_is_refused(self, url: str, name: str) -> None:
        open_registry(url).close()
        with pytest.raises(InvalidReference):
            new_workspace(name, url)

    def test_there_has_to_be_a_registry(self, url: str, path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="strongroom init"):
            new_workspace("blue", url)
        assert not path.exists()

    def test_a_key_that_cannot_be_had_makes_nothing(self, url: str) -> None:
        open_registry(url).close()
        with pytest.raises(KeyUnavailable):
            new_workspace("blue", url, key_of_new="env:NOT_SET")
        assert [found.name for found in list_workspaces(url)] == ["default"]

    def test_it_has_an_anchor_from_the_start(self, url: str, tmp_path: Path) -> None:
        anchor = f"file:{tmp_path / 'anchors'}"
        open_registry(url, anchor=anchor).close()
        made = new_workspace("blue", url, anchor=anchor)
        with open_registry(url, workspace="blue", anchor=anchor) as blue:
            assert AnchorFile(tmp_path / "anchors").read(blue.store_id, made.id) == blue.anchor().line


class TestRemoving:
    @pytest.fixture
    def two(self, url: str) -> str:
        open_registry(url).close()
        new_workspace("blue", url)
        return url

    def test_nothing_of_it_stays_and_the_others_do(self, place: str, tmp_path: Path) -> None:
        key = f"file:{tmp_path / 'the.key'}"
        with open_registry(place, key=key) as registry:
            saver(registry)("lake", references=["lake"], overwrite=True)
        new_workspace("blue", place, key=key)
        with open_registry(place, key=key, workspace="blue") as blue:
            fill_blue(blue)
        assert remove_workspace("blue", place, key=key, force=True).name == "blue"
        assert [found.name for found in list_workspaces(place, key=key)] == ["default"]
        with pytest.raises(UnknownWorkspace):
            open_registry(place, key=key, workspace="blue")
        with open_registry(place, key=key) as registry:
            assert registry.verify().ok
            assert registry.get("lake").payload == b"payload"
        again = new_workspace("blue", place, key=key)
        with open_registry(place, key=key, workspace="blue") as blue:
            assert blue.list(deleted=True) == []
            assert again.id == blue.anchor().workspace_id

    def test_no_byte_of_it_stays_in_the_files(self, two: str, path: Path) -> None:
        mark = secrets.token_hex(16)
        with open_registry(two, workspace="blue") as blue:
            saver(blue)("lake", public=mark.encode(), message=mark)
            blue.search(mark)
        remove_workspace("blue", two, force=True)
        for file in path.parent.iterdir():
            assert mark.encode() not in file.read_bytes()

    def test_live_documents_keep_it_unless_that_is_forced(self, two: str) -> None:
        with open_registry(two, workspace="blue") as blue:
            saver(blue)("lake")
            saver(blue)("river")
            blue.delete("river")
        with pytest.raises(WorkspaceInUse, match="1 live block"):
            remove_workspace("blue", two)
        with open_registry(two, workspace="blue") as blue:
            blue.delete("lake")
        remove_workspace("blue", two)
        assert [found.name for found in list_workspaces(two)] == ["default"]

    def test_the_only_one_stays(self, url: str) -> None:
        open_registry(url).close()
        with pytest.raises(WorkspaceInUse, match="only workspace"):
            remove_workspace("default", url, force=True)

    def test_one_that_was_put_back_is_told_by_its_anchor(self, url: str, path: Path, tmp_path: Path) -> None:
        anchor = f"file:{tmp_path / 'anchors'}"
        open_registry(url, anchor=anchor).close()
        new_workspace("blue", url, anchor=anchor)
        before = path.read_bytes()
        remove_workspace("blue", url, anchor=anchor)
        path.write_bytes(before)
        open_registry(url, anchor=anchor).close()
        open_registry(url, workspace="blue", anchor="").close()
        with pytest.raises(StoreRolledBack, match="is at change 1, and its anchor says 2"):
            open_registry(url, workspace="blue", anchor=anchor)

    def test_what_a_reader_keeps_in_the_files_is_told(self, two: str, monkeypatch: pytest.MonkeyPatch) -> None:
        store = SqliteStore(Path(two.removeprefix("sqlite:///")))
        monkeypatch.setattr("strongroom_registry.stores.sqlite._BUSY_SECONDS", 0.0)
        with store.reading() as view:
            assert len(view.workspaces()) == 2
            with pytest.raises(StoreUnavailable, match="'blue' is removed, and bytes of it may still stand"):
                remove_workspace("blue", two)
        store.close()
        assert [found.name for found in list_workspaces(two)] == ["default"]

    def test_who_works_in_it_is_told(self, two: str) -> None:
        with open_registry(two, workspace="blue") as blue:
            saver(blue)("lake")
            remove_workspace("blue", two, force=True)
            for call in (lambda: blue.get("lake"), lambda: blue.list(), lambda: saver(blue)("sea")):
                with pytest.raises(HeadTampered, match="'blue' was changed or is gone"):
                    call()
