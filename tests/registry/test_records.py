"""Canonical bytes: each record comes back from its own, no others are taken, and no two records share any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry.audit import AuditEntry, decode_entry, encode_entry
from strongroom_registry.canonical import Malformed
from strongroom_registry.document import DocumentState
from strongroom_registry.heads import HeadRecord, Note, StateRecord, VersionRecord, record_epoch, with_destroyed

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
numbers = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 2**32 - 1)
ids = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC))
states = st.sampled_from([DocumentState.LIVE, DocumentState.DELETED, DocumentState.DESTROYED])

notes = st.builds(Note, moments, texts, texts)
versions = st.builds(VersionRecord, epochs, ids, numbers, numbers, texts, texts, hashes, hashes, hashes)
heads = st.builds(
    HeadRecord,
    epoch=epochs,
    name=texts,
    document=ids,
    generation=numbers,
    first=numbers,
    current=numbers,
    state=states,
    labels=st.dictionaries(texts, numbers, max_size=5),
    destroyed=st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple),
    body_hash=hashes,
    seq=numbers,
    updated_at=moments,
)
workspaces = st.builds(StateRecord, epochs, ids, ids, texts, numbers, hashes, numbers, hashes)
entries = st.builds(
    AuditEntry,
    seq=numbers,
    at=moments,
    actor=texts,
    action=texts,
    outcome=texts,
    name=texts,
    document=st.none() | st.uuids().filter(lambda uuid: uuid.int != 0),
    version=st.none() | st.integers(1, 2**64 - 1),
    label=texts,
    message=texts,
    count=numbers,
)
records = st.one_of(
    st.tuples(notes, st.just(Note.decode)),
    st.tuples(versions, st.just(VersionRecord.decode)),
    st.tuples(heads, st.just(HeadRecord.decode)),
    st.tuples(workspaces, st.just(StateRecord.decode)),
)


@given(records)
def test_a_record_comes_back_from_its_bytes(case: tuple[Any, Callable[[bytes], Any]]) -> None:
    record, decode = case
    assert decode(record.encode()) == record


@given(records, st.data())
def test_bytes_that_are_cut_or_longer_are_refused(
    case: tuple[Any, Callable[[bytes], Any]], data: st.DataObject
) -> None:
    record, decode = case
    encoded = record.encode()
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(Malformed):
        decode(encoded[:cut])
    with pytest.raises(Malformed):
        decode(encoded + data.draw(st.binary(min_size=1, max_size=3)))


@given(st.binary(max_size=300), st.sampled_from([Note, VersionRecord, HeadRecord, StateRecord]))
def test_any_bytes_are_a_record_or_refused(data: bytes, kind: Any) -> None:
    try:
        record = kind.decode(data)
    except Malformed:
        return
    assert kind.decode(record.encode()) == record


@given(st.one_of(heads, versions, workspaces))
def test_the_epoch_can_be_read_before_anything_else(record: HeadRecord | VersionRecord | StateRecord) -> None:
    assert record_epoch(record.encode()) == record.epoch


@given(epochs, entries)
def test_an_audit_entry_comes_back_from_its_bytes(epoch: int, entry: AuditEntry) -> None:
    encoded = encode_entry(epoch, entry)
    assert decode_entry(encoded) == entry
    assert record_epoch(encoded) == epoch
    with pytest.raises(Malformed):
        decode_entry(encoded + b"\0")


@given(heads, heads)
def test_two_heads_with_the_same_bytes_are_the_same(one: HeadRecord, other: HeadRecord) -> None:
    assert (one.encode() == other.encode()) == (one == other)


def test_the_bytes_of_the_specification() -> None:
    """One of each, written out in docs/spec/registry.md."""
    specification = "".join((Path(__file__).parents[2] / "docs" / "spec" / "registry.md").read_text().split())
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    note = Note(moment, "alice", "why")
    head = HeadRecord(
        epoch=1,
        name="lake",
        document=b"d" * 16,
        generation=2,
        first=3,
        current=4,
        state=DocumentState.DELETED,
        labels={"stable": 3, "previous": 3},
        destroyed=((1, 2),),
        body_hash=b"h" * 32,
        seq=9,
        updated_at=moment,
    )
    entry = AuditEntry(7, moment, "alice", "load", "done", "lake", UUID(bytes=b"d" * 16), 4, "", "", 2)
    for encoded in (note.encode(), head.encode(), encode_entry(1, entry)):
        assert f"```{encoded.hex()}```" in specification


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), min_size=1, max_size=20))
def test_ranges_of_destroyed_versions_stay_sorted_and_apart(additions: list[tuple[int, int]]) -> None:
    ranges: tuple[tuple[int, int], ...] = ()
    expected: set[int] = set()
    for first, length in additions:
        ranges = with_destroyed(ranges, first, first + length)
        expected |= set(range(first, first + length + 1))
    assert {n for start, end in ranges for n in range(start, end + 1)} == expected
    flat = [n for pair in ranges for n in pair]
    assert all(start <= end for start, end in ranges)
    assert all(end + 1 < start for end, start in zip(flat[1::2], flat[2::2], strict=False))
