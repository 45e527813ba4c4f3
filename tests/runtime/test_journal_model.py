"""Whatever is done to the journals, they say the same: those in databases as the one in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.postgres import PostgresDatabase
from strongroom.databases.postgres import SCHEMA
from strongroom.journal import FlowRun, Journal
from strongroom.journal.current import open_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.states import Completed, Failed, Running, Scheduled, State, StateType
from strongroom.testing.journal_contract import START, a_flow_run, a_line, a_task_run

FLOWS = [UUID(int=0x1000 + number) for number in range(5)]
TASKS = [UUID(int=0x2000 + number) for number in range(6)]
STATES: list[Callable[[], State[Any]]] = [
    lambda: Running(timestamp=START),
    lambda: Completed(timestamp=START),
    lambda: Failed(message="no", timestamp=START),
    lambda: Failed(name="TimedOut", timestamp=START),
]

flow, task, state = st.integers(0, 4), st.integers(0, 5), st.integers(0, 3)
hours = st.integers(-5, 5)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("flow"), flow, state, hours, st.none() | flow),
        st.tuples(st.just("task"), task, state, flow, st.booleans()),
        st.tuples(st.just("line"), flow, st.text(max_size=5)),
        st.tuples(st.just("claim"), flow),
        st.tuples(st.just("remove"), st.lists(flow, max_size=2)),
        st.tuples(st.just("prune"), hours),
        st.tuples(st.just("flush")),
    ),
    max_size=25,
)


def do(journal: Journal, step: tuple[Any, ...]) -> Any:
    """One step; what it gives."""
    match step:
        case ("flow", number, kind, hour, caller):
            at = START + timedelta(hours=hour)
            parent = FLOWS[caller] if caller is not None and caller < number else None
            ended = at if STATES[kind]().is_final() else None
            journal.save_flow_run(
                a_flow_run(
                    id=FLOWS[number], state=STATES[kind](), created=at, end_time=ended, parent_flow_run_id=parent
                )
            )
        case ("task", number, kind, owner, has_result):
            run = a_task_run(a_flow_run(id=FLOWS[owner]), number, id=TASKS[number], state=STATES[kind]())
            journal.save_task_run(run if has_result else replace(run, result=None))
        case ("line", number, text):
            journal.log(a_line(a_flow_run(id=FLOWS[number]), text))
        case ("claim", number):
            found = [run for run in journal.flow_runs(subflows=True) if run.id == FLOWS[number]]
            return [journal.claim(run, Scheduled(name="Resuming", timestamp=START)) for run in found]
        case ("remove", numbers):
            return set(journal.remove([FLOWS[number] for number in numbers]))
        case ("prune", hour):
            return set(journal.prune(START + timedelta(hours=hour)))
        case ("flush",):
            return journal.flush()
    return None


def told(run: Any) -> tuple[Any, ...]:
    """What a run says; the time of a state is compared, its identity is not."""
    plain = replace(run, state=None, **({"heartbeat": None} if isinstance(run, FlowRun) else {}))
    return plain, run.state.type, run.state.name, run.state.message, run.state.timestamp


def all_of(journal: Journal) -> list[Any]:
    """All that a journal says."""
    said: list[Any] = []
    for wanted in ({"subflows": True}, {"states": [StateType.FAILED]}, {"state_names": ["TimedOut"], "subflows": True}):
        said.append(sorted((told(run) for run in journal.flow_runs(**wanted)), key=str))
    for flow_run in FLOWS:
        said.append([told(run) for run in journal.task_runs(flow_run)])
        said.append([told(run) for run in journal.subflow_runs(flow_run)])
        said.append([line.message for line in journal.logs(flow_run)])
        said.append(sorted(map(str, journal.completed(flow_run))))
    return said


def check(journal: Journal, taken: list[tuple[Any, ...]]) -> None:
    model = MemoryJournal()
    for step in taken:
        assert do(journal, step) == do(model, step), step
    assert all_of(journal) == all_of(model)


@given(steps)
@settings(max_examples=60)
def test_sqlite_says_what_memory_says(taken: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = open_journal(f"sqlite:///{Path(folder) / 'runs.db'}")
        check(journal, taken)
        journal.close()


@pytest.fixture
def emptied(postgres: PostgresDatabase) -> Iterator[Callable[[], Journal]]:
    """A journal in PostgreSQL, emptied each time that it is asked for."""
    journal = open_journal(postgres.url)
    assert journal.flow_runs() == []

    def empty() -> Journal:
        journal.flush()
        with postgres.connect() as connection:
            connection.execute(f"TRUNCATE {SCHEMA}.flow_runs, {SCHEMA}.task_runs, {SCHEMA}.lines")
        return journal

    yield empty
    journal.close()


@given(taken=steps)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_postgresql_says_what_memory_says(emptied: Callable[[], Journal], taken: list[tuple[Any, ...]]) -> None:
    check(emptied(), taken)
