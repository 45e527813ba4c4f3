"""The journal's file: private, shared, crash-safe, and never the reason why a flow fails."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from strongroom.databases import sqlite_file
from strongroom.databases.sqlite_file import SqliteFile
from strongroom.errors import JournalForeign, JournalNewer, JournalUnavailable
from strongroom.journal.formats import run_history
from strongroom.journal.records import now
from strongroom.journal.sqlite import SqliteJournal
from strongroom.journal.writer import Batch, Writer
from strongroom.retention import remove_old_runs
from strongroom.states import Completed, Pending, Running
from strongroom.testing.journal_contract import START, a_flow_run, a_line, a_task_run

KIND = run_history("sqlite")
Open = Callable[..., SqliteJournal]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    journals = []

    def open_one(path: Path | None = None, **bounds: int) -> SqliteJournal:
        journals.append(SqliteJournal(path or tmp_path / "home" / "runs.db", **bounds))
        return journals[-1]

    yield open_one
    for journal in journals:
        journal.close()


def script(code: str, *args: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]


WRITES = """
    import sys, uuid
    from strongroom.journal.sqlite import SqliteJournal
    from strongroom.testing.journal_contract import a_flow_run, a_task_run, a_line
    journal = SqliteJournal(sys.argv[1])
    for number in range(int(sys.argv[2])):
        run = a_flow_run()
        journal.save_flow_run(run)
        journal.save_task_run(a_task_run(run))
        journal.log(a_line(run, f"line {number}"))
