"""A process is told from a later one of the same number, whatever clocks are set to meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from strongroom import processes
from strongroom.journal.records import FlowRun, now
from strongroom.liveness import SILENCE, is_alive
from strongroom.processes import has_ended, is_dead, process_start, this_process
from strongroom.states import Running
from strongroom.testing.journal_contract import a_flow_run

ASKS = "from strongroom.processes import this_process; print(this_process(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and what it calls itself."""
    process = subprocess.Popen([sys.executable, "-c", ASKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_a_process_lives_until_it_is_killed(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    assert name.startswith(f"{process.pid}@{os.uname().nodename}@")
    assert has_ended(name) is False
    process.kill()
    process.wait()
    assert has_ended(name) is True
    assert is_dead(name)


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    place, _, ticks = this_process().rpartition("/")
    assert has_ended(this_process()) is False
    assert has_ended(f"{place}/{int(ticks) - 1}") is True


def test_of_another_boot_no_process_is_left() -> None:
    number, host, mark = this_process().split("@")
    _, namespace, ticks = mark.rsplit("/", 2)
    assert has_ended(f"{number}@{host}@an-earlier-boot/{namespace}/{ticks}") is True


@pytest.mark.parametrize("where", ["another machine", "another container"])
def test_what_is_elsewhere_cannot_be_told(where: str) -> None:
    number, host, mark = this_process().split("@")
    boot, _, ticks = mark.rsplit("/", 2)
    elsewhere = (
        f"{number}@elsewhere@{mark}" if where == "another machine" else f"{number}@{host}@{boot}/pid:[1]/{ticks}"
    )
    assert has_ended(elsewhere) is None
    assert not is_dead(elsewhere)
    run = a_flow_run(process=elsewhere, heartbeat=now())
    assert is_alive(run)
    assert not is_alive(replace(run, heartbeat=now() - SILENCE))


@pytest.mark.parametrize("nonsense", ["", "@", "x@y@z", "@@", "-1@@"])
def test_what_names_no_process_cannot_be_told(nonsense: str) -> None:
    assert has_ended(nonsense) is None


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)])
def test_a_clock_that_jumps_ends_no_run(jump: timedelta) -> None:
    mine = a_flow_run(
        state=Running(timestamp=now() + jump), pid=os.getpid(), host=os.uname().nodename, process=this_process()
    )
    assert is_alive(mine)


def test_a_sign_of_life_from_before_the_clock_was_set_back_counts_for_nothing() -> None:
    ahead: FlowRun = a_flow_run(host="elsewhere", heartbeat=now() + timedelta(hours=1))
    assert not is_alive(ahead)


def test_without_proc_the_start_is_asked_of_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    if not subprocess.run(["which", "ps"], capture_output=True, check=False).stdout:
        pytest.skip("There is no ps here.")
    expected = process_start(os.getpid())
    monkeypatch.setattr(processes, "_has_proc", lambda: False)
    found = process_start(os.getpid())
    assert expected is not None
    assert found is not None
    assert abs(found - expected) < timedelta(seconds=3)
    assert processes._mark(os.getpid()) == processes._mark(os.getpid())
