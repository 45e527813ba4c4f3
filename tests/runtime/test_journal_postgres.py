"""Run history in PostgreSQL: shared by processes, and never the reason why a flow fails or waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from servers.postgres import PostgresDatabase, own_server
from servers.postgres_server import PostgresServer
from strongroom import flow, task
from strongroom.databases.postgres import SCHEMA
from strongroom.errors import JournalNewer, JournalUnavailable
from strongroom.journal import using_journal
from strongroom.journal.postgres import PostgresJournal
from strongroom.journal.records import now
from strongroom.liveness import SILENCE, is_alive
from strongroom.states import Completed, Failed, Scheduled
from strongroom.testing.journal_contract import a_flow_run, a_line, a_task_run

Open = Callable[..., PostgresJournal]

WRITES = """
    import sys
    from strongroom.journal.postgres import PostgresJournal
    from strongroom.testing.journal_contract import a_flow_run, a_task_run, a_line
    journal = PostgresJournal(sys.argv[1])
    for number in range(int(sys.argv[2])):
        run = a_flow_run()
        journal.save_flow_run(run)
        journal.save_task_run(a_task_run(run))
        journal.log(a_line(run, f"line {number}"))
"""


def script(code: str, *args: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]


@pytest.fixture
def opened(postgres: PostgresDatabase) -> Iterator[Open]:
    journals = []

    def open_one(**bounds: int) -> PostgresJournal:
        journals.append(PostgresJournal(postgres.url, **bounds))
        return journals[-1]

    yield open_one
    for journal in journals:
        journal.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A server that a test stops and starts."""
    monkeypatch.setenv("PGSSLMODE", "disable")
    with own_server() as server:
        yield server


def url_of(server: PostgresServer) -> str:
    place = server.address
    return f"postgresql://{place.user}:{place.password}@{place.host}:{place.port}/postgres"


def test_two_processes_read_what_the_other_wrote(opened: Open) -> None:
    writer, reader = opened(), opened()
    run = a_flow_run()
    writer.save_flow_run(run)
    writer.log(a_line(run, "hello"))
    writer.flush()
    assert reader.flow_run(str(run.id)).state.is_running()
    assert [line.message for line in reader.logs(run.id)] == ["hello"]
    run.state = Completed()
    writer.save_flow_run(run)
    writer.flush()
    assert reader.flow_run(str(run.id)).state.is_completed()