"""


def test_the_file_and_its_folder_are_for_the_owner_alone(opened: Open, tmp_path: Path) -> None:
    journal = opened()
    usual = os.umask(0)
    try:
        journal.save_flow_run(a_flow_run())
        assert journal.flush()
    finally:
        os.umask(usual)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [*journal.path.parent.iterdir()]}
    assert modes.pop("runs.db") == 0o600
    assert set(modes.values()) <= {0o600}
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_reading_makes_no_file(opened: Open) -> None:
    journal = opened()
    assert journal.flow_runs() == []
    assert not journal.path.parent.exists()


def test_another_process_reads_while_runs_go_on(opened: Open) -> None:
    writer, reader = opened(), opened()
    run = a_flow_run()
    writer.save_flow_run(run)
    writer.flush()
    assert reader.flow_run(str(run.id)).state.is_running()
    run.state = Completed()
    writer.save_flow_run(run)
    writer.flush()
    assert reader.flow_run(str(run.id)).state.is_completed()


def test_what_was_flushed_survives_kill_9(opened: Open) -> None:
    journal = opened()
    code = textwrap.dedent(WRITES) + "\njournal.flush(); print('flushed', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        script(code, journal.path, 300), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "flushed\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    runs = journal.flow_runs(limit=1000)
    assert len(runs) == 300
    assert all(len(journal.task_runs(run.id)) == len(journal.logs(run.id)) == 1 for run in runs[:20])


def test_a_kill_9_in_the_midst_of_writing_leaves_a_file_that_goes_on(opened: Open) -> None:
    journal = opened()
    code = textwrap.dedent(WRITES).replace(
        "    journal.log", "    number % 50 or print(number, flush=True); journal.log"
    )
    process = subprocess.Popen(script(code, journal.path, 10**6), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "2000\n" in process.stdout
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = len(journal.flow_runs(limit=10**6))
    journal.save_flow_run(a_flow_run())
    assert len(journal.flow_runs(limit=10**6)) == before + 1


def test_a_process_that_ends_writes_what_it_still_holds(opened: Open) -> None:
    journal = opened()
    subprocess.run(script(WRITES, journal.path, 25), check=True)
    assert len(journal.flow_runs()) == 25


def test_processes_that_write_at_once_lose_nothing(opened: Open) -> None:
    journal = opened()
    processes = [subprocess.Popen(script(WRITES, journal.path, 400)) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    runs = journal.flow_runs(limit=10_000)
    assert len(runs) == 1200
    assert all(journal.logs(run.id) for run in runs[::100])


def test_threads_that_write_at_once_lose_nothing(opened: Open) -> None:
    journal = opened()
    flow_run = a_flow_run()

    def work(thread: int) -> None:
        for number in range(200):
            run = a_task_run(flow_run, 1000 * thread + number, state=Pending())
            journal.save_task_run(run)
            run.state = Completed()
            journal.save_task_run(run)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    runs = journal.task_runs(flow_run.id)
    assert len(runs) == 1600
    assert all(run.state.is_completed() for run in runs)


def test_a_forked_child_writes_its_own_runs_and_not_its_parents(opened: Open) -> None:
    journal = opened()
    parents, childs = a_flow_run(name="the parent's"), a_flow_run(name="the child's")
    journal.save_flow_run(a_flow_run(name="written"))
    journal.flush()
    journal.save_flow_run(parents)
    journal.log(a_line(parents, "once"))
    child = os.fork()
    if child == 0:
        journal.save_flow_run(childs)
        journal.log(a_line(childs, "hello"))
        os._exit(0 if journal.flush() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert {run.name for run in journal.flow_runs()} == {"written", "the parent's", "the child's"}
    assert [line.message for line in journal.logs(parents.id)] == ["once"]
    assert [line.message for line in journal.logs(childs.id)] == ["hello"]


def test_another_programs_database_is_refused_and_left_alone(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE customers (name TEXT)")
    theirs.close()
    before = path.read_bytes()
    journal = opened(path)
    journal.save_flow_run(a_flow_run())
    assert not journal.flush()
    with pytest.raises(JournalForeign, match="STRONGROOM_JOURNAL"):
        journal.flow_runs()
    assert "theirs.db is a database, but no run history" in caplog.text
    journal.close()
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam,\n" * 500)
    before = path.read_bytes()
    journal = opened(path)
    journal.save_flow_run(a_flow_run())
    assert not journal.flush()
    with pytest.raises(JournalForeign, match="Move the file away"):
        journal.flow_runs()
    assert path.read_bytes() == before


OLD_RUN = UUID("0197c1aa-0000-4000-8000-000000000001")
OLD_ROWS = {
    "flow_runs": {
        "id": OLD_RUN.bytes,
        "name": "brave-otter",
        "flow_name": "nightly",
        "parameters_shown": '{"n": 1}',
        "dynamic_key": "",
        "tags": "[]",
        "state_type": "FAILED",
        "state_name": "Failed",
        "state_time": START.timestamp(),
        "history": "[]",
        "run_count": 1,
        "created": START.timestamp(),
        "pid": 4,
        "host": "here",
        "blocks": '["lake@3"]',
    },
    "task_runs": {
        "id": uuid4().bytes,
        "name": "extract-0",
        "task_name": "extract",
        "task_key": "etl.extract",
        "dynamic_key": "etl.extract-0",
        "flow_run_id": OLD_RUN.bytes,
        "parent_id": OLD_RUN.bytes,
        "state_type": "COMPLETED",
        "state_name": "Completed",
        "state_time": START.timestamp(),
        "history": "[]",
        "run_count": 1,
        "tags": "[]",
        "created": START.timestamp(),
        "upstream": b"",
        "kind": "task",
        "result_inline": b"sealed",
        "result_serializer": "pickle",
        "result_size": 6,
    },
    "lines": {
        "flow_run_id": OLD_RUN.bytes,
        "time": START.timestamp(),
        "level": 20,
        "logger": "l",
        "message": "said long ago",
    },
}


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file as the first format had it, with a run that failed, a task that completed, and a line."""
    path = tmp_path / "home" / "runs.db"
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(KIND.migrations[0])
        connection.execute(f"PRAGMA application_id = {KIND.application_id}")
        connection.execute("PRAGMA user_version = 1")
        for table, row in OLD_ROWS.items():
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    return path


@pytest.mark.parametrize("first", ["reading", "writing", "claiming"])
def test_a_file_of_the_first_format_is_read_and_goes_on(opened: Open, old_file: Path, first: str) -> None:
    journal = opened()
    if first == "writing":
        journal.save_flow_run(a_flow_run())
        assert journal.flush()
    run = journal.flow_run(str(OLD_RUN))
    if first == "claiming":
        assert journal.claim(run, Running())
        run = journal.flow_run(str(OLD_RUN))
    assert (run.name, run.parameters_shown, run.blocks) == ("brave-otter", {"n": 1}, ["lake@3"])
    assert (run.expected_start, run.deployment, run.replay_of, run.idempotency_key) == (None, "", None, "")
    [task_run] = journal.task_runs(OLD_RUN)
    assert (task_run.name, task_run.explanation, task_run.worker) == ("extract-0", "", "")
    assert [line.message for line in journal.logs(OLD_RUN)] == ["said long ago"]
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (KIND.format,)


