"""Moments: what is read in one is read once, and is as new as its beginning; what anybody changes is seen in the
next."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from strongroom_registry.errors import IntegrityError, StrongroomError
from strongroom_service.service import Service
from strongroom_service.state import records as module
from strongroom_service.state.records import Records


class Thing(BaseModel):
    text: str


class Other(BaseModel):
    number: int


@pytest.fixture
def records(service: Service) -> Records:
    return service.records


@pytest.fixture
def elsewhere(each_service: Service) -> Iterator[Service]:
    """What serves the same as ``each_service`` in another process."""
    with Service.open() as opened:
        yield opened


def put(records: Records, id: str, text: str, kind: str = "thing") -> None:
    with records.changing() as session:
        session.put(kind, id, Thing(text=text))


def text(records: Records, id: str = "a") -> str | None:
    found = records.get("thing", id, Thing)
    return found and found.text


@contextmanager
def moment(records: Records) -> Iterator[None]:
    records.begin_moment()
    try:
        yield
    finally:
        records.end_moment()


@pytest.fixture
def looks(records: Records, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The looks at the database, one by one."""
    seen: list[Any] = []
    glance: Callable[..., Any] = records._ledger.glance

    def noted(sql: str, *values: Any) -> Any:
        seen.append(values)
        return glance(sql, *values)

    monkeypatch.setattr(records._ledger, "glance", noted)
    return seen


# -- others


def test_what_another_process_changes_is_seen_in_the_next_moment(each_service: Service, elsewhere: Service) -> None:
    records = each_service.records
    put(records, "a", "one")
    for number in range(3):
        with each_service.one_moment():
            before = (text(records), text(records, f"b{number}"))
            put(elsewhere.records, "a", f"later {number}")
            put(elsewhere.records, f"b{number}", "new")
            assert (text(records), text(records, f"b{number}")) == before
        assert text(records) == f"later {number}"
        with each_service.one_moment():
            assert (text(records), text(records, f"b{number}")) == (f"later {number}", "new")
    with elsewhere.records.changing() as session:
        session.remove("thing", "a")
    with each_service.one_moment():
        assert text(records) is None


def test_other_threads_are_in_moments_of_their_own(each_service: Service) -> None:
    records = each_service.records
    put(records, "a", "one")
    with ThreadPoolExecutor(1) as other, each_service.one_moment():
        assert text(records) == "one"
        other.submit(put, records, "a", "two").result(60)
        assert text(records) == "one"
        assert other.submit(text, records).result(60) == "two"
        assert other.submit(_in_a_moment, each_service).result(60) == "two"
        assert text(records) == "one"
    with each_service.one_moment():
        assert text(records) == "two"


def _in_a_moment(service: Service) -> str | None:
    with service.one_moment():
        return text(service.records)


def test_a_moment_that_began_later_is_never_older(each_service: Service) -> None:
    """While one thread changes a record, all that others read in their moments is at least as new as these."""
    records, last = each_service.records, 40
    put(records, "a", "0")
    known = [0]

    def write() -> None:
        for number in range(1, last + 1):
            put(records, "a", f"{number}")
            known[0] = number

    def read() -> None:
        while known[0] < last:
            least = known[0]
            with each_service.one_moment():
                seen = int(text(records) or "")
                assert seen >= least
                assert int(text(records) or "") == seen

    with ThreadPoolExecutor(3) as threads:
        for future in [threads.submit(write), threads.submit(read), threads.submit(read)]:
            future.result(60)


# -- oneself


def test_whoever_changes_something_in_a_moment_sees_it_there(each_service: Service) -> None:
    records, directory = each_service.records, each_service.directory
    put(records, "a", "one")
    directory.put("rule", "a", Thing(text="one"))
    with each_service.one_moment():
        assert text(records) == "one"
        put(records, "a", "two")
        assert text(records) == "two"
        assert directory.get("rule", "a", Thing) == Thing(text="one")
        directory.put("rule", "a", Thing(text="two"))
        assert directory.get("rule", "a", Thing) == Thing(text="two")
        directory.remove("rule", "a")
        assert directory.get("rule", "a", Thing) is None


def test_a_change_that_fails_ends_a_moment_too(records: Records) -> None:
    put(records, "a", "one")
    with moment(records):
        assert text(records) == "one"
        with pytest.raises(ZeroDivisionError), records.changing() as session:
            session.put("thing", "a", Thing(text=f"{1 // 0}"))
        assert text(records) == "one"


def test_an_error_ends_a_moment(each_service: Service) -> None:
    records = each_service.records
    put(records, "a", "one")
    with pytest.raises(ZeroDivisionError), each_service.one_moment():
        assert text(records) == f"{1 // 0}"
    put(records, "a", "two")
    assert text(records) == "two"


def test_a_moment_of_the_directory_is_as_it_began(each_service: Service, elsewhere: Service) -> None:
    each_service.directory.put("rule", "a", Thing(text="one"))
    with each_service.one_moment():
        assert each_service.directory.get("rule", "a", Thing) == Thing(text="one")
        elsewhere.directory.put("rule", "a", Thing(text="two"))
        assert each_service.directory.get("rule", "a", Thing) == Thing(text="one")
    with each_service.one_moment():
        assert each_service.directory.get("rule", "a", Thing) == Thing(text="two")


# -- how often the database is looked at, and what is kept


