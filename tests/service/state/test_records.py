"""Records that change often: sealed, bound to their place, changed by one at a time."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel
from servers.service import START, Clock
from strongroom_registry.errors import IntegrityError
from strongroom_service.service import Service
from strongroom_service.state.records import RecordSession


class Thing(BaseModel):
    text: str
    count: int = 0


def _put_and_fail(session: RecordSession) -> None:
    session.put("thing", "a", Thing(text="one"))
    raise TypeError


def _all_are_read(service: Service) -> None:
    for kind in ("thing", "other"):
        for id in ("a", "b"):
            service.records.get(kind, id, Thing)


def test_what_is_put_is_found_until_it_is_removed(each_service: Service) -> None:
    records = each_service.records
    assert records.get("thing", "a", Thing) is None
    with records.changing() as session:
        session.put("thing", "a", Thing(text="one"), parent="p", expires=START)
        session.put("thing", "b", Thing(text="two"), parent="p")
        session.put("other", "a", Thing(text="three"))
    with records.reading() as session:
        assert session.get("thing", "a", Thing) == Thing(text="one")
        assert session.children("thing", "p", Thing) == [("a", Thing(text="one")), ("b", Thing(text="two"))]
        assert session.page("thing", Thing, after="a", limit=5) == [("b", Thing(text="two"))]
        assert session.expired("thing", Thing) == [("a", Thing(text="one"))]
        assert [session.count("thing"), session.count("thing", parent="q")] == [2, 0]
    with records.changing() as session:
        session.put("thing", "a", Thing(text="later"))
        assert session.remove("thing", "b")
        assert not session.remove("thing", "b")
    assert records.get("thing", "a", Thing) == Thing(text="later")
    assert records.get("thing", "b", Thing) is None
    with records.reading() as session:
        assert session.expired("thing", Thing) == []


def test_a_change_that_fails_changes_nothing(each_service: Service) -> None:
    with pytest.raises(TypeError), each_service.records.changing() as session:
        session.put("thing", "a", _put_and_fail(session))  # type: ignore[arg-type]
    assert each_service.records.get("thing", "a", Thing) is None


def test_changes_of_many_threads_exclude_each_other(each_service: Service) -> None:
    records = each_service.records

    def add(_: int) -> None:
        with records.changing() as session:
            thing = session.get("thing", "a", Thing) or Thing(text="")
            session.put("thing", "a", Thing(text="", count=thing.count + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(64)))
    assert records.get("thing", "a", Thing) == Thing(text="", count=64)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE service_records SET id = 'b' WHERE id = 'a'",
        "UPDATE service_records SET kind = 'other'",
        "UPDATE service_records SET parent = 'q'",
        "UPDATE service_records SET expires = expires + 1",
        "UPDATE service_records SET expires = NULL",
        "UPDATE service_records SET sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'00' AS BLOB)",
    ],
)
def test_a_row_that_was_changed_or_moved_is_not_believed(service: Service, strongroom_home: Path, change: str) -> None:
    with service.records.changing() as session:
        session.put("thing", "a", Thing(text="one"), parent="p", expires=START + timedelta(days=1))
    assert service.records.get("thing", "a", Thing)
    with sqlite3.connect(strongroom_home / "service.db") as database:
        database.execute(change)
    database.close()
    with pytest.raises(IntegrityError):
        _all_are_read(service)


def test_nothing_of_a_record_stands_in_the_file(service: Service, strongroom_home: Path, clock: Clock) -> None:
    with service.records.changing() as session:
        session.put("thing", service.records.name(b"key"), Thing(text="a text that nobody is to read"))
        assert session.now() == clock.now
    for file in strongroom_home.glob("service.db*"):
        assert b"nobody is to read" not in file.read_bytes()
