"""Transactions: what is done in one counts as a whole, or is rolled back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom import flow, task
from strongroom.cache_policies import INPUTS
from strongroom.errors import InvalidDefinition, MissingResult
from strongroom.journal.memory import MemoryJournal
from strongroom.locking.memory import MemoryLockManager
from strongroom.results import ResultStore, result_store
from strongroom.transactions import (
    CommitMode,
    IsolationLevel,
    Transaction,
    TransactionState,
    atransaction,
    get_transaction,
    transaction,
)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def noting(said: list[str]) -> Any:
    """Makes a task that notes when it runs, is committed, and is rolled back."""

    def make(name: str, **options: Any) -> Any:
        @task(name=name, **options)
        def work(fails: bool = False) -> str:
            if fails:
                raise ValueError(f"{name} failed")
            said.append(name)
            return name

        work.on_commit(lambda txn: said.append(f"commit {name}"))
        work.on_rollback(lambda txn: said.append(f"undo {name}"))
        return work

    return make


def states_of(journal: MemoryJournal) -> dict[str, str]:
    [run] = journal.flow_runs(limit=1)
    return {task.task_name: task.state.name for task in journal.task_runs(run.id)}


class TestTasks:
    def test_a_task_alone_commits_when_it_completes(self, noting: Any, said: list[str]) -> None:
        assert noting("a")() == "a"
        assert said == ["a", "commit a"]

    def test_a_task_that_fails_alone_staged_nothing_and_undoes_nothing(self, noting: Any, said: list[str]) -> None:
        with pytest.raises(ValueError, match="a failed"):
            noting("a")(fails=True)
        assert said == []

    def test_what_came_before_a_failure_is_undone_in_reverse(
        self, noting: Any, said: list[str], journal: MemoryJournal
    ) -> None:
        a, b, c = noting("a"), noting("b"), noting("c")

        @flow
        def job() -> None:
            with transaction():
                a()
                b()
                c(fails=True)

        with pytest.raises(ValueError, match="c failed"):
            job()
        assert said == ["a", "b", "undo b", "undo a"]
        assert states_of(journal) == {"a": "RolledBack", "b": "RolledBack", "c": "Failed"}
        [run] = journal.flow_runs()
        undone = [each for each in journal.task_runs(run.id) if each.state.name == "RolledBack"]
        assert all(each.state.is_completed() and each.result is None for each in undone)
        assert [event.name for event in undone[0].history] == ["Running", "Completed", "RolledBack"]

    def test_the_end_of_the_transaction_commits_in_order(self, noting: Any, said: list[str]) -> None:
        a, b = noting("a"), noting("b")

        @flow
        def job() -> None:
            with transaction():
                a()
                b()
                said.append("end")

        job()
        assert said == ["a", "b", "end", "commit a", "commit b"]

    def test_an_eager_transaction_commits_each_task_at_once(self, noting: Any, said: list[str]) -> None:
        a, b = noting("a"), noting("b")

        @flow
        def job() -> None:
            with transaction(commit_mode=CommitMode.EAGER):
                a()
                b(fails=True)

        assert job(return_state=True).is_failed()
        assert said == ["a", "commit a"]

    def test_a_failure_that_is_caught_rolls_back_all_the_same(self, noting: Any, said: list[str]) -> None:
        a, b, c = noting("a"), noting("b"), noting("c")

        @flow
        def job() -> str:
            with transaction() as txn:
                a()
                b(fails=True, return_state=True)
                assert txn.is_rolled_back()
                c()
            return "went on"

        assert job() == "went on"
        assert said == ["a", "undo a", "c", "undo c"]

    def test_an_exception_of_the_block_itself_rolls_back(self, noting: Any, said: list[str]) -> None:
        a = noting("a")

        def job() -> None:
            with transaction():
                a()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            job()
        assert said == ["a", "undo a"]

    def test_retries_that_succeed_roll_nothing_back_outside(
        self, noting: Any, said: list[str], naps: list[float]
    ) -> None:
        a, inner = noting("a"), noting("inner")
        attempts: list[int] = []

        @task(retries=1)
        def flaky() -> None:
            inner()
            attempts.append(1)
            if len(attempts) == 1:
                raise ValueError

        @flow
        def job() -> None:
            with transaction():
                a()
                flaky()

        job()
        assert said == ["a", "inner", "undo inner", "inner", "commit a", "commit inner"]

    def test_a_task_with_hooks_shares_the_end_of_the_task_that_called_it(self, noting: Any, said: list[str]) -> None:
        inner = noting("inner")

        @task
        def outer(fails: bool) -> None:
            inner()
            said.append("outer")
            if fails:
                raise ValueError

        outer(fails=False)
        assert said == ["inner", "outer", "commit inner"]
        said.clear()
        assert outer(fails=True, return_state=True).is_failed()
        assert said == ["inner", "outer", "undo inner"]

    def test_tasks_in_threads_and_subflows_are_part_of_it(self, noting: Any, said: list[str]) -> None:
        a, b, c = noting("a"), noting("b"), noting("c")

        @flow
        def part() -> None:
            b()

        @flow
        def job() -> None:
            with transaction():
                a.submit().wait()
                part()
                c.submit(fails=True).wait()

        job(return_state=True)
        assert said == ["a", "b", "undo b", "undo a"]

    def test_the_end_waits_for_what_was_submitted(self, noting: Any, said: list[str]) -> None:
        a, gate = noting("a"), threading.Event()

        @task
        def late(fails: bool) -> None:
            gate.wait(20)
            if fails:
                raise ValueError

        @flow
        def job(fails: bool) -> None:
            with transaction() as txn:
                a()
                late.submit(fails)
                txn.stage(None, on_commit_hooks=[lambda _: said.append("commit job")])
                gate.set()

        job(False)
        assert said == ["a", "commit a", "commit job"]
        said.clear()
        gate.clear()
        job(True, return_state=True)
        assert said == ["a", "undo a"]

    def test_a_task_that_submits_leaves_the_waiting_to_the_transaction_around(
        self, noting: Any, said: list[str]
    ) -> None:
        inner, gate = noting("inner"), threading.Event()

        @task
        def part() -> None:
            gate.wait(20)
            inner()

        @task
        def outer() -> str:
            part.submit()
            return "over"

        @flow
        def job() -> None:
            with transaction():
                assert outer() == "over"
                gate.set()
                said.append("end")

        job()
        assert sorted(said[:2]) == ["end", "inner"]
        assert said[2:] == ["commit inner"]

    def test_tasks_of_other_processes_are_undone_here(self, tmp_path: Path, journal: MemoryJournal) -> None:
        from strongroom.task_runners import ProcessPoolTaskRunner

        undone: list[str] = []

        @task(on_rollback=[lambda txn: undone.append("undone")])
        def write(path: str) -> None:
            Path(path).write_text("written elsewhere")

        @task
        def fails() -> None:
            raise ValueError

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        def job() -> str:
            with transaction():
                write.submit(str(tmp_path / "file")).wait()
                fails.submit()
            return "went on"

        assert job() == "went on"
        assert (tmp_path / "file").read_text() == "written elsewhere"
        assert undone == ["undone"]
        assert states_of(journal) == {"write": "RolledBack", "fails": "Failed"}

    def test_asynchronous_tasks_and_hooks(self, said: list[str]) -> None:
        @task
        async def a() -> None:
            said.append("a")

        @a.on_rollback
        async def undo(txn: Transaction) -> None:
            await asyncio.sleep(0)
            said.append(f"undo {txn.get('what')}")

        @task
        async def b() -> None:
            raise ValueError

        @flow
        async def job() -> None:
            async with atransaction() as txn:
                txn.set("what", "a")
                await a()
                await b()

        assert asyncio.run(job(return_state=True)).is_failed()
        assert said == ["a", "undo a"]

    def test_an_asynchronous_transaction_is_awaited(self, said: list[str]) -> None:
        async def job() -> Any:
            async with atransaction(key="k") as first:
                first.stage(1)
                assert await first.commit()
            record = await first.read()
            async with atransaction() as second:
                second.stage(2, on_rollback_hooks=[lambda _: said.append("undone")])
                assert await second.rollback()
            return record

        assert asyncio.run(job()).result == 1
        assert said == ["undone"]

    def test_an_asynchronous_hook_of_a_synchronous_task_is_awaited(self, said: list[str]) -> None:
        async def committed(txn: Transaction) -> None:
            said.append("committed")

        task(on_commit=[committed])(lambda: None)()
        assert said == ["committed"]

    def test_generators_are_part_of_it(self, said: list[str]) -> None:
        @task(on_rollback=[lambda txn: said.append("undo generator")])
        def numbers() -> Iterator[int]:
            yield 1
            yield 2

        @task(on_rollback=[lambda txn: said.append("undo late")], timeout_seconds=0.01)
        async def late() -> None:
            await asyncio.sleep(60)

        @flow
        def job() -> None:
            with transaction():
                said.extend(str(number) for number in numbers())
                asyncio.run(late(return_state=True))

        job()
        assert said == ["1", "2", "undo generator"]

    def test_a_hook_that_raises_is_logged_and_stops_no_other(
        self, noting: Any, said: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        a, b = noting("a"), noting("b")

        @b.on_rollback
        def broken(txn: Transaction) -> None:
            raise RuntimeError("no way back")

        @flow
        def job() -> None:
            with transaction():
                a()
                b()
                raise ValueError

        job(return_state=True)
        assert said == ["a", "b", "undo b", "undo a"]
        assert "'broken' raised an exception" in caplog.text
        assert "no way back" in caplog.text

    def test_options_take_hooks_and_with_options_keeps_them(self, said: list[str]) -> None:
        def undo(txn: Transaction) -> None: ...
        def done(txn: Transaction) -> None: ...

        made = task(on_rollback=[undo], on_commit=[done])(lambda: 1)
        assert made.with_options(name="other").on_rollback_hooks == [undo]
        assert made.with_options(on_rollback=[]).on_rollback_hooks == []
        assert made.with_options(retries=1).on_commit_hooks == [done]
        with pytest.raises(InvalidDefinition, match="single function"):
            task(on_commit=done)(lambda: 1)  # type: ignore[call-overload]
        with pytest.raises(InvalidDefinition, match="no function"):
            made.on_commit("done")  # type: ignore[type-var]

    def test_caches_are_written_when_the_whole_is_committed(self) -> None:
        runs: list[str] = []

        @task(cache_key_fn=lambda *_: "first")
        def load() -> str:
            runs.append("load")
            return "data"

        @task(cache_key_fn=lambda *_: "second")
        def process(data: str, fail: bool) -> int:
            runs.append("process")
            if fail:
                raise RuntimeError("Abort")
            return len(data)

        @flow
        def job(fail: bool) -> int:
            with transaction():
                return process(load(), fail)

        assert job(True, return_state=True).is_failed()
        assert job(False) == 4
        assert job(False) == 4
        assert runs == ["load", "process", "load", "process"]

    def test_a_value_that_is_not_held_is_there_before_and_after_the_commit(self) -> None:
        @task(cache_policy=INPUTS, cache_result_in_memory=False)
        def load(x: int) -> list[int]:
            return [x]

        with transaction():
            state = load(1, return_state=True)
            assert state.result() == [1]
        assert state.result() == [1]
        with suppress(ValueError), transaction():
            undone = load(2, return_state=True)
            raise ValueError
        with pytest.raises(MissingResult):
            undone.result()

    def test_a_task_finds_its_own_transaction(self) -> None:
        @task
        def work() -> Any:
            found = get_transaction()
            assert found is not None
            found.set("seen", 1)
            return found.get_parent(), found.get("outer")

        with transaction() as txn:
            txn.set("outer", 2)
            assert work() == (txn, 2)
            assert get_transaction() is txn
        assert get_transaction() is None


class TestKeys:
    def test_what_was_committed_under_a_key_is_not_done_again(self) -> None:
        done: list[int] = []

        @flow
        def job() -> None:
            with transaction(key="load-2026") as txn:
                if txn.is_committed():
                    return
                done.append(1)
                txn.stage({"rows": 3})

        job()
        job()
        assert done == [1]
        assert result_store().read("load-2026").result == {"rows": 3}

    def test_a_rolled_back_key_can_be_done_again(self) -> None:
        with pytest.raises(ValueError, match="no"), transaction(key="k"):
            raise ValueError("no")
        with transaction(key="k") as txn:
            assert not txn.is_committed()
        with transaction(key="k") as txn:
            assert txn.is_committed()
        with transaction(key="k", overwrite=True) as txn:
            assert not txn.is_committed()

    def test_a_key_without_a_record_only_names_it(self) -> None:
        with transaction(key="k", write_on_commit=False):
            pass
        with transaction(key="k") as txn:
            assert not txn.is_committed()

    def test_the_value_can_be_read_by_the_transaction(self, tmp_path: Path) -> None:
        store = ResultStore(result_storage=tmp_path)
        with transaction(key="k", store=store) as txn:
            assert txn.store is store
            txn.stage([1])
        record = txn.read()
        assert record is not None
        assert (record.result, record.metadata.storage_key) == ([1], "k")

    def test_what_cannot_be_written_rolls_back_and_says_so(self, said: list[str], caplog: Any) -> None:
        with transaction(key="k") as txn:
            txn.stage(threading.Lock(), on_rollback_hooks=[lambda _: said.append("undone")])
        assert txn.is_rolled_back()
        assert said == ["undone"]
        assert "'k' is not committed" in caplog.text

    @pytest.mark.parametrize("colour", ["sync", "async"])
    def test_serializable_transactions_of_one_key_take_turns(self, colour: str) -> None:
        done: list[str] = []
        store = ResultStore(lock_manager=MemoryLockManager())
        inside = threading.Barrier(2, timeout=20)

        def once(name: str) -> None:
            inside.wait()
            with transaction(key="turn", store=store, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
                if not txn.is_committed():
                    done.append(name)

        async def aonce(name: str) -> None:
            async with atransaction(key="turn", store=store, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
                await asyncio.sleep(0)
                if not txn.is_committed():
                    done.append(name)

        async def both() -> None:
            await asyncio.gather(*(aonce(str(number)) for number in range(10)))

        if colour == "async":
            asyncio.run(both())
        else:
            threads = [threading.Thread(target=once, args=(name,)) for name in "ab"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(done) == 1
        assert not store.is_locked("turn")

    def test_a_store_that_is_away_leaves_no_lock_behind(self) -> None:
        class Away(ResultStore):
            def exists(self, key: str) -> bool:
                raise ConnectionError("no route to the lake")

        store = Away(lock_manager=MemoryLockManager())
        with (
            pytest.raises(ConnectionError),
            transaction(key="away", store=store, isolation_level=IsolationLevel.SERIALIZABLE),
        ):
            pass
        assert not store.is_locked("away")
        assert get_transaction() is None

    def test_what_is_in_one_transaction_shares_its_locks(self) -> None:
        calls: list[int] = []
        policy = INPUTS.configure(isolation_level="SERIALIZABLE", lock_manager=MemoryLockManager())

        @task(cache_policy=policy)
        def work(x: int) -> int:
            calls.append(x)
            return x

        @flow
        def job() -> list[int]:
            with transaction():
                return [work(1), work(1), *work.map([1, 1]).result()]

        assert job() == [1, 1, 1, 1]
        assert len(calls) == 4  # nothing is cached before the whole is committed
        assert work(1, return_state=True).name == "Cached"
        store = ResultStore(lock_manager=MemoryLockManager(), cache_result_in_memory=False)
        with transaction(key="same", store=store, isolation_level=IsolationLevel.SERIALIZABLE) as outer:
            with transaction(key="same", store=store) as inner:
                inner.stage("inner")
            outer.stage("outer")
        assert inner.is_committed()
        assert store.read("same").result == "outer"
        assert not store.is_locked("same")

    def test_the_ledgers_locks_serve_where_no_others_are_given(self) -> None:
        with transaction(key="k", isolation_level=IsolationLevel.SERIALIZABLE) as txn:
            assert txn.store is not None
            assert txn.store.is_locked("k")
            with transaction(key="k") as inner:  # it has the lock that is around it
                assert inner.isolation_level is IsolationLevel.SERIALIZABLE
        assert not txn.store.is_locked("k")


class TestValues:
    def test_values_are_inherited_copied_and_overridden(self) -> None:
        with transaction() as outer:
            outer.set("key", {"x": [42]})
            with transaction() as inner:
                value = inner.get("key")
                value["x"].append(43)
                assert inner.get("key") == {"x": [42]}
                inner.set("key", value)
                assert inner.get("key") == {"x": [42, 43]}
            assert outer.get("key") == {"x": [42]}
            lock = threading.Lock()
            outer.set("lock", lock)
            assert outer.get("lock") is lock

    def test_a_name_that_nobody_set(self) -> None:
        with transaction() as txn:
            with pytest.raises(ValueError, match="'foobar'"):
                txn.get("foobar")
            assert txn.get("foobar", None) is None


class TestModes:
    def test_off_rolls_back_unless_somebody_commits(self) -> None:
        with transaction(commit_mode=CommitMode.OFF) as txn:
            pass
        assert txn.is_rolled_back()
        with transaction(commit_mode=CommitMode.OFF) as txn:
            assert txn.commit()
            assert not txn.commit()
        assert txn.is_committed()
        assert not txn.rollback()

    def test_a_rollback_by_hand_reaches_all_around(self) -> None:
        with transaction() as outer, transaction() as middle:
            with transaction() as inner:
                assert inner.rollback()
            assert middle.is_rolled_back()
        assert outer.is_rolled_back()

    def test_states_have_questions(self) -> None:
        for state in TransactionState:
            txn = Transaction(state=state)
            answers = {
                "PENDING": txn.is_pending(),
                "ACTIVE": txn.is_active(),
                "STAGED": txn.is_staged(),
                "COMMITTED": txn.is_committed(),
                "ROLLED_BACK": txn.is_rolled_back(),
            }
            assert [name for name, answer in answers.items() if answer] == [state.value]

    def test_hooks_see_the_transaction_around(self) -> None:
        seen: list[Any] = []
        with suppress(ValueError), transaction() as outer:
            with transaction() as inner:
                inner.stage(1, on_rollback_hooks=[lambda txn: seen.append(txn.get_parent())])
            raise ValueError
        assert seen == [outer]


Tree = tuple[CommitMode | None, bool, list[Any]]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(st.sampled_from([None, *CommitMode]), st.booleans(), st.just([])),
    lambda inner: st.tuples(st.sampled_from([None, *CommitMode]), st.booleans(), st.lists(inner, max_size=3)),
    max_leaves=8,
)


class Model:
    """What transactions are said to do, in a few lines: a list of what is undone or committed, by number."""

    def __init__(self) -> None:
        self.numbers: Iterator[int] = iter(range(1000))
        self.said: list[str] = []

    def run(self, tree: Tree, inherited: CommitMode, above: list[Any] | None) -> dict[str, Any]:
        mode, fails, children = tree
        node = {"n": next(self.numbers), "state": "open", "children": [], "mode": mode or inherited}
        for child in children:
            found = self.run(child, node["mode"], [node])
            if node["state"] == "undone":
                self.undo(found)
            else:
                node["children"].append(found)
                if found["state"] == "undone":
                    self.undo(node)
        if fails:
            self.undo(node)
        elif node["mode"] is CommitMode.EAGER:
            self.commit(node)
        if above is None:
            self.undo(node) if node["mode"] is CommitMode.OFF else self.commit(node)
        return node

    def commit(self, node: dict[str, Any]) -> None:
        if node["state"] == "open":
            for child in node["children"]:
                self.commit(child)
            node["state"] = "committed"
            self.said.append(f"commit {node['n']}")

    def undo(self, node: dict[str, Any]) -> None:
        if node["state"] == "open":
            node["state"] = "undone"
            self.said.append(f"undo {node['n']}")
            for child in reversed(node["children"]):
                self.undo(child)


class Said(Exception):
    pass


def run_for_real(tree: Tree, numbers: Iterator[int], said: list[str], asynchronous: bool) -> None:
    mode, fails, children = tree
    number = next(numbers)

    def hooks(txn: Transaction) -> None:
        txn.on_commit_hooks.append(lambda _: said.append(f"commit {number}"))
        txn.on_rollback_hooks.append(lambda _: said.append(f"undo {number}"))

    async def with_async() -> None:
        with suppress(Said):
            async with atransaction(commit_mode=mode) as txn:
                hooks(txn)
                for child in children:
                    run_for_real(child, numbers, said, False)
                if fails:
                    raise Said

    if asynchronous:
        asyncio.run(with_async())
        return
    with suppress(Said), transaction(commit_mode=mode) as txn:
        hooks(txn)
        for child in children:
            run_for_real(child, numbers, said, False)
        if fails:
            raise Said


@given(tree=TREES, asynchronous=st.booleans())
def test_nested_transactions_do_what_a_small_model_does(tree: Tree, asynchronous: bool) -> None:
    model, said = Model(), []
    model.run(tree, CommitMode.LAZY, None)
    run_for_real(tree, iter(range(1000)), said, asynchronous)
    assert said == model.said
