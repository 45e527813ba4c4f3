"""A run is cancelled from another process: its code is interrupted, cleans up, and it ends Cancelled."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from strongroom import flow, task
from strongroom.cancellation import acancel_flow_run, cancel_flow_run
from strongroom.control import requests
from strongroom.errors import CancelledRun, NotCancellable, UnknownRun
from strongroom.journal import current_journal
from strongroom.ledger import current_ledger
from strongroom.runtime import flow_run
from strongroom.states import Running, Scheduled, Suspended
from strongroom.testing.journal_contract import a_flow_run

from .conftest import NESTED

Make = Callable[[str], Any]

ASYNC = """
    @task
    async def fetch(n):
        with cleaning(f"task {n}"):
            if n == 1:
                await asyncio.sleep(0)
                say("working")
            await asyncio.Event().wait()

    @flow(**HOOKS)
    async def inner():
        with cleaning("subflow"):
            await asyncio.gather(fetch(0), fetch(1))

    @flow(**HOOKS)
    async def etl():
        with cleaning("flow"):
            await inner()

    asyncio.run(etl())
"""


def test_a_request_reaches_tasks_and_subflows_and_runs_their_clean_up(script: Make) -> None:
    one = script(NESTED).start().until("working")
    state = cancel_flow_run(one.run.id)
    assert state.is_cancelling()
    code, errors = one.end()
    assert code == 1
    assert "CancelledRun" in errors
    assert {"task: cleaned", "subflow: cleaned", "flow: cleaned"} <= set(one.said)
    assert [line for line in one.said if line.startswith("hook")] == ["hook: Cancelling"] * 2
    assert one.states() == {"etl": "Cancelled", "inner": "Cancelled", "work-0": "Cancelled", "waiting-0": "Cancelled"}
    assert [event.name for event in one.run.history] == ["Pending", "Running", "Cancelling", "Cancelled"]


def test_asynchronous_code_is_cancelled_likewise(script: Make) -> None:
    one = script(ASYNC).start().until("working")
    assert asyncio.run(acancel_flow_run(str(one.run.id)[:12])).is_cancelling()
    assert one.end()[0] == 1
    cleaned = {f"{what}: cleaned" for what in ("task 0", "task 1", "subflow", "flow")}
    assert cleaned <= set(one.said)
    assert [line for line in one.said if line.startswith("hook")] == ["hook: Cancelling"] * 2
    assert set(one.states().values()) == {"Cancelled"}


@pytest.mark.parametrize("colour", ["", "async "])
def test_a_blocking_call_on_the_main_thread_is_interrupted(script: Make, colour: str) -> None:
    call = "asyncio.run(etl())" if colour else "etl()"
    body = f"""
        @task
        def blocks():
            say("working")
            with cleaning("task"):
                time.sleep(3600)

        @flow
        {colour}def etl():
            with cleaning("flow"):
                blocks()

        {call}
    """
    one = script(body).start().until("working")
    cancel_flow_run(one.run.id)
    assert one.end()[0] == 1
    assert {"task: cleaned", "flow: cleaned"} <= set(one.said)
    assert one.states() == {"etl": "Cancelled", "blocks-0": "Cancelled"}


def test_a_second_request_ends_the_process(script: Make) -> None:
    body = """
        @task
        def stuck():
            say("working")
            time.sleep(3600)

        @flow
        def etl():
            with cleaning("flow"):
                stuck.submit().wait()

        etl()
    """
    one = script(body).start().until("working")
    cancel_flow_run(one.run.id)
    one.until("flow: cleaned")
    cancel_flow_run(one.run.id)
    code, errors = one.end()
    assert code == 128 + signal.SIGKILL
    assert "was cancelled again" in errors
    assert one.states() == {"etl": "Cancelled", "stuck-0": "Cancelled"}


def test_two_who_ask_at_once_ask_for_the_same(script: Make) -> None:
    one = script(NESTED).start().until("working")
    with current_ledger().changing() as session:  # the run hears of both at once
        assert requests.ask_to_end(session, one.run.id) == 1
        assert requests.ask_to_end(session, one.run.id) == 2
    code, errors = one.end()
    assert code == 1
    assert "CancelledRun" in errors
    assert {"task: cleaned", "subflow: cleaned", "flow: cleaned"} <= set(one.said)


def test_a_flow_in_a_thread_is_cancelled_and_its_caller_told() -> None:
    running, ended = threading.Event(), []

    @flow
    def etl() -> None:
        running.set()
        while True:
            pass

    def call() -> None:
        try:
            etl()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    running.wait()
    [run] = current_journal().flow_runs()
    cancel_flow_run(run.id)
    thread.join()
    assert [type(error) for error in ended] == [CancelledRun]
    assert current_journal().flow_run(str(run.id)).state.is_cancelled()


def test_the_code_around_a_cancelled_flow_goes_on() -> None:
    @flow
    async def etl() -> None:
        await acancel_flow_run(flow_run.id)
        await asyncio.Event().wait()

    async def main() -> str:
        state = await etl(return_state=True)
        await asyncio.sleep(0)
        return str(state.name)

    assert asyncio.run(main()) == "Cancelled"


def test_what_a_flow_raises_because_it_is_cancelled_is_no_failure() -> None:
    running = threading.Event()

    @task
    def work() -> None:
        running.set()
        while True:
            pass

    @flow
    def etl() -> None:
        future = work.submit()
        running.wait()
        cancel_flow_run(flow_run.id)
        try:
            future.result()
        finally:
            raise ValueError("clean-up went wrong")

    state = etl(return_state=True)
    assert state.is_cancelled()
    with pytest.raises(CancelledRun):
        state.result()


@pytest.mark.parametrize("state", [Scheduled(), Suspended(), Running()])
def test_a_run_that_no_process_works_on_is_cancelled_at_once(state: Any) -> None:
    over = subprocess.Popen([sys.executable, "-c", ""])
    over.wait()
    run = a_flow_run(state=state, pid=over.pid, host=os.uname().nodename)
    current_journal().save_flow_run(run)
    assert cancel_flow_run(run.id).is_cancelled()
    assert current_journal().flow_run(str(run.id)).state.name == "Cancelled"


def test_a_run_that_is_over_or_part_of_another_is_not_cancelled() -> None:
    @flow
    def etl() -> int:
        return 1

    etl()
    [run] = current_journal().flow_runs()
    with pytest.raises(NotCancellable, match="is over: it is Completed"):
        cancel_flow_run(run.id)
    parent = uuid4()
    part = a_flow_run(state=Running(), parent_flow_run_id=parent)
    current_journal().save_flow_run(part)
    with pytest.raises(NotCancellable, match=f"Cancel that one: {parent}"):
        cancel_flow_run(part.id)
    with pytest.raises(UnknownRun):
        cancel_flow_run("abcdef")


def test_a_blocking_call_is_interrupted_in_a_process_that_ignores_ctrl_c(script: Make) -> None:
    body = """
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells have it for what they run in the background

        @flow
        def etl():
            with cleaning("flow"):
                say("working")
                time.sleep(3600)

        etl()
    """
    one = script(body).start().until("working").send(signal.SIGINT)
    cancel_flow_run(one.run.id)
    assert one.end()[0] == 1
    assert one.states() == {"etl": "Cancelled"}


def test_a_task_in_a_process_of_its_own_is_cancelled_too(script: Make) -> None:
    body = """
        from strongroom.task_runners import ProcessPoolTaskRunner

        @task
        def work():
            say("working")
            with cleaning("task"):
                time.sleep(3600)

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        def etl():
            work.submit().result()

        if __name__ == "__main__":
            etl()
    """
    one = script(body).start().until("working")
    cancel_flow_run(one.run.id)
    assert one.end()[0] == 1
    assert "task: cleaned" in one.said
    assert one.states() == {"etl": "Cancelled", "work-0": "Cancelled"}
