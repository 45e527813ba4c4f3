"""What every journal has to do: the suite for :class:`~strongroom.journal.journal.Journal`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from uuid import UUID, uuid4

import pytest
from strongroom_blocks.redaction import redactor

from strongroom.errors import AmbiguousRun, UnknownRun
from strongroom.journal.journal import Journal
from strongroom.journal.records import FlowRun, LogEntry, StateEvent, StoredResult, TaskRun
from strongroom.journal.tally import BOUNDS
from strongroom.states import Completed, Failed, Pending, Running, Scheduled, State, StateType

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def a_flow_run(**changes: object) -> FlowRun:
    """A flow run that runs, with whatever a test wants to be different."""
    run = FlowRun(uuid4(), "brave-otter", "nightly", Running(), created=START, pid=4, host="here")
    return replace(run, **changes)  # type: ignore[arg-type]


def a_task_run(flow_run: FlowRun, number: int = 0, **changes: object) -> TaskRun:
    """A completed task run with a result, with whatever a test wants to be different."""
    key = f"etl.extract-{number}"
    run = TaskRun(uuid4(), f"extract-{number}", "extract", "etl.extract", key, Completed(), flow_run.id, flow_run.id)
    run.result = StoredResult(b"sealed", None, None, "pickle", 6)
    run.created = START + timedelta(seconds=number)
    return replace(run, **changes)  # type: ignore[arg-type]


def a_line(flow_run: FlowRun, message: str, **changes: object) -> LogEntry:
    """A line of a flow run."""
    entry = LogEntry(flow_run.id, None, START, 20, "strongroom.flow_runs", message)
    return entry._replace(**changes)  # type: ignore[arg-type]


def same_state(one: State, other: State) -> bool:  # type: ignore[type-arg]
    """Whether two states say the same; what came out of a run is kept elsewhere."""
    return (one.type, one.name, one.message, one.timestamp) == (other.type, other.name, other.message, other.timestamp)


class JournalContract:
    """Subclass it and give it a fixture ``journal`` that makes an empty journal."""

    def test_a_flow_run_comes_back_as_it_was_saved(self, journal: Journal) -> None:
        state = Failed(message="ValueError: no such table")
        event = StateEvent(StateType.RUNNING, "Retrying", "once more", START)
        run = a_flow_run(
            state=state,
            flow_version="7",
            sealed_parameters=b"sealed",
            parameters_shown={"since": "2026-01-01", "n": [1, None]},
            parent_task_run_id=uuid4(),
            tags=frozenset({"b", "a"}),
            history=[event],
            run_count=2,
            start_time=START,
            end_time=START + timedelta(microseconds=1),
            entrypoint="flows/etl.py:nightly",
            source_hash=b"\0" * 32,
            result=StoredResult(None, "k/1", "lake", "json", 12, START),
            blocks=["lake@3"],
            expected_start=START - timedelta(hours=1),
            deployment="nightly/production",
            replay_of=uuid4(),
            idempotency_key="2026-01-02",
            process="4@here@a-boot/12345",
            pins={"lake": 3},
        )
        journal.save_flow_run(run)
        found = journal.flow_run(str(run.id))
        assert same_state(found.state, state)
        assert replace(found, state=state, heartbeat=None) == replace(run, heartbeat=None)

    def test_a_task_run_comes_back_as_it_was_saved(self, journal: Journal) -> None:
        flow_run = a_flow_run()
        run = a_task_run(
            flow_run,
            tags=frozenset({"x"}),
            history=[StateEvent(StateType.PENDING, "Pending", None, START)],
            run_count=3,
            start_time=START,
            end_time=START,
            inputs_fingerprint=b"\1\2",
            upstream=(uuid4(), uuid4()),
            cache_key="c",
            kind="node",
            explanation="Its inputs are others than before.",
            worker="tcp://10.0.0.7:4000",
        )
        journal.save_task_run(run)
        [found] = journal.task_runs(flow_run.id)
        assert replace(found, state=run.state) == run
        assert same_state(found.state, run.state)

    def test_a_run_saved_again_is_replaced(self, journal: Journal) -> None:
        run = a_flow_run()
        journal.save_flow_run(run)
        journal.flush()
        run.state = Completed()
        run.history.append(StateEvent(StateType.COMPLETED, "Completed", None, START))
        journal.save_flow_run(run)
        assert journal.flow_run(str(run.id)).state.is_completed()
        assert len(journal.flow_runs()) == 1
        assert len(journal.flow_run(str(run.id)).history) == 1

    def test_what_is_saved_is_a_snapshot(self, journal: Journal) -> None:
        run = a_flow_run()
        journal.save_flow_run(run)
        run.name = "changed"
        run.history.append(StateEvent(StateType.FAILED, "Failed", None, START))
        found = journal.flow_run(str(run.id))
        assert (found.name, found.history) == ("brave-otter", [])

    def test_runs_are_listed_newest_first_and_chosen_by_state_flow_and_number(self, journal: Journal) -> None:
        times = [START + timedelta(hours=hour) for hour in range(4)]
        old, failed, other, new = (a_flow_run(created=time) for time in times)
        failed.state, other.flow_name = Failed(), "hourly"
        sub = a_flow_run(parent_flow_run_id=new.id, created=times[3])
        for run in (failed, new, old, sub, other):
            journal.save_flow_run(run)

        def ids(**chosen: object) -> list[UUID]:
            return [run.id for run in journal.flow_runs(**chosen)]  # type: ignore[arg-type]

        assert ids() == [new.id, other.id, failed.id, old.id]
        assert ids(limit=2) == [new.id, other.id]
        assert ids(flow="hourly") == [other.id]
        assert ids(states=[StateType.FAILED, StateType.CRASHED]) == [failed.id]
        assert ids(states=[]) == []
        assert set(ids(subflows=True)) == {run.id for run in (old, failed, other, new, sub)}
        assert [run.id for run in journal.subflow_runs(new.id)] == [sub.id]

    def test_a_listing_asks_for_what_it_wants_and_comes_in_pages(self, journal: Journal) -> None:
        def run(hour: int, **changes: object) -> FlowRun:
            return a_flow_run(created=START + timedelta(hours=hour), **changes)

        late = run(0, state=Failed(name="TimedOut"), tags=frozenset({"eu", 'the "big" one'}), name="brave-otter")
        held = run(1, tags=frozenset({"eu-west"}), name="100%-sure", deployment="nightly/production")
        last = run(2, tags=frozenset({"eu", "daily"}), name="Brave_fox", deployment="nightly/staging")
        for one in (late, held, last):
            journal.save_flow_run(one)

        def names(**chosen: object) -> list[str]:
            return [found.name for found in journal.flow_runs(**chosen)]  # type: ignore[arg-type]

        assert names(state_names=["TimedOut"]) == names(states=[StateType.FAILED]) == ["brave-otter"]
        assert names(states=[StateType.FAILED], state_names=["Running"]) == names()
        assert names(state_names=[]) == []
        assert names(tags=["eu"]) == ["Brave_fox", "brave-otter"]
        assert names(tags=["eu", "daily"]) == ["Brave_fox"]
        assert names(tags=['the "big" one']) == ["brave-otter"]
        assert names(tags=["e_"]) == []
        assert names(deployment="nightly/production") == ["100%-sure"]
        assert names(name="brave") == ["brave-otter"]
        assert names(name="%") == ["100%-sure"]
        assert names(since=held.created) == ["Brave_fox", "100%-sure"]
        assert names(until=held.created) == ["brave-otter"]
        assert names(limit=1, offset=1) == ["100%-sure"]
        assert names(offset=3) == []

    def test_runs_are_counted_and_timed_by_flow_task_and_state(self, journal: Journal) -> None:
        assert journal.tallies() == []
        for seconds in (0.05, 90.0):
            end = START + timedelta(seconds=seconds)
            run = a_flow_run(state=Completed(), created=START, start_time=START, end_time=end)
            journal.save_flow_run(run)
            journal.save_task_run(a_task_run(run, 0, start_time=START, end_time=START + timedelta(seconds=5)))
        journal.save_flow_run(a_flow_run(created=START + timedelta(days=1), start_time=START + timedelta(days=1)))
        done, running, tasks = journal.tallies()
        assert (done.kind, done.name, done.state, done.runs, done.timed) == ("flow", "nightly", "Completed", 2, 2)
        assert done.seconds == pytest.approx(90.05, abs=1e-3)
        assert dict(zip(BOUNDS, done.within, strict=True)) == {
            0.01: 0, 0.1: 1, 1.0: 1, 10.0: 1, 60.0: 1, 300.0: 2, 1800.0: 2, 3600.0: 2, 10800.0: 2,
        }  # fmt: skip
        assert done.last_end == START + timedelta(seconds=90)
        assert (running.state, running.runs, running.timed, running.last_end) == ("Running", 1, 0, None)
        assert (tasks.kind, tasks.name, tasks.runs) == ("task", "extract", 2)
        assert tasks.seconds == pytest.approx(10)
        assert [tally.state for tally in journal.tallies(START + timedelta(hours=1))] == ["Running"]

    def test_a_run_is_found_by_the_start_of_its_id(self, journal: Journal) -> None:
        first, second = UUID("aaaa0000-0000-4000-8000-000000000001"), UUID("aaaa0001-0000-4000-8000-000000000001")
        journal.save_flow_run(a_flow_run(id=first))
        journal.save_flow_run(a_flow_run(id=second))
        assert journal.flow_run("aaaa0000").id == first
        assert journal.flow_run("AAAA0000-0").id == first
        assert journal.flow_run(second.hex).id == second
        with pytest.raises(AmbiguousRun, match="Give more of the id"):
            journal.flow_run("aaaa")

    @pytest.mark.parametrize("name", ["ffff", "", "not hex", "a" * 33, "' OR 1=1 --", "日本"])
    def test_a_run_that_is_not_there_is_said_to_be_unknown(self, journal: Journal, name: str) -> None:
        journal.save_flow_run(a_flow_run(id=UUID("aaaa0000-0000-4000-8000-000000000001")))
        with pytest.raises(UnknownRun, match="strongroom runs ls"):
            journal.flow_run(name)

    def test_an_empty_journal_has_nothing(self, journal: Journal) -> None:
        nobody = uuid4()
        assert journal.flow_runs() == []
        assert journal.task_runs(nobody) == []
        assert journal.logs(nobody) == []
        assert journal.completed(nobody) == {}
        with pytest.raises(UnknownRun):
            journal.flow_run(str(nobody))

    def test_only_completed_tasks_with_a_result_count_for_a_resumption(self, journal: Journal) -> None:
        flow_run = a_flow_run()
        done, nested = a_task_run(flow_run, 0), a_task_run(flow_run, 1)
        nested.parent_id = done.id
        others = [
            a_task_run(flow_run, 2, state=Running()),
            a_task_run(flow_run, 3, result=None),
            a_task_run(flow_run, 4, kind="node"),
            a_task_run(a_flow_run(), 5),
        ]
        for run in (done, nested, *others):
            journal.save_task_run(run)
        found = journal.completed(flow_run.id)
        assert set(found) == {(flow_run.id, done.dynamic_key), (done.id, nested.dynamic_key)}
        assert found[flow_run.id, done.dynamic_key].result == done.result

    def test_runs_come_in_the_order_they_began_whatever_the_clock_says(self, journal: Journal) -> None:
        flow_run = a_flow_run()
        tasks = [a_task_run(flow_run, number, created=START - timedelta(days=number)) for number in range(5)]
        subflows = [a_flow_run(parent_flow_run_id=flow_run.id, created=task.created) for task in tasks]
        for task, subflow in zip(tasks, subflows, strict=True):
            journal.save_task_run(task)
            journal.save_flow_run(subflow)
            journal.flush()
        for task, subflow in zip(reversed(tasks), reversed(subflows), strict=True):
            journal.save_task_run(replace(task, state=Failed()))
            journal.save_flow_run(replace(subflow, state=Failed()))
        assert [run.name for run in journal.task_runs(flow_run.id)] == [run.name for run in tasks]
        assert [run.id for run in journal.subflow_runs(flow_run.id)] == [run.id for run in subflows]

    def test_thousands_are_kept_as_they_are(self, journal: Journal) -> None:
        flow_run = a_flow_run()
        runs = [a_task_run(flow_run, number) for number in range(3000)]
        for run in runs:
            journal.save_task_run(run)
            journal.log(a_line(flow_run, run.name))
        found = journal.task_runs(flow_run.id)
        assert [(run.id, run.name, run.created) for run in found] == [(run.id, run.name, run.created) for run in runs]
        assert [line.message for line in journal.logs(flow_run.id)] == [run.name for run in runs]
        assert len(journal.completed(flow_run.id)) == 3000

    def test_values_at_the_edges_are_kept(self, journal: Journal) -> None:
        flow_run = a_flow_run(
            run_count=2**40,
            pid=2**31 + 1,
            sealed_parameters=bytes(range(256)),
            created=datetime(1970, 1, 1, tzinfo=UTC),
            end_time=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
            result=StoredResult(None, "k", None, "json", 2**40, None),
        )
        journal.save_flow_run(flow_run)
        found = journal.flow_run(str(flow_run.id))
        assert replace(found, state=flow_run.state, heartbeat=None) == flow_run
        journal.log(a_line(flow_run, "", level=10**10, timestamp=START))
        [line] = journal.logs(flow_run.id)
        assert (line.message, line.level, line.timestamp) == ("", 10**10, START)

    def test_one_row_of_many_may_leave_out_what_the_others_have(self, journal: Journal) -> None:
        flow_run = a_flow_run()
        full = a_task_run(flow_run, 0, cache_key="c", inputs_fingerprint=b"\1", start_time=START, worker="w")
        bare = a_task_run(flow_run, 1, result=None, parent_id=None)
        for run in (bare, full, a_task_run(flow_run, 2, result=None)):
            journal.save_task_run(run)
        found = journal.task_runs(flow_run.id)
        assert [(run.cache_key, run.start_time, run.parent_id) for run in found] == [
            (None, None, None),
            ("c", START, flow_run.id),
            (None, None, flow_run.id),
        ]

    def test_writers_at_once_lose_nothing(self, journal: Journal) -> None:
        flow_run = a_flow_run()

        def work(thread: int) -> None:
            for number in range(50):
                run = a_task_run(flow_run, 1000 * thread + number, state=Pending())
                journal.save_task_run(run)
                journal.log(a_line(flow_run, f"{thread} {number}"))
                journal.save_task_run(replace(run, state=Completed()))
                if number % 20 == 0:
                    assert journal.settle()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, range(4)))
        runs = journal.task_runs(flow_run.id)
        assert len(runs) == 200
        assert all(run.state.is_completed() for run in runs)
        said = [line.message.split() for line in journal.logs(flow_run.id)]
        assert [[number for who, number in said if who == str(thread)] for thread in range(4)] == [
            [str(number) for number in range(50)] for _ in range(4)
        ]

    def test_lines_come_in_order_and_from_where_the_reader_left_off(self, journal: Journal) -> None:
        flow_run, other = a_flow_run(), a_flow_run()
        for number in range(3):
            journal.log(a_line(flow_run, f"line {number}"))
            journal.log(a_line(other, "another run's"))
        lines = journal.logs(flow_run.id)
        assert [line.message for line in lines] == ["line 0", "line 1", "line 2"]
        assert [line.message for line in journal.logs(flow_run.id, after=lines[0].id)] == ["line 1", "line 2"]
        assert [line.message for line in journal.logs(flow_run.id, limit=1)] == ["line 0"]
        assert journal.logs(flow_run.id, after=lines[-1].id) == []
        assert lines[0] == a_line(flow_run, "line 0", id=lines[0].id)

    def test_a_line_of_ten_mebibytes_is_cut_and_says_so(self, journal: Journal) -> None:
        flow_run = a_flow_run()
        journal.log(a_line(flow_run, "x" * (10 * 1024 * 1024)))
        [line] = journal.logs(flow_run.id)
        assert len(line.message) < 70_000
        assert line.message.endswith("[10420224 more characters are not kept]")

    def test_an_errors_message_of_ten_mebibytes_is_cut_and_says_so(self, journal: Journal) -> None:
        message = "x" * (10 * 1024 * 1024)
        event = StateEvent(StateType.FAILED, "Failed", message, START)
        flow_run = a_flow_run(state=Failed(message=message), history=[event])
        task_run = a_task_run(flow_run, state=flow_run.state, history=[event])
        journal.save_flow_run(flow_run)
        journal.save_task_run(task_run)
        kept: list[FlowRun | TaskRun] = [journal.flow_run(str(flow_run.id)), *journal.task_runs(flow_run.id)]
        assert len(kept) == 2
        for run in kept:
            for said in (run.state.message, run.history[0].message):
                assert said is not None
                assert len(said) < 70_000
                assert said.endswith("[10420224 more characters are not kept]")

    @pytest.mark.parametrize(
        "text", ["naïve 日本 🦦", "nul \0 inside", "lone \udc80 surrogate", "'; DROP TABLE lines; --"]
    )
    def test_any_text_can_be_kept(self, journal: Journal, text: str) -> None:
        flow_run = a_flow_run(name=text, state=Failed(message=text))
        journal.save_flow_run(flow_run)
        journal.log(a_line(flow_run, text))
        readable = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
        assert journal.flow_run(str(flow_run.id)).name == readable
        assert journal.flow_run(str(flow_run.id)).state.message == readable
        assert [line.message for line in journal.logs(flow_run.id)] == [readable]

    def test_old_runs_are_removed_with_all_that_belongs_to_them(self, journal: Journal) -> None:
        old, new = a_flow_run(end_time=START), a_flow_run(end_time=START + timedelta(days=2))
        running = a_flow_run()
        sub = a_flow_run(parent_flow_run_id=old.id, end_time=START)
        below = a_flow_run(parent_flow_run_id=sub.id)
        for run in (old, new, running, sub, below):
            journal.save_flow_run(run)
            journal.save_task_run(a_task_run(run))
            journal.log(a_line(run, "a line"))
        assert set(journal.prune(START + timedelta(days=1))) == {old.id, sub.id, below.id}
        assert {run.id for run in journal.flow_runs(subflows=True)} == {new.id, running.id}
        for run, left in ((old, 0), (below, 0), (new, 1), (running, 1)):
            assert (len(journal.task_runs(run.id)), len(journal.logs(run.id))) == (left, left)
        assert journal.prune(START) == []

    def test_runs_are_removed_with_their_subflows_and_nothing_else(self, journal: Journal) -> None:
        gone, kept = a_flow_run(), a_flow_run()
        sub = a_flow_run(parent_flow_run_id=gone.id)
        for run in (gone, kept, sub):
            journal.save_flow_run(run)
            journal.save_task_run(a_task_run(run))
            journal.log(a_line(run, "a line"))
        assert set(journal.remove([gone.id, uuid4()])) == {gone.id, sub.id}
        assert [run.id for run in journal.flow_runs(subflows=True)] == [kept.id]
        for run, left in ((gone, 0), (sub, 0), (kept, 1)):
            assert (len(journal.task_runs(run.id)), len(journal.logs(run.id))) == (left, left)
        assert journal.remove([]) == []
        assert journal.remove([gone.id]) == []

    def test_a_secret_that_this_process_knows_is_stars_wherever_people_can_write(self, journal: Journal) -> None:
        secret = token_urlsafe()
        redactor.register(secret)
        event = StateEvent(StateType.FAILED, "Failed", f"login with {secret}", START)
        run = a_flow_run(
            name=f"load-{secret}",
            state=Failed(message=f"login with {secret}"),
            history=[event],
            tags=frozenset({secret}),
            parameters_shown={"text": secret},
        )
        run.idempotency_key = secret
        task_run = a_task_run(run, name=secret, state=run.state, history=[event], tags=run.tags, cache_key=secret)
        task_run.explanation = f"Another input: {secret}"
        journal.save_flow_run(run)
        journal.save_task_run(task_run)
        found: list[FlowRun | TaskRun] = [journal.flow_run(str(run.id)), *journal.task_runs(run.id)]
        assert len(found) == 2
        for kept in found:
            assert secret not in repr(kept)
            assert "***" in kept.name
            assert "***" in (kept.state.message or "")

    def test_of_two_who_claim_a_run_one_gets_it(self, journal: Journal) -> None:
        run = a_flow_run(state=Failed())
        journal.save_flow_run(run)
        mine, theirs = journal.flow_run(str(run.id)), journal.flow_run(str(run.id))
        assert journal.claim(mine, Scheduled(name="Resuming"))
        assert not journal.claim(theirs, Scheduled(name="Resuming"))
        assert mine.state.name == "Resuming"
        assert theirs.state.name == "Failed"
        held = journal.flow_run(str(run.id))
        assert (held.state.name, held.pid, held.host) == ("Resuming", mine.pid, mine.host)
        assert [event.name for event in held.history] == ["Resuming"]
        assert held.pid != run.pid

    def test_a_run_that_is_gone_cannot_be_claimed(self, journal: Journal) -> None:
        assert not journal.claim(a_flow_run(), Pending())

    def test_a_closed_journal_opens_again(self, journal: Journal) -> None:
        run = a_flow_run()
        journal.save_flow_run(run)
        journal.close()
        assert journal.flow_run(str(run.id)).name == run.name
        journal.save_flow_run(replace(run, name="later"))
        journal.close()
        assert journal.flow_run(str(run.id)).name == "later"
