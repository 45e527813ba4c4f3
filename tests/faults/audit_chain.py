"""Row 7: every entry of an audit of 10,000 deleted, inserted, reordered, edited and truncated; the first bad one is
named.

To follow a chain of 10,000 entries 50,000 times takes long, and nearly all of it proves the same prefix again. So for
the whole chain ``verify_audit`` is given a view of changed rows and an authority that remembers which MACs it has
proved; a sample is made again past that, with SQL in a real store and through the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from strongroom_registry import Registry
from strongroom_registry.stores.store import AuditRow
from strongroom_registry.verification import verify_audit

from faults.figure import Figure, Work
from faults.places import key_file, opened
from faults.served import ServedStore, opened_over

ENTRIES = 10_000
SAMPLE = 200
SAMPLED_ENTRIES = 1_000

Change = Callable[[Sequence[AuditRow], int], tuple[Iterable[AuditRow], int]]
"""The rows with entry ``n`` (from 1) changed, and the number of the first bad one then."""


def _edited(row: AuditRow) -> AuditRow:
    at = row.seq % len(row.record)
    return row._replace(record=row.record[:at] + bytes([row.record[at] ^ 1]) + row.record[at + 1 :])


def delete(rows: Sequence[AuditRow], n: int) -> tuple[Iterable[AuditRow], int]:
    """One is gone, and those after it have moved up."""
    return chain(islice(rows, n - 1), (row._replace(seq=row.seq - 1) for row in islice(rows, n, None))), n


def insert(rows: Sequence[AuditRow], n: int) -> tuple[Iterable[AuditRow], int]:
    """A copy of the entry before stands in its place (of the last one, in the first), and those after it have moved."""
    copy = rows[n - 2]._replace(seq=n)
    return chain(islice(rows, n - 1), [copy], (row._replace(seq=row.seq + 1) for row in islice(rows, n - 1, None))), n


def reorder(rows: Sequence[AuditRow], n: int) -> tuple[Iterable[AuditRow], int]:
    """It has changed places with the next (the last with the first)."""
    other = n % len(rows) + 1
    first, second = min(n, other), max(n, other)
    one, two = rows[second - 1]._replace(seq=first), rows[first - 1]._replace(seq=second)
    middle = islice(rows, first, second - 1)
    return chain(islice(rows, first - 1), [one], middle, [two], islice(rows, second, None)), first


def edit(rows: Sequence[AuditRow], n: int) -> tuple[Iterable[AuditRow], int]:
    """One bit of its record is another."""
    return chain(islice(rows, n - 1), [_edited(rows[n - 1])], islice(rows, n, None)), n


def truncate(rows: Sequence[AuditRow], n: int) -> tuple[Iterable[AuditRow], int]:
    """It and all after it are gone."""
    return islice(rows, n - 1), n


CHANGES: tuple[Change, ...] = (delete, insert, reorder, edit, truncate)


def run(work: Work) -> Iterator[Figure]:
    if "SQLite" in work.places.names:
        yield from in_memory(work)
    for store in work.places.names:
        yield in_store(work, store)


def in_memory(work: Work) -> Iterator[Figure]:
    """Each change of each entry."""
    store, entries = ServedStore(), work.count(ENTRIES, least=50)
    with opened_over(store, key_file(work.folder), create=True) as registry:
        _fill(registry, entries)
        with registry._access.viewing() as (_, view, state):
            rows = list(view.audit(registry._access.authority.workspace_id))
            authority: Any = _Remembering(registry._access.authority)
            assert verify_audit(authority, _Changed(rows), state).entries == len(rows)  # type: ignore[arg-type]
            for change in CHANGES:
                figure = Figure(7, change.__name__, f"{len(rows):,} entries")
                for n in range(1, len(rows) + 1):
                    changed, first_bad = change(rows, n)
                    report = verify_audit(authority, _Changed(changed), state)  # type: ignore[arg-type]
                    _note(figure, n, first_bad, report)
                yield figure


def in_store(work: Work, store: str) -> Figure:
    """A sample of them with SQL, through a registry that is opened again."""
    entries, dice = work.count(SAMPLED_ENTRIES, least=30), work.dice(7, store)
    figure = Figure(7, "all five, with SQL", store)
    with work.places.make(store, work.folder / store) as place:
        with opened(place) as registry:
            _fill(registry, entries)
        found = place.sql("SELECT seq, record, mac FROM audit ORDER BY seq")
        rows = [AuditRow(seq, bytes(record), bytes(mac)) for seq, record, mac in found]
        [(workspace,)] = place.sql("SELECT DISTINCT workspace FROM audit")
        with opened(place) as registry:
            for _ in range(work.count(SAMPLE, least=10)):
                n = dice.randint(1, len(rows))
                changed, first_bad = dice.choice(CHANGES)(rows, n)
                _write(place, workspace, list(changed))
                _note(figure, n, first_bad, registry.verify_audit())
    return figure


def _write(place: Any, workspace: bytes, new: Sequence[AuditRow]) -> None:
    """Make the audit of a workspace these rows."""
    place.sql("DELETE FROM audit")
    place.sql_many(
        "INSERT INTO audit (workspace, seq, record, mac) VALUES (?, ?, ?, ?)", [(workspace, *row) for row in new]
    )


def _fill(registry: Registry, entries: int) -> None:
    """Make an audit of so many entries, the first of which tells of the making of the registry."""
    registry.put("lake", type="lake", schema="s1", payload=b"water")
    for number in range(entries - 2):
        registry.label("lake", f"label-{number % 7}")


def _note(figure: Figure, n: int, first_bad: int, report: Any) -> None:
    located = report.problem is not None and report.first_bad == first_bad
    problem = f"{figure.what} of entry {n}: found {report.first_bad}, not {first_bad}: {report.problem}"
    figure.add("located" if located else "not located", None if located else problem)


class _Changed:
    """A view whose audit is these rows."""

    def __init__(self, rows: Iterable[AuditRow]) -> None:
        self._rows = rows

    def audit(self, workspace: bytes) -> Iterator[AuditRow]:
        return iter(self._rows)


class _Remembering:
    """An authority that proves no MAC twice."""

    def __init__(self, authority: Any) -> None:
        self._authority = authority
        self._proved: dict[tuple[bytes, bytes, bytes], bool] = {}
        self.workspace_id = authority.workspace_id

    def fits(self, purpose: bytes, record: bytes, mac: bytes, *, after: bytes = b"") -> bool:
        known = self._proved.get((after, record, mac))
        if known is None:
            known = self._authority.fits(purpose, record, mac, after=after)
            if known:  # what does not fit is not met again
                self._proved[after, record, mac] = known
        return known
