from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strongroom import JSON, Block, Connection, LocalFolder, Secret
from strongroom.errors import UnreadableFile
from strongroom.interchange import record as lines
from strongroom.interchange.plan import Action, Step, carried_out
from strongroom.interchange.record import Record
from strongroom.interchange.reimport import planned
from strongroom.interchange.sealed import read_export, write_plain, write_sealed
from strongroom.interchange.selection import Selection
from strongroom_registry import open_registry
from strongroom_registry.container import open_file, recipient
from strongroom_registry.current import using
from strongroom_registry.errors import IntegrityError, KeyProblem, KeyUnavailable, StrongroomError
from strongroom_registry.keys import EnvKey, generate_key_file
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.registry import Registry

from .conftest import Crm, MakeRegistry

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
plain_blocks = (
    st.builds(lambda value: Secret(value=value), json_values | st.binary(max_size=9) | st.datetimes())
    | st.builds(lambda value: JSON(value=value), json_values)
    | st.builds(lambda login, extra: Connection(login=login, extra=extra), st.text(max_size=5), st.just({"a": [1]}))
    | st.builds(lambda path: LocalFolder(basepath=Path(path)), st.sampled_from(["a", "/srv/lake"]))
)
names = st.sampled_from(["a", "b", "c"])
moves_of_one = st.one_of(
    st.tuples(st.just("save"), names, st.lists(st.integers(0, 9).map(lambda n: Secret(value=n)), min_size=1)),
    st.tuples(st.just("save"), names, st.lists(plain_blocks, min_size=1, max_size=1)),
    st.tuples(
        st.just("hold"),
        st.sampled_from(["x", "y"]),
        st.lists(st.tuples(names, st.sampled_from(["", "@1", "@2", "@3", "@l"])), min_size=1, max_size=3),
    ),
    st.tuples(st.just("label"), names, st.sampled_from(["l", "m"])),
    st.tuples(st.just("delete"), names, st.none()),
)
steps = st.lists(moves_of_one, min_size=4, max_size=12)


def play(moves: list[tuple[str, str, Any]]) -> None:
    """Do what the moves say in the current registry, as far as they can be done."""
    for kind, name, what in moves:
        try:
            if kind == "save":
                for block in what:
                    block.save(name, overwrite=True, retype=True, message="a move")
            elif kind == "hold":
                held = [Secret.load(other + at) for other, at in what]
                Crm(token="t", inner=held[0] if held else None, many=held[1:]).save(name, overwrite=True, retype=True)
            elif kind == "label":
                Block.label(name, what)
            else:
                Block.delete(name)
        except StrongroomError:
            continue


def contents(registry: Registry) -> dict[str, Block]:
    with using(registry):
        return {head.name: Block.load(head.name) for head in registry.list()}


KEY = EnvKey("EXPORT_KEY")


@pytest.fixture(autouse=True, scope="module")
def _key() -> Iterator[None]:
    os.environ["EXPORT_KEY"] = new_key_text()
    yield
    del os.environ["EXPORT_KEY"]


def exported(registry: Registry, **selection: Any) -> list[Record]:
    """What an export has of the registry, after it was sealed and opened."""
    file = io.BytesIO()
    with using(registry):
        write_sealed(file, Selection(registry, **selection), [KEY])
    file.seek(0)
    return lines.read(open_file(file, "export", [KEY]))


def taken_in(registry: Registry, records: list[Record], **options: Any) -> list[Step]:
    with using(registry):
        return list(carried_out(registry, planned(registry, records, **options)))


@given(steps, st.booleans())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_exported_is_the_same_elsewhere(moves: list[tuple[str, str, Any]], history: bool) -> None:
    with open_registry("memory:") as one, open_registry("memory:") as other:
        with using(one):
            play(moves)
            before = {head.name: _loaded(head.name) for head in one.list()}
        if not before:
            return
        records = exported(one, history=history)
        done = taken_in(other, records)
        assert {step.action for step in done if not isinstance(before[step.name or ""], type)} <= {Action.CREATE}
        with using(other):
            after = {head.name: _loaded(head.name) for head in other.list()}
        assert after == {name: loaded for name, loaded in before.items() if name in after}
        assert not [name for name in before.keys() - after.keys() if not isinstance(before[name], type)]
        versions = {head.name: len(other.history(head.name)) for head in other.list()}
        again = taken_in(other, exported(one, history=history), overwrite=True)
        assert {step.action for step in again} <= {Action.SAME, Action.SKIP}
        assert {head.name: len(other.history(head.name)) for head in other.list()} == versions
        back = taken_in(one, exported(other, history=history), overwrite=True)
        assert {step.action for step in back} <= {Action.SAME, Action.SKIP}


def _loaded(name: str) -> Any:
    """The block; where something that it refers to was deleted since, its failure."""
    try:
        return Block.load(name)
    except StrongroomError as error:
        return type(error)


