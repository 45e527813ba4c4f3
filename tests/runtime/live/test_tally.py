"""How runs are counted for the live view, and what is drawn of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from rich.cells import cell_len
from strongroom.artifacts.progress import Progress
from strongroom.calls.call import record_state
from strongroom.journal.records import FlowRun, TaskRun
from strongroom.live.frame import clock, frame
from strongroom.live.tally import Group, Tally
from strongroom.states import Completed, Failed, Pending, Running, State

START = datetime(2026, 1, 2, tzinfo=UTC)


def a_flow(caller: FlowRun | None = None, name: str = "nightly") -> FlowRun:
    run = FlowRun(uuid4(), "brave-otter", name, Pending(), parent_flow_run_id=caller and caller.id)
    enter(run, Running(timestamp=START))
    return run


def a_task(flow: FlowRun, name: str = "load", parent: UUID | None = None) -> TaskRun:
    return TaskRun(uuid4(), f"{name}-0", name, name, f"{name}-0", Pending(), flow.id, parent or flow.id)


def enter(run: FlowRun | TaskRun, state: State) -> FlowRun | TaskRun:
    record_state(run, state)
    return run


def drawn(tally: Tally, width: int = 70, height: int = 20, later: int = 5) -> list[str]:
    tally.look()
    now = (START + timedelta(seconds=later)).timestamp()
    return frame(tally.root, width=width, height=height, now=now, paint=lambda text, _: text)


def the(tally: Tally, *path: str) -> Group:
    group = tally.root
    for name in path:
        [group] = [inner for (_, found), inner in group.inside.items() if found == name]
    return group


def test_a_run_is_counted_once_however_often_it_is_told():
    tally, flow = Tally(), a_flow()
    tasks = [a_task(flow) for _ in range(3)]
    tally.note(flow)
    for task in tasks:
        tally.note(task)
    tally.look()
    assert dict(the(tally, "nightly brave-otter", "load").states) == {"PENDING": 3}
    for state in (Running(timestamp=START), Completed(timestamp=START)):
        tally.note(enter(tasks[0], state))
    tally.note(enter(tasks[1], Running(timestamp=START)))
    tally.look()
    tally.note(tasks[0])  # told a moment after it was there
    tally.look()
    group = the(tally, "nightly brave-otter", "load")
    assert (group.runs, group.over, +group.states) == (3, 1, {"COMPLETED": 1, "RUNNING": 1, "PENDING": 1})


def test_a_run_of_another_process_changes_without_a_word():
    tally, flow = Tally(), a_flow()
    task = a_task(flow)
    tally.note(flow)
    tally.note(task)
    tally.look()
    task.state = Completed(timestamp=START)
    tally.look()
    assert the(tally, "nightly brave-otter", "load").over == 1


def test_runs_that_are_over_are_forgotten():
    tally, flow = Tally(), a_flow()
    for _ in range(100):
        tally.note(enter(a_task(flow), Completed(timestamp=START)))
    for _ in range(3):
        tally.look()
    assert len(tally._open) == 0


def test_what_a_task_calls_stands_below_it_however_quickly_it_was_over():
    tally, flow = Tally(), a_flow()
    outer = a_task(flow, "outer")
    tally.note(flow)
    tally.note(enter(outer, Completed(timestamp=START)))
    tally.note(enter(a_task(flow, "inner", outer.id), Completed(timestamp=START)))
    below = a_flow(flow, "report")
    below.parent_task_run_id = outer.id
    tally.note(below)
    tally.look()
    assert [name for _, name in the(tally, "nightly brave-otter", "outer").inside] == ["inner", "report"]


def test_the_frame_tells_states_counts_times_and_progress():
    tally, flow = Tally(), a_flow()
    tally.note(flow)
    for number in range(4):
        task = a_task(flow)
        enter(task, Running(timestamp=START))
        if number < 2:
            enter(task, Completed(timestamp=START + timedelta(seconds=1)))
        tally.note(task)
    broken = a_task(flow, "check")
    enter(broken, Running(timestamp=START))
    tally.note(enter(broken, Failed(message="ValueError: no rows\nat all", timestamp=START + timedelta(seconds=2))))
    up = a_task(flow, "upload")
    tally.note(enter(up, Running(timestamp=START)))
    tally.note_progress(Progress(uuid4(), 43.0, "big.csv", None, flow.id, up.id))
    assert drawn(tally) == [
        "● nightly brave-otter  Running                                 5.0 s",
        "├─ ● load              ━━━━━━━━────────  2/4  ● 2              5.0 s",
        "├─ ✗ check             Failed: ValueError: no rows             2.0 s",
        "└─ ● upload            Running                                 5.0 s",
        "   └─ ━━━━━━──────────  43 %  big.csv",
    ]
    tally.note(enter(up, Completed(timestamp=START + timedelta(seconds=3))))
    assert drawn(tally)[-1] == "└─ ✓ upload            Completed                               3.0 s"


def test_the_frame_fits_any_terminal_and_says_what_it_leaves_out():
    tally, flow = Tally(), a_flow()
    tally.note(flow)
    for number in range(50):
        task = a_task(flow, f"a longer name 日本 {number}")
        tally.note(enter(task, Running(timestamp=START) if number == 40 else Completed(timestamp=START)))
    for width, height in ((30, 5), (80, 10), (200, 60)):
        lines = drawn(tally, width, height)
        assert len(lines) <= height
        assert max(map(cell_len, lines)) < width
    short = drawn(tally, 80, 10)
    assert any("40" in line and "●" in line for line in short)
    assert short[-1] == "… and 42 more lines"


def test_names_cannot_draw_on_the_terminal():
    tally, flow = Tally(), a_flow(name="red \x1b[31m")
    tally.note(flow)
    assert "\x1b" not in "".join(drawn(tally))


def test_clocks():
    assert [clock(seconds) for seconds in (-1, 0.44, 59.94, 61, 3725)] == [
        "0.0 s",
        "0.4 s",
        "59.9 s",
        "1:01",
        "1:02:05",
    ]
