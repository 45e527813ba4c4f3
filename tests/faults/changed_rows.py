"""Row 2: every bit of every sealed or MACed column flipped, every truncation, all pairs of rows swapped.

What is read then is refused by a named error, or is byte for byte what it was: because the change is not on the way to
it. Three stores: one of 200 documents, whose documents are loaded one by one; one with documents in every state of
life, of which ``verify`` has to name every change; and one of 50 documents, whose rows are swapped in pairs.

The rows lie in memory, since millions of changes are made. What reads them is what reads those of SQLite and
PostgreSQL, of which row 3 and ``tests/registry/test_tampering.py`` change a few with SQL.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

from strongroom_registry import Registry
from strongroom_registry.errors import IntegrityError, KeyProblem, StrongroomError
from strongroom_registry.tree import path_of

from faults.figure import Figure, Work
from faults.places import key_file
from faults.served import COLUMNS, ServedStore, column_of, newcomer, opened_over, with_column

Check = Callable[[Registry], bool]
"""Reads what a row is for; whether it is as it was."""


class Subject(NamedTuple):
    """A row, how to read what it is for, and whether each time as a process that has read nothing before."""

    table: str
    key: Any
    check: Check
    anew: bool


def run(work: Work) -> Iterator[Figure]:
    key = key_file(work.folder)
    dice = work.dice(2)
    large, small = _large(key), _small(key)
    for what, changes in (("bits flipped", flips), ("truncations", cuts)):
        yield changed(Figure(2, f"{what}, documents loaded", "200 documents"), work, dice, large, key, changes, _loads)
        yield changed(Figure(2, f"{what}, verified", "every state"), work, dice, small, key, changes, _verifies)
    yield swapped(work, dice, _swappable(key), key)


def _large(key: str) -> ServedStore:
    store = ServedStore()
    with opened_over(store, key, create=True) as registry:
        for number in range(200):
            name = f"document-{number}"
            _put(registry, name, b"payload of %d" % number)
            if number % 40 == 0:
                _put(registry, name, b"another of %d" % number, labels=["stable"])
    return store


def _small(key: str) -> ServedStore:
    """Documents that are live, deleted, destroyed, partly destroyed and of a second generation."""
    store = ServedStore()
    with opened_over(store, key, create=True) as registry:
        for name in ("live", "deleted", "destroyed", "partly", "again"):
            _put(registry, name, b"one")
            _put(registry, name, b"two", labels=["stable"])
        registry.delete("deleted")
        registry.destroy("destroyed")
        registry.destroy("partly", 1)
        registry.delete("again")
        _put(registry, "again", b"three")
    return store


def _swappable(key: str) -> ServedStore:
    store = ServedStore()
    with opened_over(store, key, create=True) as registry:
        for number in range(50):
            _put(registry, f"document-{number}", b"payload of %d" % number)
            if number % 10 == 0:
                _put(registry, f"document-{number}", b"newer of %d" % number)
    return store


def _put(registry: Registry, name: str, payload: bytes, **options: Any) -> None:
    public = b'{"host": "%s.example.com"}' % name.encode()
    registry.put(name, type="lake", schema="s1", payload=payload, public=public, overwrite=True, **options)


def changed(
    figure: Figure,
    work: Work,
    dice: random.Random,
    store: ServedStore,
    key: str,
    changes: Callable[[Any], Sequence[Any]],
    subjects: Callable[[Registry, ServedStore], Sequence[Subject]],
) -> Figure:
    """Make every change of a kind to every column of every subject's row, and read it each time."""
    kept = store.kept()
    with opened_over(store, key) as registry:
        found = subjects(registry, store)
    store.put_back(kept)
    with opened_over(store, key) as registry:
        for subject in found:
            reader = newcomer(registry)
            row = store.rows(subject.table)[subject.key]
            for column in COLUMNS[subject.table]:
                values = changes(column_of(row, column))
                for value in _some(values, work.scale, dice):
                    with store.exchanged(subject.table, subject.key, column, value):
                        outcome, problem = _read(registry if subject.anew else reader, subject, store, key)
                    where = f"{subject.table}.{column} of {subject.key!r}: {value!r:.80}: {problem}"
                    figure.add(outcome, problem and where)
            store.put_back(kept)
    return figure


def _some(values: Sequence[Any], scale: float, dice: random.Random) -> Sequence[Any]:
    """All of them, or as many as the scale asks for; on average where that is less than one."""
    wanted = len(values) * scale
    whole = min(len(values), int(wanted) + (dice.random() < wanted - int(wanted)))
    return values if whole == len(values) else dice.sample(values, whole)


def flips(value: Any) -> Sequence[Any]:
    """The value with each of its bits flipped."""
    match value:
        case bytes():
            return _Flips(value)
        case str():
            texts = (bytes(flipped).decode(errors="replace") for flipped in _Flips(value.encode()))
            return [text for text in texts if text != value]
        case int():
            return [value ^ 1 << bit for bit in range(32)]
        case datetime():
            return [value + timedelta(microseconds=1 << bit) for bit in range(48)]
    return []


