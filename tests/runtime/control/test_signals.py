"""Ctrl-C and SIGTERM, sent to real processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import NESTED

Make = Callable[[str], Any]


def test_ctrl_c_ends_tasks_and_flows_cleans_up_and_says_how_to_go_on(script: Make) -> None:
    one = script(NESTED).start().until("working").send(signal.SIGINT)
    code, errors = one.end()
    assert code == -signal.SIGINT
    assert {"task: cleaned", "subflow: cleaned", "flow: cleaned", "hook: Crashed"} <= set(one.said)
    assert one.states() == {"etl": "Crashed", "inner": "Crashed", "work-0": "Crashed", "waiting-0": "Cancelled"}
    assert "aborted by an interrupt signal" in (one.run.state.message or "")
    assert f"strongroom runs resume {str(one.run.id)[:8]}" in errors


def test_sigterm_ends_them_likewise_and_the_process_with_the_code_of_shells(script: Make) -> None:
    one = script(NESTED).start().until("working").send(signal.SIGTERM)
    code, _ = one.end()
    assert code == 128 + signal.SIGTERM
    assert {"task: cleaned", "subflow: cleaned", "flow: cleaned", "hook: Crashed"} <= set(one.said)
    assert one.states() == {"etl": "Crashed", "inner": "Crashed", "work-0": "Crashed", "waiting-0": "Cancelled"}
    assert "termination signal" in (one.run.state.message or "")


STUCK_ASYNC = """
    READY = threading.Event()

    @task
    def stuck():
        READY.set()
        time.sleep(3600)

    @flow
    async def etl():
        with cleaning("flow"):
            future = stuck.submit()
            READY.wait()
            say("stuck")
            await future.wait_async()

    asyncio.run(etl())
"""
STUCK = """
    READY = threading.Event()

    @task
    def stuck():
        READY.set()
        time.sleep(3600)

    @flow
    def etl():
        with cleaning("flow"):
            future = stuck.submit()
            READY.wait()
            say("stuck")
            future.wait()

    etl()
"""


@pytest.mark.parametrize("body", [STUCK, STUCK_ASYNC])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_twice_ends_the_process_at_once_and_the_history_says_so(
    script: Make, number: signal.Signals, body: str
) -> None:
    one = script(body).start().until("stuck").send(number).until("flow: cleaned").send(number)
    code, errors = one.end()
    assert code == 128 + number
    assert "ended the process" in errors
    assert one.states() == {"etl": "Crashed", "stuck-0": "Crashed"}


ASYNC = """
    BEGUN = threading.Event()

    @task
    async def fetch(n):
        with cleaning(f"task {n}"):
            if n == 1:
                await asyncio.sleep(0)
                say("fetching")
            await asyncio.Event().wait()

    @task
    async def submitted():
        with cleaning("submitted"):
            asyncio.get_running_loop().call_soon(BEGUN.set)
            await asyncio.Event().wait()

    @flow(**HOOKS)
    async def etl():
        with cleaning("flow"):
            submitted.submit()
            while not BEGUN.is_set():
                await asyncio.sleep(0)
            await asyncio.gather(fetch(0), fetch(1))

    asyncio.run(etl())
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_asynchronous_code_is_ended_and_cleans_up(script: Make, number: signal.Signals, code: int) -> None:
    one = script(ASYNC).start().until("fetching").send(number)
    assert one.end()[0] == code
    cleaned = {f"{what}: cleaned" for what in ("task 0", "task 1", "submitted", "flow")}
    assert {*cleaned, "hook: Crashed"} <= set(one.said)
    assert one.states() == {"etl": "Crashed", "fetch-0": "Crashed", "fetch-1": "Crashed", "submitted-0": "Crashed"}


BLOCKED = """
    @task
    def blocks():
        with cleaning("task"):
            say("blocking")
            time.sleep(3600)

    @flow(**HOOKS)
    async def etl():
        with cleaning("flow"):
            blocks()

    asyncio.run(etl())
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_synchronous_code_that_blocks_an_event_loop_is_ended(script: Make, number: signal.Signals, code: int) -> None:
    one = script(BLOCKED).start().until("blocking").send(number)
    assert one.end()[0] == code
    assert {"task: cleaned", "flow: cleaned", "hook: Crashed"} <= set(one.said)
    assert one.states() == {"etl": "Crashed", "blocks-0": "Crashed"}


def test_a_handler_of_the_users_own_is_left_alone(script: Make) -> None:
    body = """
        signal.signal(signal.SIGINT, lambda *_: say("mine"))
        MINE = signal.getsignal(signal.SIGINT)

        @flow
        def etl():
            assert signal.getsignal(signal.SIGINT) is MINE
            os.kill(os.getpid(), signal.SIGINT)

        etl()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    """
    one = script(body).start()
    assert one.end()[0] == 0
    assert one.said == ["mine"]


def test_a_flow_that_takes_the_interrupt_for_its_own_goes_on(script: Make) -> None:
    body = """
        @flow
        def etl():
            try:
                say("waiting")
                forever()
            except KeyboardInterrupt:
                say("caught")
            return 1

        etl()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    """
    one = script(body).start().until("waiting").send(signal.SIGINT)
    assert one.end()[0] == 0
    assert one.states() == {"etl": "Completed"}


def test_a_forked_child_has_the_handlers_that_were_there_before(script: Make) -> None:
    body = """
        @flow
        def etl():
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            say(f"signal {os.WTERMSIG(status)}")

        etl()
    """
    one = script(body).start()
    assert one.end()[0] == 0
    assert one.said == [f"signal {signal.SIGTERM.value}"]


def test_a_generator_that_ends_on_another_thread_leaves_the_handlers_to_the_next_run(script: Make) -> None:
    body = """
        @flow
        def items():
            yield 1
            yield 2

        @flow
        def etl():
            say("waiting")
            forever()

        made = items()
        next(made)
        thread = threading.Thread(target=made.close)
        thread.start()
        thread.join()
        etl()
    """
    one = script(body).start().until("waiting").send(signal.SIGINT)
    assert one.end()[0] == -signal.SIGINT