def test_what_nobody_changed_is_not_read_again(records: Records, looks: list[Any]) -> None:
    put(records, "a", "one")
    for _ in range(3):
        with moment(records):
            assert (text(records), text(records), text(records, "absent")) == ("one", "one", None)
    assert len(looks) == 2
    put(records, "b", "one")
    for _ in range(2):
        with moment(records):
            assert text(records) == "one"
    assert len(looks) == 3
    assert (text(records), text(records)) == ("one", "one")
    assert len(looks) == 5


def test_of_a_file_that_was_replaced_nothing_is_believed_from_before(
    records: Records, strongroom_home: Path, tmp_path: Path
) -> None:
    there = strongroom_home / "service.db"
    put(records, "a", "one")
    with sqlite3.connect(there) as source, sqlite3.connect(tmp_path / "copy.db") as copy:
        source.backup(copy)
    source.close()
    copy.close()
    put(records, "a", "two")
    with moment(records):
        assert text(records) == "two"
    for beside in ("-wal", "-shm"):
        there.with_name(there.name + beside).unlink()
    shutil.copy(tmp_path / "copy.db", tmp_path / "again.db")
    os.replace(tmp_path / "again.db", there)
    with moment(records):
        assert text(records) == "one"


def test_what_is_large_is_read_each_time_and_not_kept(records: Records, looks: list[Any]) -> None:
    put(records, "small", "one")
    put(records, "grown", "one")
    with moment(records):
        text(records, "grown")
    put(records, "large", "x" * 20_000)
    put(records, "grown", "x" * 20_000)
    looks.clear()
    with moment(records):
        for _ in range(3):
            for id in ("small", "large", "grown"):
                text(records, id)
        assert len(looks) == 1 + 3 + 3
        assert {id for _, id in records._known[1]} == {"small"}


def test_what_is_kept_is_bounded(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 20)
    put(records, "a", "one")
    with moment(records):
        for number in range(100):
            assert text(records, f"absent{number}") is None
            assert text(records) == "one"
            assert len(records._known[1]) <= 20
        records.look_ahead("thing", [f"ahead{number}" for number in range(50)], Thing)
        assert len(records._known[1]) <= 20


def test_a_record_of_another_kind_of_value_is_no_answer(records: Records) -> None:
    with records.changing() as session:
        session.put("thing", "a", Other(number=7))
        session.put("other", "a", Other(number=8))
    with moment(records):
        for _ in range(2):
            assert records.get("other", "a", Other) == Other(number=8)
            assert records.get("thing", "a", Other) == Other(number=7)
            with pytest.raises(ValueError, match="text"):
                text(records)


# -- reading ahead


def test_what_was_read_ahead_is_not_read_again(each_service: Service) -> None:
    records = each_service.records
    put(records, "a", "one")
    put(records, "b", "two")
    records.look_ahead("thing", ["a", "b"], Thing)  # in no moment it is for nothing
    assert records._moment.known is None
    with each_service.one_moment():
        records.look_ahead("thing", ["a", "b", "absent"], Thing)
        with ThreadPoolExecutor(1) as other:
            other.submit(put, records, "a", "later").result(60)
        assert (text(records, "a"), text(records, "b"), text(records, "absent")) == ("one", "two", None)
    assert text(records, "a") == "later"


@pytest.mark.parametrize("nth", range(3))
def test_a_row_that_was_changed_hides_no_other_one(records: Records, strongroom_home: Path, nth: int) -> None:
    ids = ["a", "b", "c"]
    for id in ids:
        put(records, id, "one")
    with sqlite3.connect(strongroom_home / "service.db") as database:
        database.execute("UPDATE service_records SET parent = 'x' WHERE id = ?", ids[nth])
    database.close()
    for _ in range(2):
        with moment(records):
            records.look_ahead("thing", ids, Thing)
            for number, id in enumerate(ids):
                if number == nth:
                    with pytest.raises(IntegrityError):
                        text(records, id)
                else:
                    assert text(records, id) == "one"


def test_a_record_that_is_not_understood_hides_no_other_one(records: Records) -> None:
    with records.changing() as session:
        session.put("thing", "a", Other(number=7))
    put(records, "b", "one")
    with moment(records):
        records.look_ahead("thing", ["a", "b", "c"], Thing)
        assert (text(records, "b"), text(records, "c")) == ("one", None)
        with pytest.raises(ValueError, match="text"):
            text(records, "a")


def test_what_is_large_is_not_kept_when_it_is_read_ahead(records: Records) -> None:
    put(records, "grown", "one")
    with moment(records):
        text(records, "grown")
    put(records, "grown", "x" * 20_000)
    put(records, "large", "x" * 20_000)
    with moment(records):
        records.look_ahead("thing", ["large", "grown", "absent"], Thing)
        assert {id for _, id in records._known[1]} == {"absent"}
        assert len(text(records, "large") or "") == 20_000


# -- a database that is away


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, None])
def test_where_the_database_is_away_each_look_says_so(
    service: Service, strongroom_home: Path, content: bytes | None
) -> None:
    put(service.records, "a", "one")
    there = strongroom_home / "service.db"
    for beside in ("-wal", "-shm"):
        there.with_name(there.name + beside).unlink()
    there.unlink()
    if content is None:
        there.mkdir()
    else:
        there.write_bytes(content)
    for _ in range(2):
        with service.one_moment():
            for _ in range(2):
                with pytest.raises(StrongroomError, match=r"service\.db"):
                    text(service.records)
            assert service.directory.get("rule", "a", Thing) is None
