"""What lies in run history, ledger and storage is opened where this registry sealed it, for that very place, or never.

Somebody who may write there, and has no key, puts other bytes in the place of each record: a pickle that would run
code, the same as a record in clear, the record with a bit flipped, and a record that was sealed for another place.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from strongroom import flow, task
from strongroom.cache_policies import INPUTS
from strongroom.deployments import store
from strongroom.errors import CorruptResult, InvalidDeployment, NotResumable, ResultKeyMismatch, ResultProblem
from strongroom.journal import current_journal
from strongroom.ledger import current_ledger
from strongroom.results.sealed_records import write_record
from strongroom.resume import resume
from strongroom.states import State
from strongroom.task_worker import TaskWorker

FLOW = """
from strongroom import flow, task

@task
def small(n):
    (FOLDER / f"ran-{n}").touch()
    return n

@task
def large(n):
    (FOLDER / f"ran-{n}").touch()
    return bytes(100_000)

@flow
def work(n: int):
    value = small(1), len(large(2))
    if not (FOLDER / "mended").exists():
        raise ValueError("not yet")
    return value
"""


class Bomb:
    """Runs code where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """The file that a bomb makes; nothing may have made it when the test is over."""
    path = tmp_path / "code was run"
    yield path
    assert not path.exists()


FORGERIES: dict[str, Callable[[bytes, bytes, Path], bytes]] = {
    "a pickle": lambda record, other, mark: pickle.dumps(Bomb(mark)),
    "in clear": lambda record, other, mark: write_record(pickle.dumps(Bomb(mark)), "pickle", None, None, b""),
    "a bit flipped": lambda record, other, mark: record[:-3] + bytes((record[-3] ^ 4,)) + record[-2:],
    "of another place": lambda record, other, mark: other,
}
Forge = Callable[[bytes, bytes], bytes]


@pytest.fixture(params=FORGERIES)
def forge(request: pytest.FixtureRequest, mark: Path) -> Forge:
    """What stands in the place of a record, given one that was sealed for another place."""
    return lambda record, other: FORGERIES[request.param](record, other, mark)