def test_a_migration_that_fails_changes_nothing(opened: Open, old_file: Path) -> None:
    wrong = "ALTER TABLE flow_runs ADD COLUMN fine TEXT;\nALTER TABLE absent ADD COLUMN wrong TEXT;\n"
    later = SqliteFile(old_file, replace(KIND, migrations=[*KIND.migrations, wrong]))
    with pytest.raises(JournalUnavailable, match="no such table"):
        later.read(lambda connection: None, None)
    later.close()
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert opened().flow_run(str(OLD_RUN)).name == "brave-otter"


def test_processes_that_find_an_old_file_at_once_all_go_on(opened: Open, old_file: Path) -> None:
    processes = [subprocess.Popen(script(WRITES, old_file, 20)) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(opened().flow_runs()) == 61


def test_a_journal_of_a_newer_version_is_refused(opened: Open) -> None:
    journal = opened()
    journal.save_flow_run(a_flow_run())
    journal.close()
    with sqlite3.connect(journal.path) as connection:
        connection.execute(f"PRAGMA user_version = {KIND.format + 1}")
    connection.close()
    with pytest.raises(JournalNewer, match="Upgrade"):
        journal.flow_runs()


def test_a_place_that_cannot_be_written_is_said_once_and_fails_nothing(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    journal = opened(most_rows=100)
    for _ in range(1000):
        journal.save_flow_run(a_flow_run())
        journal.save_task_run(a_task_run(a_flow_run()))
    assert not journal.flush()
    journal.close()
    said = [record.getMessage() for record in caplog.records]
    assert len([message for message in said if "history is not written" in message]) == 1
    assert len([message for message in said if "could not be written" in message]) == 1


def test_a_full_disk_fails_nothing_and_keeps_what_was_written(tmp_path: Path, opened: Open) -> None:
    journal = opened()
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    code = f"{limit}\n{textwrap.dedent(WRITES)}    number % 50 or journal.flush()\nprint('done')"
    ended = subprocess.run(script(code, journal.path, 600), check=True, capture_output=True, text=True)
    assert ended.stdout == "done\n"
    assert ended.stderr.count("Runs go on, but their history is not written") == 1
    assert 1 <= len(journal.flow_runs(limit=1000)) < 600


def test_a_locked_journal_is_written_when_the_lock_is_gone(
    opened: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.01)
    journal = opened()
    journal.save_flow_run(a_flow_run())
    journal.close()
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    run = a_flow_run()
    journal.save_flow_run(run)
    journal.log(a_line(run, "while it was locked"))
    assert not journal.flush()
    other.execute("ROLLBACK")
    other.close()
    assert journal.flush()
    assert [line.message for line in journal.logs(run.id)] == ["while it was locked"]
    assert "written again; 0 runs and lines of it are lost" in caplog.text


def test_a_journal_that_is_removed_meanwhile_is_begun_anew(opened: Open) -> None:
    journal = opened()
    journal.save_flow_run(a_flow_run())
    journal.flush()
    for path in journal.path.parent.iterdir():
        path.unlink()
    run = a_flow_run()
    journal.save_flow_run(run)
    assert [found.id for found in journal.flow_runs()] == [run.id]


def test_runs_that_go_on_give_a_sign_of_life(opened: Open) -> None:
    journal = opened()
    going, over = a_flow_run(pid=os.getpid()), a_flow_run(state=Completed())
    before = now() - timedelta(milliseconds=1)
    for run in (going, over):
        journal.save_flow_run(run)
    beat = journal.flow_run(str(going.id)).heartbeat
    assert beat is not None
    assert beat >= before
    assert journal.flow_run(str(over.id)).heartbeat is None
    journal._beat()
    again = journal.flow_run(str(going.id)).heartbeat
    assert again is not None
    assert again >= beat


def test_runs_older_than_the_settings_say_are_removed(
    opened: Open, monkeypatch: pytest.MonkeyPatch, strongroom_home: Path
) -> None:
    journal = opened()
    old, new = a_flow_run(end_time=START), a_flow_run(end_time=now(), state=Completed())
    for run in (old, new):
        journal.save_flow_run(run)
    kept = strongroom_home / "storage" / "captured" / str(old.id)
    kept.mkdir(parents=True)
    (kept / "result").write_bytes(b"")
    assert remove_old_runs(journal) == 0
    monkeypatch.setenv("STRONGROOM_JOURNAL_KEEP_DAYS", "30")
    assert remove_old_runs(journal) == 1
    assert [run.id for run in journal.flow_runs()] == [new.id]
    assert not kept.exists()


def test_a_process_that_ran_a_flow_removes_what_is_too_old_when_it_ends(
    opened: Open, monkeypatch: pytest.MonkeyPatch, strongroom_home: Path
) -> None:
    monkeypatch.setenv("STRONGROOM_JOURNAL_KEEP_DAYS", "30")
    journal = opened(strongroom_home / "runs.db")
    journal.save_flow_run(a_flow_run(end_time=START))
    journal.close()
    reads = "from strongroom.journal import current_journal; current_journal().flow_runs()"
    subprocess.run(script(reads), check=True)
    assert len(journal.flow_runs()) == 1
    runs = "from strongroom import flow\n@flow\ndef fresh(): ...\nfresh()"
    subprocess.run(script(runs), check=True, capture_output=True)
    assert [run.flow_name for run in journal.flow_runs()] == ["fresh"]


class Sink:
    """A place to write to that a test holds up, or breaks."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error: Exception | None = None

    def write(self, batch: Batch) -> None:
        self.entered.set()
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        self.batches.append(batch)


@pytest.fixture
def sink() -> Sink:
    return Sink()


def writer_to(sink: Sink, **bounds: int) -> Writer:
    return Writer(sink.write, lambda: None, (OSError,), **bounds)


def test_a_run_that_starts_and_ends_within_one_batch_is_one_row(sink: Sink) -> None:
    writer = writer_to(sink)
    sink.gate.clear()
    writer.put_task(uuid4(), ("first",), 0)
    assert sink.entered.wait(30)
    run = uuid4()
    for state in ("pending", "running", "completed"):
        writer.put_task(run, (state,), 0)
    sink.gate.set()
    writer.close()
    assert [list(batch.tasks.values()) for batch in sink.batches] == [[("first",)], [("completed",)]]


def test_one_who_puts_too_much_writes_it_himself(sink: Sink) -> None:
    writer = writer_to(sink, most_rows=10)
    for number in range(95):
        writer.put_task(uuid4(), (number,), 0)
        assert len(writer._batch) < 10
    writer.close()
    written = [row for batch in sink.batches for (row,) in batch.tasks.values()]
    assert sorted(written) == list(range(95))


def test_what_cannot_be_written_is_held_within_bounds_and_the_rest_is_counted(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_to(sink, most_rows=10)
    sink.error = OSError("no space left")
    flow = uuid4()
    writer.put_flow(flow, ("a flow",))
    for number in range(100):
        writer.put_task(uuid4(), (number,), 0)
        writer.put_line(a_line(a_flow_run(), "a line"))
        assert len(writer._batch) <= 10
    sink.error = None
    assert writer.drain()
    kept = sink.batches[-1]
    assert flow in kept.flows
    assert ("a flow",) in kept.flows.values()
    assert (99,) in kept.tasks.values()
    assert f"{201 - len(kept)} runs and lines of it are lost" in caplog.text
    writer.close()


def test_a_state_saved_while_writing_failed_is_not_undone_by_the_older_one(sink: Sink) -> None:
    writer = writer_to(sink)
    run = uuid4()
    sink.error = OSError("no space left")
    writer.put_task(run, ("running",), 0)
    assert not writer.drain()
    writer.put_task(run, ("completed",), 0)
    sink.error = None
    assert writer.drain()
    assert list(sink.batches[-1].tasks.values()) == [("completed",)]
    writer.close()


def test_a_fault_of_our_own_costs_a_batch_and_not_the_flow(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    writer = writer_to(sink)
    sink.error = TypeError("a bug")
    writer.put_task(uuid4(), ("lost",), 0)
    assert not writer.drain()
    sink.error = None
    writer.put_task(uuid4(), ("kept",), 0)
    assert writer.drain()
    assert [list(batch.tasks.values()) for batch in sink.batches] == [[("kept",)]]
    assert "lost by a fault of Strongroom" in caplog.text
    writer.close()


def test_large_results_count_against_the_bound(sink: Sink) -> None:
    writer = writer_to(sink, most_bytes=1000)
    for number in range(10):
        writer.put_task(uuid4(), (number,), 400)
        assert writer._batch.size < 1000
    writer.close()
    assert sum(len(batch) for batch in sink.batches) == 10


def test_a_line_logged_by_a_finalizer_while_a_line_is_enqueued_does_not_hang(sink: Sink) -> None:
    writer = writer_to(sink)
    with writer._lock:  # as a finalizer would, in the midst of an enqueueing
        writer.put_line(a_line(a_flow_run(), "from __del__"))
    writer.close()
    assert sum(len(batch.lines) for batch in sink.batches) == 1


def test_the_level_of_what_is_said_about_the_journal_is_a_warning(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home").write_text("")
    journal = opened()
    journal.save_flow_run(a_flow_run(state=Running()))
    journal.flush()
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