def test_processes_that_begin_and_write_at_once_lose_nothing(opened: Open, postgres: PostgresDatabase) -> None:
    processes = [subprocess.Popen(script(WRITES, postgres.url, 200)) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    runs = opened().flow_runs(limit=10_000)
    assert len(runs) == 600
    assert all(opened().logs(run.id) for run in runs[::100])


def test_what_was_flushed_survives_kill_9(opened: Open, postgres: PostgresDatabase) -> None:
    code = textwrap.dedent(WRITES) + "\njournal.flush(); print('flushed', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        script(code, postgres.url, 100), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "flushed\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(opened().flow_runs(limit=1000)) == 100


def test_of_processes_that_claim_a_run_one_gets_it(opened: Open) -> None:
    run = a_flow_run(state=Failed())
    journals = [opened() for _ in range(4)]
    journals[0].save_flow_run(run)
    copies = [journal.flow_run(str(run.id)) for journal in journals]
    together = threading.Barrier(4)
    claimed: list[bool] = []

    def claim(number: int) -> None:
        together.wait(30)
        claimed.append(journals[number].claim(copies[number], Scheduled(name="Resuming")))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [False, False, False, True]


def test_a_forked_child_writes_its_own_runs_and_not_its_parents(opened: Open) -> None:
    journal = opened()
    parents, childs = a_flow_run(name="the parent's"), a_flow_run(name="the child's")
    journal.save_flow_run(a_flow_run(name="written"))
    journal.flush()
    journal.save_flow_run(parents)
    child = os.fork()
    if child == 0:
        journal.save_flow_run(childs)
        os._exit(0 if journal.flush() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert journal.flush()
    assert {run.name for run in journal.flow_runs()} == {"written", "the parent's", "the child's"}


def test_connections_that_the_server_ends_are_opened_again(opened: Open, postgres: PostgresDatabase) -> None:
    journal = opened()
    first, second = a_flow_run(), a_flow_run()
    journal.save_flow_run(first)
    assert journal.flush()
    assert postgres.break_off() >= 1
    journal.save_flow_run(second)
    assert {run.id for run in journal.flow_runs()} == {first.id, second.id}


def test_a_connection_that_ends_in_the_midst_of_writing_costs_nothing(opened: Open, postgres: PostgresDatabase) -> None:
    journal = opened()
    flow_run = a_flow_run()
    journal.save_flow_run(flow_run)
    assert journal.flush()
    with postgres.connect() as other:
        other.execute("BEGIN")
        other.execute(f"LOCK TABLE {SCHEMA}.task_runs")
        journal.save_task_run(a_task_run(flow_run))
        held_up = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while postgres.administer(f"SELECT count(*) {held_up}") == [(0,)]:
            time.sleep(0.01)
        postgres.administer(f"SELECT pg_terminate_backend(pid, 10000) {held_up}")
        other.execute("ROLLBACK")
    assert journal.flush()
    assert len(journal.task_runs(flow_run.id)) == 1


def test_a_server_that_is_away_fails_no_flow_and_gets_it_all_when_it_is_back(
    server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    @task
    def double(n: int) -> int:
        return 2 * n

    @flow
    def work() -> int:
        return sum(double(n) for n in range(20)) + sum(future.result() for future in double.map(range(20)))

    journal = PostgresJournal(url_of(server))
    with using_journal(journal):
        assert work() == 760
        server.stop()
        assert [work() for _ in range(5)] == [760] * 5
        said = [record.getMessage() for record in caplog.records if "history is not written" in record.getMessage()]
        assert len(said) == 1
        assert url_of(server).split("@")[0] not in said[0]
        with pytest.raises(JournalUnavailable, match="cannot be used now"):
            journal.flow_runs()
        server.start()
        assert work() == 760
        assert journal.flush()
        runs = journal.flow_runs()
        assert len(runs) == 7
        assert all(run.state.is_completed() for run in runs)
        assert [len(journal.task_runs(run.id)) for run in runs] == [40] * 7
        assert "written again; 0 runs and lines of it are lost" in caplog.text
    journal.close()


def test_a_database_that_hangs_holds_no_flow_up_for_longer_than_a_moment(
    opened: Open, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strongroom.journal import writer

    @flow
    def work() -> str:
        return "done"

    monkeypatch.setattr(writer, "BACKPRESSURE_SECONDS", 0.01)
    journal = opened(most_rows=10)
    journal.save_flow_run(a_flow_run())
    assert journal.flush()
    with postgres.connect() as other:
        other.execute("BEGIN")
        other.execute(f"LOCK TABLE {SCHEMA}.flow_runs")
        with using_journal(journal):
            assert [work() for _ in range(30)] == ["done"] * 30
        assert not journal.settle()
        assert len(journal._writer._batch) <= 10
        other.execute("ROLLBACK")
    assert journal.flush()
    assert journal.settle()
    assert 1 <= len(journal.flow_runs()) <= 31


def test_a_sign_of_life_is_the_servers_and_no_machines_clock(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = a_flow_run(pid=os.getpid(), host="elsewhere", process="")
    journal = opened()
    journal.save_flow_run(mine)
    journal.flush()
    ahead = time.time() + 7200
    monkeypatch.setattr("time.time", lambda: ahead)
    found = journal.flow_run(str(mine.id))
    assert found.heartbeat is not None
    assert abs(found.heartbeat.timestamp() - ahead) < SILENCE.total_seconds()
    monkeypatch.undo()
    assert is_alive(journal.flow_run(str(mine.id)))
    over = a_flow_run(state=Completed(), heartbeat=now())
    journal.save_flow_run(over)
    assert journal.flow_run(str(mine.id)).heartbeat is not None


def test_lines_can_be_followed_while_others_write_to_the_same_run(opened: Open, postgres: PostgresDatabase) -> None:
    run = a_flow_run()
    reader = opened()
    code = """
        import sys, uuid
        from strongroom.journal.postgres import PostgresJournal
        from strongroom.testing.journal_contract import a_flow_run, a_line
        journal, run = PostgresJournal(sys.argv[1]), a_flow_run(id=uuid.UUID(sys.argv[2]))
        for number in range(200):
            journal.log(a_line(run, f"{sys.argv[3]} {number}"))
            number % 5 or journal.flush()
    """
    processes = [subprocess.Popen(script(code, postgres.url, run.id, name)) for name in "ab"]
    seen: list[Any] = []
    running = True
    while running:
        running = any(process.poll() is None for process in processes)
        seen += reader.logs(run.id, after=seen[-1].id if seen else 0)
    assert [process.returncode for process in processes] == [0, 0]
    said = [line.message.split() for line in seen]
    for name in "ab":
        assert [number for who, number in said if who == name] == [str(number) for number in range(200)]


def test_a_database_of_a_newer_version_is_refused(opened: Open, postgres: PostgresDatabase) -> None:
    journal = opened()
    journal.save_flow_run(a_flow_run())
    journal.close()
    with postgres.connect() as connection:
        connection.execute(f"UPDATE {SCHEMA}.formats SET format = 99")
    with pytest.raises(JournalNewer, match="Upgrade"):
        opened().flow_runs()


def test_old_runs_are_removed_where_the_settings_say_so(
    opened: Open, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_JOURNAL", postgres.url)
    monkeypatch.setenv("STRONGROOM_JOURNAL_KEEP_DAYS", "30")
    journal = opened()
    journal.save_flow_run(a_flow_run(end_time=now() - timedelta(days=31), state=Completed()))
    journal.flush()
    runs = "from strongroom import flow\n@flow\ndef fresh(): ...\nfresh()"
    subprocess.run(script(runs), check=True, capture_output=True)
    assert [run.flow_name for run in journal.flow_runs()] == ["fresh"]