class _Flips(Sequence[bytes]):
    """Made one by one: a body of many bytes has many of them."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __len__(self) -> int:
        return len(self._value) * 8

    def __getitem__(self, bit: Any) -> Any:
        if not 0 <= bit < len(self):
            raise IndexError
        changed = bytearray(self._value)
        changed[bit >> 3] ^= 1 << (bit & 7)
        return bytes(changed)


def cuts(value: Any) -> Sequence[Any]:
    """Everything that the value begins with, itself excepted."""
    return [value[:size] for size in range(len(value))] if isinstance(value, bytes | str) else []


def _loads(registry: Registry, store: ServedStore) -> Sequence[Subject]:
    """Each row with a load, or whatever else it is on the way to."""
    names = [head.name for head in registry.list()]
    audit = list(store.rows("audit"))
    documents = {head.document: head.name for head in store.rows("heads").values()}
    found = [Subject("heads", key, _loading(registry, key[1]), False) for key in store.rows("heads")]
    for document, number in store.rows("versions"):
        found.append(
            Subject("versions", (document, number), _loading(registry, f"{documents[document]}@{number}"), False)
        )
    for workspace, prefix in store.rows("nodes"):
        below = next(name for name in names if path_of(name).startswith(prefix))
        found.append(Subject("nodes", (workspace, prefix), _loading(registry, below), True))
    found += [Subject("audit", key, _audit_is_whole, False) for key in audit]
    for table in ("workspaces", "keys"):
        found += [Subject(table, key, _loading(registry, names[0]), True) for key in store.rows(table)]
    return found


def _loading(registry: Registry, reference: str) -> Check:
    before = newcomer(registry).get(reference)

    def check(reader: Registry) -> bool:
        document = reader.get(reference)
        return (document.payload, document.version) == (before.payload, before.version)

    return check


def _audit_is_whole(reader: Registry) -> bool:
    problem = reader.verify_audit().problem
    if problem is not None:
        raise problem
    return True


def _verifies(registry: Registry, store: ServedStore) -> Sequence[Subject]:
    """Each row, to be found by whoever goes through everything."""

    def check(reader: Registry) -> bool:
        for problem in reader.verify().problems:
            raise problem.error
        return _audit_is_whole(reader)

    return [Subject(table, key, check, True) for table in COLUMNS for key in store.rows(table)]


def _read(registry: Registry, subject: Subject, store: ServedStore, key: str) -> tuple[str, str | None]:
    """What reading a changed row comes to: the name of the outcome, and what is wrong with that."""
    try:
        reader = registry
        if subject.table in ("workspaces", "keys"):
            reader = opened_over(store, key)
        elif subject.anew:
            reader = newcomer(registry)
        same = subject.check(reader)
    except (IntegrityError, KeyProblem) as exc:
        return type(exc).__name__, None
    except StrongroomError as exc:
        return type(exc).__name__, f"is refused as {exc}"
    except Exception as exc:
        return "uncaught", f"{type(exc).__name__}: {exc}"
    return ("the same document", None) if same else ("a wrong document", "another document came out")


def swapped(work: Work, dice: random.Random, store: ServedStore, key: str) -> Figure:
    """Swap each two rows of a table, whole but for what they are found by, and each column of them alone."""
    figure = Figure(2, "pairs of rows swapped, whole and by column", "50 documents")
    subjects: dict[str, list[Subject]] = {}
    kept = store.kept()
    with opened_over(store, key) as registry:
        for subject in _loads(registry, store):
            subjects.setdefault(subject.table, []).append(subject)
    store.put_back(kept)
    with opened_over(store, key) as registry:
        for table, rows in subjects.items():
            for pair in _some(list(combinations(rows, 2)), work.scale, dice):
                for columns in _swaps(table):
                    for outcome, problem in _after_swap(registry, store, key, pair, columns):
                        figure.add(outcome, problem and f"{table}.{columns} of {pair[0].key}, {pair[1].key}: {problem}")
                store.put_back(kept)
    return figure


def _swaps(table: str) -> list[tuple[str, ...]]:
    moved = [column for column in COLUMNS[table] if column not in ("number", "seq", "id", "name", "epoch")]
    return [tuple(moved), *((column,) for column in moved if len(moved) > 1)]


def _after_swap(
    registry: Registry, store: ServedStore, key: str, pair: tuple[Subject, ...], columns: tuple[str, ...]
) -> Iterator[tuple[str, str | None]]:
    rows = store.rows(pair[0].table)
    one, other = (rows[subject.key] for subject in pair)
    if all(column_of(one, column) == column_of(other, column) for column in columns):
        return
    new_one, new_other = one, other
    for column in columns:
        new_one = with_column(new_one, column, column_of(other, column))
        new_other = with_column(new_other, column, column_of(one, column))
    rows[pair[0].key], rows[pair[1].key] = new_one, new_other
    for subject in pair:
        yield _read(newcomer(registry), subject, store, key)
    rows[pair[0].key], rows[pair[1].key] = one, other