def test_numbers_in_references_become_those_of_here(make_registry: MakeRegistry) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        for value in ("first", "second", "third"):
            Secret(value=value).save("part", overwrite=True)
        Crm(token="t", inner=Secret.load("part@2"), many=[Secret.load("part")]).save("whole")
    with using(other):
        Secret(value="another").save("part")
        Secret.delete("part")
        done = taken_in(other, exported(one, globs=["whole"]), prefix="new-")
        assert [(step.name, step.action) for step in done] == [("new-part", "create"), ("new-whole", "create")]
        whole = Crm.load("new-whole")
        assert whole.inner is not None
        assert whole.inner.get() == "second"
        assert whole.many[0].get() == "third"
        assert other.used_by("new-part")
        assert [step.action for step in taken_in(other, exported(one))] == ["create", "create"]
        assert Crm.load("whole") == whole


@pytest.mark.parametrize(
    ("text", "action"), [("part@1", "skip"), ("part", "skip"), ("here", "create"), ("here@1", "skip")]
)
def test_a_reference_that_would_mean_something_else_is_left(
    make_registry: MakeRegistry, text: str, action: str
) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        for name in ("part", "here"):
            Secret(value="meant").save(name)
        Crm(token="t", inner=Secret.load(text)).save("whole")
    with using(other):
        Secret(value="another").save("here")
    records = [record for record in exported(one) if record.name == "whole"]
    (step,) = taken_in(other, records)
    assert step.action == action
    assert other.exists("whole") == (action == "create")


def test_a_document_that_differs_stays_unless_it_may_be_overwritten(make_registry: MakeRegistry) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        Secret(value="theirs").save("token", labels=["stable"])
        Crm(token="t", inner=Secret.load("token")).save("crm")
    with using(other):
        Secret(value="ours").save("token", labels=["stable"])
    records = exported(one)
    assert [(s.name, s.action) for s in taken_in(other, records)] == [("token", "conflict"), ("crm", "conflict")]
    assert [head.name for head in other.list()] == ["token"]
    done = taken_in(other, records, overwrite=True)
    assert [(s.name, s.action, s.version) for s in done] == [("token", "update", 2), ("crm", "create", 1)]
    assert other.head("token").labels["stable"] == 1


def test_another_type_under_the_name_is_a_conflict(make_registry: MakeRegistry) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        Secret(value="x").save("thing")
    with using(other):
        JSON(value="x").save("thing")
    (step,) = taken_in(other, exported(one), overwrite=True)
    assert (step.action, step.reason) == ("conflict", "thing is a block of type json")


def test_what_changes_between_plan_and_write_is_a_conflict(make_registry: MakeRegistry) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        Secret(value="x").save("token")
        Crm(token="t", inner=Secret.load("token")).save("crm")
    with using(other):
        plan = planned(other, exported(one))
        Secret(value="meanwhile").save("token")
        done = list(carried_out(other, plan))
        assert [(step.name, step.action) for step in done] == [("token", "conflict"), ("crm", "conflict")]
        assert Secret.load("token").get() == "meanwhile"
        assert not other.exists("crm")


def test_a_selection_takes_what_it_refers_to(registry: Registry) -> None:
    Secret(value=1).save("part")
    Secret(value=2).save("part", overwrite=True, labels=["l"])
    Secret(value=3).save("part", overwrite=True)
    Secret(value=4).save("other")
    Crm(token="t", inner=Secret.load("part@l")).save("whole")
    selection = Selection(registry, ["w*"])
    assert [(r.name, r.version, r.main) for r in selection.records()] == [
        ("whole", 1, True),
        ("part", 3, True),
        ("part", 2, False),
    ]
    assert [item.wanted_by for item in selection.taken] == [None, "whole", "whole"]
    assert [r.name for r in Selection(registry, label="l").records()] == ["part"]
    assert [r.version for r in Selection(registry, label="l").records()] == [2]
    assert [r.name for r in Selection(registry, type="moved-crm", history=True).records()] == ["whole", "part", "part"]
    assert len(list(Selection(registry, ["part"], history=True).records())) == 3


def test_labels_history_and_messages_come_along(make_registry: MakeRegistry) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        Secret(value="1").save("t", message="the first", labels=["old"])
        Secret(value="2").save("t", overwrite=True, message="the second")
        Secret(value="3").save("t", overwrite=True)
        one.destroy("t", 2)
    taken_in(other, exported(one, history=True))
    assert [(v.number, v.message) for v in other.history("t")] == [(2, "version 3 of an export"), (1, "the first")]
    assert other.head("t").labels["old"] == 1


@pytest.fixture
def export_file(registry: Registry, tmp_path: Path, canary: Plant) -> tuple[Path, str]:
    """A sealed export with a planted secret in it, and the URI of its key."""
    Secret(value=canary("value")).save("token")
    key = generate_key_file(tmp_path / "export.key").uri
    path = tmp_path / "sealed.export"
    with path.open("wb") as file:
        write_sealed(file, Selection(registry), [recipient(key)])
    return path, key


