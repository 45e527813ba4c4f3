"""A finished run is run again: with its parameters, its versions of blocks, and from a task on."""

from __future__ import annotations

import asyncio
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from strongroom import Block, Secret
from strongroom.entrypoints import load_flow
from strongroom.errors import NotReplayable, UnknownRun
from strongroom.flows import Flow
from strongroom.journal import FlowRun, TaskRun, current_journal
from strongroom.replay import areplay, replay
from strongroom.resume import resume
from strongroom.states import Completed, Running, Scheduled
from strongroom.testing.journal_contract import a_flow_run

CODE = """
    from pathlib import Path
    from strongroom import Block, Secret, flow, tags, task
    from strongroom.task_runners import ProcessPoolTaskRunner

    HERE = Path(__file__).parent

    def ran(what):
        with (HERE / "ran.txt").open("a") as file:
            file.write(f"{what}\\n")

    @task
    def extract(n):
        ran(f"extract {n}")
        return list(range(n))

    @task
    def bulky():
        ran("bulky")
        return b"x" * 100_000

    @task
    def square(n):
        ran(f"square {n}")
        return n * n

    @task
    def inner(n):
        ran(f"inner {n}")
        return n

    @task
    def outer(n):
        ran(f"outer {n}")
        return inner(n) + 1

    @flow
    def part(n):
        ran(f"part {n}")
        return square(n) + outer(n)

    @task
    def total(numbers, size):
        ran("total")
        if (HERE / "fail").exists():
            raise ValueError("no")
        return sum(numbers) + size

    @flow
    def etl(n: int):
        rows = extract(n)
        size = len(bulky())
        squares = square.map(rows)
        first = part(n)
        return total([future.result() for future in squares] + [first], size)

    @task
    def opened(name):
        return Secret.load(name).get()

    @flow
    def below(name):
        return [opened(name), Secret.load(name).get()]

    @flow
    def reads(names):
        found = [Secret.load(name).get() for name in names]
        if (HERE / "rotate").exists():
            (HERE / "rotate").unlink()
            Secret(value=VALUES[1]).save("key", overwrite=True)
        return found + below(names[0]) + [opened.submit(names[0]).result()]

    VALUES = ["an-early-key-of-some-length", "a-later-key-of-some-length", "the-last-key-of-some-length"]

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def elsewhere(name):
        futures = [opened.submit(name), square.submit(2)]
        return [future.result() for future in futures]

    @flow
    def breaks():
        extract(1)
        if (HERE / "fail").exists():
            raise ValueError("no")
        return opened("key")

    @flow
    def passed(block, blocks):
        return taken(block)

    @task
    def taken(block):
        return block.get()

    @flow
    def tagged():
        return 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "flows.py"
    file.write_text(textwrap.dedent(CODE))
    return file


@pytest.fixture
def ran(file: Path) -> Callable[[], list[str]]:
    """What ran since it was asked last."""
    log = file.with_name("ran.txt")

    def since() -> list[str]:
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    return since


def flow_in(file: Path, name: str) -> Flow[Any, Any]:
    return load_flow(f"{file}:{name}")


def last_run() -> FlowRun:
    return current_journal().flow_runs(limit=1)[0]


def task_run(run: FlowRun, name: str) -> TaskRun:
    return next(task for task in current_journal().task_runs(run.id) if task.name == name)


@pytest.fixture
def first(file: Path, ran: Callable[[], list[str]]) -> FlowRun:
    """A run of ``etl(2)``."""
    assert flow_in(file, "etl")(2) == 0 + 1 + (4 + 3) + 100_000
    assert sorted(ran()) == sorted(
        ["extract 2", "bulky", "square 0", "square 1", "part 2", "square 2", "outer 2", "inner 2", "total"]
    )
    return last_run()


def test_everything_runs_again_with_the_same_parameters(first: FlowRun, ran: Callable[[], list[str]]) -> None:
    state = replay(str(first.id)[:8])
    assert state.result() == 100_008
    assert len(ran()) == 9
    again = last_run()
    assert again.id != first.id
    assert (again.replay_of, again.parameters_shown, again.flow_name) == (first.id, {"n": 2}, "etl")
    [below] = current_journal().subflow_runs(again.id)
    [below_before] = current_journal().subflow_runs(first.id)
    assert below.replay_of == below_before.id
    assert replace(current_journal().flow_run(str(first.id)), state=first.state) == first


@pytest.mark.parametrize(
    ("task", "runs"),
    [
        ("extract", 9),
        ("bulky", 8),
        ("square", 7),
        ("square-1", 6),
        ("outer", 4),
        ("inner", 4),
        ("flows.inner", 4),
        ("total", 1),
        ("total-0", 1),
    ],
)
def test_what_is_before_the_task_is_taken_over(
    first: FlowRun, ran: Callable[[], list[str]], task: str, runs: int
) -> None:
    assert replay(str(first.id), from_task=task).result() == 100_008
    assert len(ran()) == runs
    again = last_run()
    if runs < 9:
        taken = task_run(again, "extract-0")
        assert taken.state.message == f"Taken over from the run {first.name!r}, which is replayed."
        assert taken.run_count == 0
    assert len(current_journal().task_runs(again.id)) == len(current_journal().task_runs(first.id))


def test_a_replay_can_be_replayed_though_the_first_run_is_gone(
    first: FlowRun, ran: Callable[[], list[str]], strongroom_home: Path
) -> None:
    replay(str(first.id), from_task="total")
    current_journal().remove([first.id])
    shutil.rmtree(strongroom_home / "storage" / "captured" / str(first.id))
    ran()
    assert replay(str(last_run().id), from_task="total").result() == 100_008
    assert ran() == ["total"]


def test_what_was_not_kept_runs_again(
    first: FlowRun, ran: Callable[[], list[str]], strongroom_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(strongroom_home / "storage" / "captured" / str(first.id))
    assert replay(str(first.id), from_task="total").result() == 100_008
    assert ran() == ["bulky", "total"]
    assert "It completed before, but runs again" in caplog.text


def test_a_run_that_failed_is_replayed_from_where_it_failed(file: Path, ran: Callable[[], list[str]]) -> None:
    file.with_name("fail").touch()
    with pytest.raises(ValueError, match="no"):
        flow_in(file, "etl")(2)
    ran()
    file.with_name("fail").unlink()
    assert replay(str(last_run().id), from_task="total").result() == 100_008
    assert ran() == ["total"]


def test_the_run_of_a_subflow_is_replayed_by_itself(first: FlowRun, ran: Callable[[], list[str]]) -> None:
    [below] = current_journal().subflow_runs(first.id)
    assert replay(str(below.id), from_task="outer").result() == 7
    assert ran() == ["part 2", "outer 2", "inner 2"]
    again = last_run()
    assert (again.replay_of, again.parent_flow_run_id) == (below.id, None)


def test_the_asynchronous_twin_does_the_same(first: FlowRun, ran: Callable[[], list[str]]) -> None:
    assert asyncio.run(areplay(str(first.id), from_task="total")).result() == 100_008
    assert ran() == ["total"]


def test_a_task_that_never_ran_is_said_to_be_unknown(first: FlowRun) -> None:
    with pytest.raises(NotReplayable, match=r"No task .* is called 'load'.*extract, bulky, square"):
        replay(str(first.id), from_task="load")
    with pytest.raises(UnknownRun):
        replay("abcdef")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": Scheduled()}, "has not ended"),
        ({"state": Completed(), "entrypoint": None}, "stood in no file"),
        ({"state": Completed(), "entrypoint": "gone.py:etl"}, "is not to be had"),
    ],
)
def test_what_cannot_be_replayed_says_why(changes: dict[str, Any], why: str) -> None:
    run = a_flow_run(host="elsewhere", **changes)
    current_journal().save_flow_run(run)
    with pytest.raises(NotReplayable, match=why):
        replay(str(run.id))


def test_a_run_that_goes_on_is_not_replayed() -> None:
    from strongroom.processes import this_process

    run = a_flow_run(state=Running(), process=this_process())
    current_journal().save_flow_run(run)
    with pytest.raises(NotReplayable, match="still goes on"):
        replay(str(run.id))


def test_tags_are_those_of_the_first_run(file: Path) -> None:
    from strongroom import tags

    with tags("nightly", "eu"):
        flow_in(file, "tagged")()
    first = last_run()
    replay(str(first.id))
    assert last_run().tags == first.tags == {"nightly", "eu"}


EARLY, LATER, LAST = ("an-early-key-of-some-length", "a-later-key-of-some-length", "the-last-key-of-some-length")


@pytest.fixture
def key() -> None:
    """A block ``key`` of one version, labelled stable."""
    Secret(value=EARLY).save("key", labels=["stable"])
    return


def save_later() -> None:
    Secret(value=LAST).save("key", overwrite=True, labels=["stable"])


@pytest.mark.usefixtures("key")
def test_bare_names_give_the_versions_that_the_run_had(file: Path) -> None:
    assert flow_in(file, "reads")(["key"]) == [EARLY] * 4
    first = last_run()
    assert (first.blocks, first.pins) == (["key@1"], {"key": 1})
    save_later()
    assert flow_in(file, "reads")(["key"]) == [LAST] * 4
    assert replay(str(first.id)).result() == [EARLY] * 4
    again = last_run()
    assert (again.blocks, again.pins) == (["key@1"], {"key": 1})


@pytest.mark.usefixtures("key")
def test_a_replay_that_failed_goes_on_with_the_same_versions(file: Path, ran: Callable[[], list[str]]) -> None:
    assert flow_in(file, "breaks")() == EARLY
    first = last_run()
    save_later()
    file.with_name("fail").touch()
    failed = replay(str(first.id))
    assert failed.is_failed()
    file.with_name("fail").unlink()
    ran()
    assert resume(str(last_run().id)).result() == EARLY
    again = last_run()
    assert (again.replay_of, again.blocks, again.run_count, ran()) == (first.id, ["key@1"], 2, [])


@pytest.mark.usefixtures("key")
def test_tasks_in_other_processes_have_them_too(file: Path, ran: Callable[[], list[str]]) -> None:
    assert flow_in(file, "elsewhere")("key") == [EARLY, 4]
    first = last_run()
    assert (first.blocks, first.pins) == (["key@1"], {"key": 1})
    save_later()
    ran()
    assert replay(str(first.id)).result() == [EARLY, 4]
    assert (last_run().blocks, ran()) == (["key@1"], ["square 2"])
    assert replay(str(first.id), from_task="square").result() == [EARLY, 4]
    assert (
        task_run(last_run(), "opened-0").state.message == f"Taken over from the run {first.name!r}, which is replayed."
    )


@pytest.mark.usefixtures("key")
def test_versions_and_labels_that_are_named_are_not_pinned(file: Path) -> None:
    names = ["key@stable", "key@1", "key", "key@latest"]
    assert flow_in(file, "reads")(names) == [EARLY] * 7
    first = last_run()
    save_later()
    assert replay(str(first.id)).result() == [LAST, EARLY, EARLY, EARLY, LAST, LAST, LAST]


@pytest.mark.usefixtures("key")
def test_each_subflow_has_the_version_that_it_had(file: Path) -> None:
    file.with_name("rotate").touch()
    assert flow_in(file, "reads")(["key"]) == [EARLY, LATER, LATER, LATER]
    first = last_run()
    save_later()
    assert replay(str(first.id)).result()[:3] == [EARLY, LATER, LATER]


@pytest.mark.usefixtures("key")
def test_a_run_of_an_older_version_is_pinned_to_the_blocks_it_loaded(file: Path) -> None:
    flow_in(file, "reads")(["key"])
    first = last_run()
    first.pins = {}
    current_journal().save_flow_run(first)
    save_later()
    assert replay(str(first.id)).result() == [EARLY] * 4


class Holder(Block, slug="test-replay-holder"):
    inner: Secret


@pytest.mark.usefixtures("key")
def test_blocks_that_are_passed_count_and_so_do_those_inside_them(file: Path) -> None:
    Holder(inner=Secret.load("key")).save("holder")
    Secret(value=LAST).save("other")
    assert flow_in(file, "passed")(Secret.load("other"), {"all": [Holder.load("holder")]}) == LAST
    first = last_run()
    assert sorted(first.blocks) == ["holder@1", "key@1", "other@1"]
    assert first.pins == {}
    assert replay(str(first.id)).result() == LAST


@pytest.mark.usefixtures("key")
def test_a_block_that_only_a_task_is_passed_counts(file: Path) -> None:
    from strongroom import flow, task

    held = Holder(inner=Secret.load("key"))
    held.save("holder")

    @task
    def take(block: Holder) -> str:
        return block.inner.get()

    @flow
    def passes() -> list[str]:
        return [take(held), take.submit(held).result()]

    assert passes() == [EARLY] * 2
    assert sorted(last_run().blocks) == ["holder@1", "key@1"]
