"""The ledger: one transaction among all processes, in memory, in a file, and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strongroom.errors import InvalidLedgerUrl, LedgerForeign, LedgerUnavailable
from strongroom.ledger import Ledger, Session, await_until, open_ledger, using_ledger, wait_until

TABLE = "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, number BIGINT NOT NULL)"
SCHEMA = "strongroom_runs"
ADD = (
    "INSERT INTO counts (name, number) VALUES (?, 1) "
    "ON CONFLICT (name) DO UPDATE SET number = counts.number + 1 RETURNING number"
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    urls: dict[str, Callable[[], str]] = {
        "memory": lambda: "memory:",
        "sqlite": lambda: f"sqlite:///{tmp_path / 'deep' / 'ledger.db'}",
        "postgres": lambda: request.getfixturevalue("postgres").url,
    }
    opened = open_ledger(urls[request.param]())
    with opened.changing() as session:
        session.execute(TABLE if request.param != "postgres" else TABLE.replace("counts", f"{SCHEMA}.counts"))
    yield opened
    opened.close()


def count(session: Session) -> int:
    rows = session.execute("SELECT number FROM counts WHERE name = ?", "a")
    return rows[0][0] if rows else 0


def test_what_is_changed_is_read(ledger: Ledger) -> None:
    with ledger.changing() as session:
        assert session.execute(ADD, "a") == [(1,)]
        assert session.execute(ADD, "a") == [(2,)]
    with ledger.reading() as session:
        assert count(session) == 2
        assert session.now() > 1_600_000_000_000_000


def test_an_exception_rolls_back(ledger: Ledger) -> None:
    def fails() -> None:
        with ledger.changing() as session:
            session.execute(ADD, "a")
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    with ledger.reading() as session:
        assert count(session) == 0


def test_it_opens_again_after_it_was_closed(ledger: Ledger) -> None:
    with ledger.changing() as session:
        session.execute(ADD, "a")
    ledger.close()
    with ledger.reading() as session:
        assert count(session) == 1


def test_threads_change_it_one_after_another(ledger: Ledger) -> None:
    def work() -> None:
        for _ in range(20):
            with ledger.changing() as session:
                before = count(session)
                session.execute(ADD, "a")
                assert count(session) == before + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.reading() as session:
        assert count(session) == 80


ADD_OFTEN = """
import sys
from strongroom.ledger import open_ledger

ledger = open_ledger(sys.argv[1])
for _ in range(25):
    with ledger.changing() as session:
        rows = session.execute("SELECT number FROM counts WHERE name = 'a'")
        session.execute("DELETE FROM counts WHERE name = 'a'")
        session.execute("INSERT INTO counts VALUES ('a', ?)", (rows[0][0] if rows else 0) + 1)
ledger.close()
"""


@pytest.mark.parametrize("ledger", ["sqlite", "postgres"], indirect=True)
def test_processes_change_it_one_after_another(ledger: Ledger) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", ADD_OFTEN, ledger.url]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with ledger.reading() as session:
        assert count(session) == 75


def _add(ledger: Ledger) -> None:
    with ledger.changing() as session:
        session.execute(ADD, "a")


def _is_three(session: Session) -> str | None:
    return "three" if count(session) == 3 else None


def test_waiting_ends_when_it_comes_true(ledger: Ledger) -> None:
    answers: list[str | None] = []

    def wait() -> None:
        with using_ledger(ledger):
            answers.append(wait_until(_is_three, 60))

    waiter = threading.Thread(target=wait)
    waiter.start()
    for _ in range(3):
        with ledger.changing() as session:
            session.execute(ADD, "a")
    waiter.join()
    assert answers == ["three"]


def test_waiting_gives_up_in_time(ledger: Ledger) -> None:
    with using_ledger(ledger):
        assert wait_until(_is_three, 0) is None
        assert wait_until(_is_three, 0.03) is None
        assert asyncio.run(await_until(_is_three, 0.03)) is None


def test_async_code_waits_beside_other_code(ledger: Ledger) -> None:
    async def both() -> str | None:
        waiting = asyncio.create_task(await_until(_is_three))
        for _ in range(3):
            await asyncio.to_thread(_add, ledger)
        return await waiting

    with using_ledger(ledger):
        assert asyncio.run(both()) == "three"


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    with ledger.changing():
        pass
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600
    ledger.close()


def test_another_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerForeign, match="no ledger"), open_ledger(f"sqlite:///{path}").changing():
        pass
    assert path.read_bytes() == before


def test_a_server_that_is_away_is_named_without_its_password(canary: Callable[[str], str]) -> None:
    pytest.importorskip("psycopg")
    password = canary("ledger")
    ledger = open_ledger(f"postgresql://u:{password}@127.0.0.1:1/db")
    with pytest.raises(LedgerUnavailable, match=r"127\.0\.0\.1") as caught, ledger.changing():
        pass
    assert password not in str(caught.value)


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidLedgerUrl, match="sqlite:///"):
        open_ledger("mysql://x")


def test_a_glance_sees_what_was_written_last(ledger: Ledger) -> None:
    sql = "SELECT number FROM counts WHERE name = ?"
    assert ledger.glance(sql, "a") == []
    for number in (1, 2):
        with ledger.changing() as session:
            session.execute(ADD, "a")
        assert ledger.glance(sql, "a") == [(number,)]


def test_a_glance_makes_no_file_and_sees_one_that_was_put_in_its_place(tmp_path: Path) -> None:
    path, other = tmp_path / "ledger.db", tmp_path / "other.db"
    for file, number in ((path, 1), (other, 2)):
        made = open_ledger(f"sqlite:///{file}")
        assert made.glance("SELECT * FROM variables") == []
        assert not file.exists()
        with made.changing() as session:
            session.execute(TABLE)
            for _ in range(number):
                session.execute(ADD, "a")
        made.close()
    ledger = open_ledger(f"sqlite:///{path}")
    assert ledger.glance("SELECT number FROM counts") == [(1,)]
    other.replace(path)
    assert ledger.glance("SELECT number FROM counts") == [(2,)]
    ledger.close()