def test_a_sealed_export_shows_nothing_and_opens_with_its_key_alone(
    export_file: tuple[Path, str], tmp_path: Path
) -> None:
    path, key = export_file
    assert [record.name for record in read_export(str(path), [key])] == ["token"]
    assert b"token" not in path.read_bytes()
    with pytest.raises(KeyUnavailable, match=f"--key {key}"):
        read_export(str(path))
    with pytest.raises(KeyProblem):
        read_export(str(path), [generate_key_file(tmp_path / "other.key").uri])


def test_a_passphrase_of_a_file_can_be_typed_elsewhere(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Plant
) -> None:
    passphrase = canary("passphrase")
    words = tmp_path.parent / f"{tmp_path.name}.words"
    words.touch(mode=0o600)
    words.write_text(f"{passphrase}\n")
    Secret(value=1).save("a")
    with (tmp_path / "x").open("wb") as file:
        write_sealed(file, Selection(registry), [recipient(f"passphrase:file={words}")])
    words.unlink()
    monkeypatch.setenv("STRONGROOM_FILE_PASSPHRASE", passphrase)
    assert [record.name for record in read_export(str(tmp_path / "x"))] == ["a"]


def test_whatever_happens_to_a_sealed_export_is_told(export_file: tuple[Path, str], tmp_path: Path) -> None:
    path, key = export_file
    data = path.read_bytes()
    broken = tmp_path / "broken"
    chance = random.Random(11)
    for position in chance.sample(range(len(data)), 150):
        for changed in (data[:position], _flipped(data, position, chance.randrange(8)), data + data[:position]):
            broken.write_bytes(changed)
            if changed != data:
                with pytest.raises((IntegrityError, KeyProblem, UnreadableFile)):
                    read_export(str(broken), [key])


def _flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def plain(registry: Registry) -> bytes:
    target = io.BytesIO()
    write_plain(target, Selection(registry))
    return target.getvalue()


def test_every_line_of_a_plain_export_that_is_missing_is_noticed(registry: Registry) -> None:
    Secret(value="x").save("a")
    Secret(value="y").save("b")
    data = plain(registry)
    assert len(lines.read([data])) == 2
    for end in range(len(data)):
        with pytest.raises(UnreadableFile):
            lines.read([data[:end]])
    rows = data.splitlines(keepends=True)
    for left_out in range(len(rows)):
        with pytest.raises(UnreadableFile):
            lines.read([b"".join(rows[:left_out] + rows[left_out + 1 :])])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../etc/passwd"},
        {"name": "A"},
        {"name": "a\0"},
        {"name": 7},
        {"type": ""},
        {"version": 0},
        {"version": True},
        {"version": "1"},
        {"labels": ["A B"]},
        {"labels": 3},
        {"created_at": "yesterday"},
        {"payload": []},
        {"payload": {"$exact": {"inner": {"$block": "../x"}}}},
        {"public": "\ud800"},
        {"main": False},
        {"more": 1},
    ],
    ids=str,
)
def test_a_line_that_says_what_cannot_be_is_refused(registry: Registry, change: dict[str, Any]) -> None:
    Secret(value="x").save("a")
    head, line, end = plain(registry).splitlines()
    changed = json.dumps({**json.loads(line), **change}).encode()
    with pytest.raises(UnreadableFile):
        lines.read([head, b"\n", changed, b"\n", end, b"\n"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n{}\n",
        b"\xff\xfe\n",
        b'{"strongroom-export": 9}\n',
        b"[" * 100_000,
        b'{"a":1,"a":2}\n',
    ],
)
def test_what_is_no_export_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnreadableFile):
        read_export(str(tmp_path / "x"))


def test_values_that_do_not_fit_their_type_are_skipped(make_registry: MakeRegistry) -> None:
    one, other = make_registry(), make_registry()
    with using(one):
        Crm(token="t").save("crm")
    data = plain(one).replace(b'"token": "t"', b'"tokem": "t"')
    (step,) = taken_in(other, lines.read([data]))
    assert (step.action, step.reason) == ("skip", "its values do not fit Crm")
    assert not other.exists("crm")


def test_a_chain_of_references_without_end_is_refused(make_registry: MakeRegistry) -> None:
    nothing = {"labels": (), "actor": "", "message": "", "expires_at": None, "public": b""}
    records = [
        Record(
            name=f"d{number}",
            type="t",
            schema="1:0",
            version=1,
            main=True,
            created_at=datetime.now(UTC),
            payload=b'{"$exact":{"next":{"$block":"d%d@1"}}}' % (number + 1),
            **nothing,  # type: ignore[arg-type]
        )
        for number in range(1500)
    ]
    with pytest.raises(UnreadableFile, match="too long a chain"):
        planned(make_registry(), records)
