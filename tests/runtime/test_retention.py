"""What was kept of runs stays as long as the settings say, within bounds; runs are removed with all of it."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from strongroom import flow, task
from strongroom.control import pauses
from strongroom.control.requests import ask_to_end, ask_to_suspend
from strongroom.errors import NotRemovable, UnknownRun
from strongroom.input import actions
from strongroom.journal import FlowRun, current_journal
from strongroom.journal.records import now
from strongroom.ledger import current_ledger
from strongroom.processes import this_process
from strongroom.results.ended_captures import EndedCaptures
from strongroom.retention import remove_old_runs, remove_runs
from strongroom.states import Completed, Failed, Running
from strongroom.testing.journal_contract import a_flow_run, a_line, a_task_run

DAY = 86400


@pytest.fixture
def storage(strongroom_home: Path) -> Path:
    return strongroom_home / "storage"


def kept(storage: Path, size: int = 100) -> UUID:
    """A run of which something is kept."""
    run = uuid4()
    folder = storage / "captured" / str(run)
    folder.mkdir(parents=True)
    (folder / "result").write_bytes(bytes(size))
    return run


def age(storage: Path, run: UUID, days: float) -> None:
    """Make it look as if the run had ended, and nobody had touched its folder, for days."""
    folder, then = storage / "captured" / str(run), time.time() - days * DAY
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))


def folders(storage: Path) -> set[UUID]:
    return {UUID(path.name) for path in (storage / "captured").iterdir()}


def test_what_ended_long_ago_goes_and_what_has_not_ended_never(storage: Path) -> None:
    captures = EndedCaptures(storage, 30, 10**9)
    old, failed, new, running = (kept(storage) for _ in range(4))
    captures.end(old, completed=True)
    captures.end(failed, completed=False)
    captures.end(new, completed=True)
    for run in (old, failed, running):
        age(storage, run, 31)
    age(storage, new, 29)
    assert set(captures.sweep()) == {old, failed}
    assert folders(storage) == {new, running}


def test_of_too_much_the_oldest_goes_and_completed_runs_before_others(storage: Path) -> None:
    captures = EndedCaptures(storage, 30, 250)
    failed, older, newer, newest, running = (kept(storage) for _ in range(5))
    for number, run in enumerate((failed, older, newer, newest)):
        captures.end(run, completed=run != failed)
        age(storage, run, 10 - number)
    assert captures.sweep() == [older, newer]
    assert folders(storage) == {failed, newest, running}
    assert EndedCaptures(storage, 30, 150).sweep() == [newest]


def test_a_run_that_goes_on_again_is_left_alone(storage: Path) -> None:
    captures = EndedCaptures(storage, 30, 10**9)
    resumed, replayed, over = (kept(storage) for _ in range(3))
    for run in (resumed, replayed, over):
        captures.end(run, completed=False)
        age(storage, run, 31)
    captures.reopen(resumed)
    captures.touch(replayed)
    assert captures.sweep() == [over]
    captures.touch(resumed)
    assert list((storage / "captured" / str(resumed)).iterdir()) == [storage / "captured" / str(resumed) / "result"]


def test_with_no_days_completed_runs_keep_nothing_and_failed_ones_a_day(storage: Path) -> None:
    captures = EndedCaptures(storage, 0, 10**9)
    completed, failed, long_failed = (kept(storage) for _ in range(3))
    captures.end(completed, completed=True)
    captures.end(failed, completed=False)
    captures.end(long_failed, completed=False)
    age(storage, long_failed, 1.1)
    assert captures.sweep() == [long_failed]
    assert folders(storage) == {failed}


@pytest.mark.parametrize("days", [0, 30])
def test_a_process_that_dies_as_its_run_ends_leaves_nothing_for_ever(
    storage: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    @task
    def bulky() -> bytes:
        return bytes(100_000)

    @flow
    def work() -> int:
        return len(bulky())

    monkeypatch.setenv("STRONGROOM_RESULTS_AUTO_KEEP_DAYS", str(days))
    monkeypatch.setattr("strongroom.calls.flow_call.FlowCall.over", lambda call: call.control.end())
    work()
    [left] = folders(storage)
    age(storage, left, 31)
    assert EndedCaptures(storage, days, 10**9).sweep() == [left]


def test_nothing_is_made_for_a_run_that_kept_nothing(storage: Path) -> None:
    captures = EndedCaptures(storage, 30, 10**9)
    captures.end(uuid4(), completed=True)
    captures.touch(uuid4())
    captures.reopen(uuid4())
    captures.remove(uuid4())
    assert captures.sweep() == []
    assert not storage.exists()


def test_a_process_that_runs_many_flows_stays_within_the_bounds(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @task
    def bulky() -> bytes:
        return bytes(100_000)

    @flow
    def work() -> int:
        return len(bulky())

    monkeypatch.setenv("STRONGROOM_RESULTS_AUTO_KEEP_BYTES", "350000")
    monkeypatch.setattr("strongroom.results.ended_captures.SWEEP_SECONDS", 0)
    for _ in range(8):
        work()
    runs = current_journal().flow_runs()
    assert folders(storage) == {run.id for run in runs[:3]}


def saved(**changes: object) -> FlowRun:
    run = a_flow_run(**changes)
    journal = current_journal()
    journal.save_flow_run(run)
    journal.save_task_run(a_task_run(run))
    journal.log(a_line(run, "a line"))
    return run


def test_runs_are_removed_with_what_was_kept_of_them(storage: Path) -> None:
    gone, stays = saved(state=Completed()), saved(state=Failed())
    sub = saved(state=Completed(), parent_flow_run_id=gone.id)
    for run in (gone, stays):
        (storage / "captured" / str(run.id)).mkdir(parents=True)
    journal = current_journal()
    assert set(remove_runs(journal, [gone.id])) == {gone.id, sub.id}
    assert [run.id for run in journal.flow_runs(subflows=True)] == [stays.id]
    assert journal.logs(sub.id) == journal.task_runs(gone.id) == []
    assert folders(storage) == {stays.id}


def test_what_was_asked_of_runs_and_sent_to_them_goes_with_them() -> None:
    gone, stays = (saved(state=Completed()).id for _ in range(2))
    for run_id in (gone, stays):
        with current_ledger().changing() as session:
            ask_to_end(session, run_id)
            ask_to_suspend(session, run_id, None)
            pauses.begin(session, run_id, "0", suspends=True, asks=True, timeout=None)
        actions.put(run_id, "an-answer", {"value": 1})
    remove_runs(current_journal(), [gone])
    with current_ledger().reading() as session:
        for table in ("cancellations", "suspensions", "pauses", "inputs"):
            assert session.execute(f"SELECT flow_run_id FROM {table}") == [(str(stays),)]


def test_runs_that_go_on_are_not_removed() -> None:
    over, alive = saved(state=Completed()), saved(state=Running(), process=this_process())
    below = saved(state=Completed(), parent_flow_run_id=over.id)
    journal = current_journal()
    with pytest.raises(NotRemovable, match="still goes on"):
        remove_runs(journal, [over.id, alive.id])
    with pytest.raises(NotRemovable, match=str(over.id)):
        remove_runs(journal, [below.id])
    with pytest.raises(UnknownRun):
        remove_runs(journal, [over.id, uuid4()])
    assert len(journal.flow_runs(subflows=True)) == 3
    killed = saved(state=Running(), process="1@elsewhere@", heartbeat=None)
    assert remove_runs(journal, [killed.id]) == [killed.id]


def test_what_belongs_to_no_run_any_more_goes_with_the_old_runs(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_JOURNAL_KEEP_DAYS", "30")
    old, new = saved(state=Completed(), end_time=now() - timedelta(days=31)), saved(state=Completed(), end_time=now())
    held = saved(state=Running())
    for run in (old, new, held):
        folder = storage / "captured" / str(run.id)
        folder.mkdir(parents=True)
        age(storage, run.id, 40)
    orphan, fresh_orphan = kept(storage), kept(storage)
    age(storage, orphan, 31)
    (storage / "captured" / "no id").mkdir()
    assert remove_old_runs(current_journal()) == 1
    names = {path.name for path in (storage / "captured").iterdir()}
    assert names == {str(new.id), str(held.id), str(fresh_orphan), "no id"}