def changed(path: Path, table: str, column: str, id_: str, forge: Forge) -> None:
    """Change a row past Strongroom; the record of another row is what it is swapped with."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = dict(connection.execute(f"SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL"))
        record = next(value for key, value in rows.items() if _same(key, id_))
        other = next((value for key, value in rows.items() if not _same(key, id_)), b"SR\x01\x01" + bytes(80))
        key = next(key for key in rows if _same(key, id_))
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (forge(record, other), key))


def _same(key: Any, id_: str) -> bool:
    return (key.hex() if isinstance(key, bytes) else str(key).replace("-", "")) == id_.replace("-", "")


def refused(state: State[Any]) -> None:
    assert state.is_crashed()
    assert "could not begin" in (state.message or "")
    assert "stored result" in (state.message or "") or "What lies there" in (state.message or "")


@task
def doubled(n: int) -> int:
    return 2 * n


@task
def forbidden(n: int) -> int:
    raise AssertionError("nobody sent this")


@flow
def deployed(n: int = 1) -> int:
    return n


@pytest.fixture
def ledger_file(strongroom_home: Path) -> Path:
    return strongroom_home / "ledger.db"


def test_what_a_background_task_takes(ledger_file: Path, forge: Forge) -> None:
    future, _ = doubled.delay(1), doubled.delay(2)
    changed(ledger_file, "background_tasks", "call", str(future.task_run_id), forge)
    TaskWorker(doubled).start(run_once=True)
    refused(future.state)


def test_what_a_background_task_gave(ledger_file: Path, forge: Forge) -> None:
    future, _ = doubled.delay(1), doubled.delay(2)
    TaskWorker(doubled).start(run_once=True)
    changed(ledger_file, "background_tasks", "state", str(future.task_run_id), forge)
    with pytest.raises((CorruptResult, ResultKeyMismatch)):
        future.result(timeout=5)


def test_a_call_goes_to_the_task_that_it_was_sent_to() -> None:
    future = doubled.delay(1)
    with current_ledger().changing() as session:
        session.execute("UPDATE background_tasks SET task_key = ?", forbidden.task_key)
    TaskWorker(doubled, forbidden).start(run_once=True)
    assert "names another task" in (future.state.message or "")


def test_what_a_deployment_keeps_to_itself(ledger_file: Path, forge: Forge) -> None:
    ids = [deployed.to_deployment(name, parameters={"n": 5}).apply() for name in ("one", "two")]
    changed(ledger_file, "deployments", "sealed", str(ids[0]), forge)
    with current_ledger().reading() as session:
        found = store.find(session, "deployed/one")
        untouched = store.find(session, "deployed/two")
    with pytest.raises(ResultProblem):
        store.opened(found)
    assert store.opened(untouched).parameters == {"n": 5}


@pytest.mark.parametrize("what", ["entrypoint", "folder"])
def test_the_code_of_a_deployment_is_the_one_that_it_was_made_with(what: str) -> None:
    id_ = deployed.to_deployment("one").apply()
    with current_ledger().changing() as session:
        session.execute(
            "UPDATE deployments SET definition = replace(definition, ?, ?)", f'"{what}": "', f'"{what}": "/elsewhere'
        )
    with current_ledger().reading() as session, pytest.raises(InvalidDeployment, match="changed in the ledger"):
        store.opened(store.find(session, id_))


def test_the_parameters_of_a_schedule(ledger_file: Path, forge: Forge) -> None:
    from strongroom.schedules import Interval

    for name in ("one", "two"):
        deployed.to_deployment(name, schedules=[Interval(60, parameters={"n": 3})]).apply()
    with current_ledger().reading() as session:
        schedule = store.find(session, "deployed/one").schedules[0].id
    changed(ledger_file, "deployment_schedules", "parameters", str(schedule), forge)
    with current_ledger().reading() as session, pytest.raises(ResultProblem):
        store.schedule_parameters(session, schedule)


@pytest.fixture
def failed(tmp_path: Path) -> str:
    """The id of a run that can be resumed; another one stands beside it."""
    from strongroom.entrypoints import load_flow

    file = tmp_path / "work.py"
    file.write_text(f"from pathlib import Path\nFOLDER = Path({str(tmp_path)!r})\n{FLOW}")
    loaded = load_flow(f"{file}:work")
    loaded(7, return_state=True)
    state = loaded(8, return_state=True)
    (tmp_path / "mended").touch()
    for path in tmp_path.glob("ran-*"):
        path.unlink()
    current_journal().flush()
    return str(state.state_details.flow_run_id)


def test_the_parameters_of_a_run_that_is_resumed(strongroom_home: Path, failed: str, forge: Forge) -> None:
    changed(strongroom_home / "runs.db", "flow_runs", "parameters", failed, forge)
    with pytest.raises(NotResumable, match="do not open"):
        resume(failed)


def test_the_code_of_a_run_that_is_resumed(strongroom_home: Path, failed: str, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(f"from pathlib import Path\nFOLDER = Path({str(tmp_path)!r})\n(FOLDER / 'loaded').touch()\n{FLOW}")
    current_journal().close()
    with closing(sqlite3.connect(strongroom_home / "runs.db")) as database, database:
        named = database.execute(
            "UPDATE flow_runs SET entrypoint = ? WHERE id = ?", (f"{other}:work", UUID(failed).bytes)
        )
        assert named.rowcount == 1
    with pytest.raises(NotResumable, match="do not open"):
        resume(failed)
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize("which", ["in the history", "in a file"])
def test_the_results_of_a_run_that_is_resumed(
    strongroom_home: Path, tmp_path: Path, failed: str, forge: Forge, which: str
) -> None:
    """What does not open is carried out again."""
    done = {run.task_name: run for run in current_journal().completed(current_journal().flow_run(failed).id).values()}
    if which == "in the history":
        changed(strongroom_home / "runs.db", "task_runs", "result_inline", str(done["small"].id), forge)
    else:
        stored = done["large"].result
        assert stored is not None
        path = strongroom_home / "storage" / str(stored.key)
        path.write_bytes(forge(path.read_bytes(), b"SR\x01\x01" + bytes(80)))
    assert resume(failed).result() == (1, 100_000)
    assert [path.name for path in tmp_path.glob("ran-*")] == ["ran-1" if which == "in the history" else "ran-2"]


def test_a_cached_result(strongroom_home: Path, forge: Forge) -> None:
    calls = []

    @task(cache_policy=INPUTS, persist_result=True)
    def counted(n: int) -> int:
        calls.append(n)
        return n

    counted(1)
    counted(2)
    one, other = sorted(path for path in (strongroom_home / "storage").iterdir() if path.is_file())
    one.write_bytes(forge(one.read_bytes(), other.read_bytes()))
    assert (counted(1), counted(2)) == (1, 2)
    assert len(calls) == 3
