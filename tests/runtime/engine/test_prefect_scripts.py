"""Scripts written for Prefect: names that they import, attributes that they read, what calls give them."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from pydantic import Field, SecretStr
from strongroom import Flow, State, Task, flow, get_run_context, tags, task, unmapped
from strongroom.annotations import quote
from strongroom.cache_policies import CacheKeyFnPolicy, CompoundCachePolicy
from strongroom.client.schemas.objects import FlowRun, TaskRun
from strongroom.context import TagsContext
from strongroom.errors import CacheKeyProblem, InvalidDefinition, InvalidSerializer, ParameterTypeError
from strongroom.exceptions import (
    InvalidNameError,
    MissingContextError,
    PrefectException,
    ReservedArgumentError,
    UnfinishedRun,
    UpstreamTaskError,
)
from strongroom.journal.memory import MemoryJournal
from strongroom.logging import flow_run_logger, get_logger, get_run_logger, task_run_logger
from strongroom.runtime import flow_run, task_run
from strongroom.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
)
from strongroom.states import Completed, Failed, get_state_exception, raise_state_exception
from strongroom.task_runners import ConcurrentTaskRunner, ThreadPoolTaskRunner
from strongroom.tasks import exponential_backoff
from strongroom.utilities.hashing import file_hash, hash_objects, stable_hash


@task
def double(x: Any) -> Any:
    return 2 * x


@task
def fail() -> None:
    raise ValueError("failed task")


def test_the_errors_that_scripts_catch_stand_in_exceptions() -> None:
    with pytest.raises(MissingContextError):
        get_run_logger()
    assert issubclass(UpstreamTaskError, UnfinishedRun)
    assert issubclass(UnfinishedRun, PrefectException)


def test_retries_can_be_read_from_a_task_and_a_flow() -> None:
    backing_off = double.with_options(retries=3, retry_delay_seconds=exponential_backoff(10))
    assert (backing_off.retries, backing_off.retry_delay_seconds) == (3, [10, 20, 40])
    assert (double.retries, double.retry_delay_seconds, double.retry_jitter_factor) == (0, 0, None)
    assert flow(retries=2, retry_delay_seconds=5)(double.fn).retry_delay_seconds == 5


def test_a_condition_for_retries_has_to_be_a_function() -> None:
    with pytest.raises(InvalidDefinition, match="retry_condition_fn of 'double'"):
        double.with_options(retry_condition_fn=3)  # type: ignore[arg-type]


def test_a_single_hook_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidDefinition, match=r"on_failure of 'double' is a single function. Give a list"):
        double.with_options(on_failure=print)  # type: ignore[arg-type]


def test_a_quote_gives_its_value_back() -> None:
    assert quote([1]).unquote() == [1]


def test_policies_have_their_names() -> None:
    policy = double.with_options(cache_key_fn=lambda *_: "key").cache_policy
    assert isinstance(policy, CacheKeyFnPolicy)
    assert isinstance(double.cache_policy, CompoundCachePolicy)


def test_hooks_see_the_parameters_and_the_state_of_the_run() -> None:
    seen = []

    def look(flow: Any, run: Any, state: Any) -> None:
        seen.append((state.name, run.state_name, run.state_type, run.parameters, run.expected_start_time.tzinfo))

    @flow(on_running=[look], on_completion=[look], on_failure=[look])
    def job(table: str, n: int = 3) -> None: ...

    job("orders", n="4")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        job("orders", n="many")  # type: ignore[arg-type]
    full = {"table": "orders", "n": 4}
    assert seen == [
        ("Running", "Running", "RUNNING", full, UTC),
        ("Completed", "Completed", "COMPLETED", full, UTC),
        ("Failed", "Failed", "FAILED", {"table": "orders", "n": "many"}, UTC),
    ]


def test_the_flow_run_of_the_context_has_its_parameters() -> None:
    @flow
    def job(n: int) -> Any:
        return get_run_context().flow_run.parameters  # type: ignore[union-attr]

    assert job(3) == {"n": 3}


def test_outside_of_runs_there_are_no_tags_parameters_and_attempts() -> None:
    assert (flow_run.tags, flow_run.parameters, flow_run.run_count, flow_run.name) == ([], {}, 0, None)
    assert (task_run.tags, task_run.parameters, task_run.run_count, task_run.name) == ([], {}, 0, None)


def test_defaults_are_not_mapped_and_keyword_arguments_are() -> None:
    @task
    def gather(a: int, *rest: int, b: Any = (7, 8, 9), **more: int) -> Any:
        return a, rest, b, more

    @flow
    def job() -> Any:
        return gather.map([1, 2]).result(), gather.map([1, 2], k=[3, 4], z=unmapped(5)).result()

    plain, more = job()
    assert plain == [(1, (), (7, 8, 9), {}), (2, (), (7, 8, 9), {})]
    assert more == [(1, (), (7, 8, 9), {"k": 3, "z": 5}), (2, (), (7, 8, 9), {"k": 4, "z": 5})]


def test_a_field_in_the_signature_is_its_default() -> None:
    @flow
    def job(n: int = Field(default=3, description="how many"), name: str = Field(description="whose")) -> Any:
        return n, name

    assert job(name="x") == (3, "x")
    assert job(5, "x") == (5, "x")
    with pytest.raises(ParameterTypeError, match="name: Field required"):
        job()  # a default that is none


class Shelf:
    def __init__(self, width: int) -> None:
        self.width = width

    @task
    def add(self, x: int) -> int:
        return self.width + x

    @flow
    def build(self, x: int) -> Any:
        return self.add(x), self.add.with_options(name="other")(x), self.add.fn(self, x)  # type: ignore[call-arg,arg-type]


def test_the_function_of_a_method_takes_its_object() -> None:
    shelf = Shelf(10)
    assert shelf.build(1) == (11, 11, 11)  # type: ignore[call-arg,arg-type]
    assert Shelf(20).build.with_options(name="wide")("2") == (22, 22, 22)  # type: ignore[call-arg,arg-type]
    assert Shelf.add.fn(shelf, 2) == 12


def test_flows_and_tasks_can_be_copied_and_pickled() -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def job(x: int) -> Any:
        return double.submit(x).result()

    for other in (cloudpickle.loads(cloudpickle.dumps(job)), copy.deepcopy(job)):
        assert other(2) == 4
        assert other.task_runner.max_workers == 3


@pytest.mark.parametrize("name", ["return_state", "wait_for"])
def test_names_that_calls_need_are_refused(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def job({name}): ...", namespace)
    with pytest.raises(ReservedArgumentError, match=name):
        flow(namespace["job"])
    with pytest.raises(ReservedArgumentError, match=name):
        task(namespace["job"])


def test_options_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="task_run_name is int"):
        double.with_options(task_run_name=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidDefinition, match="flow_run_name is int"):
        flow(flow_run_name=3)(double.fn)
    with pytest.raises(InvalidSerializer, match="yaml"):
        double.with_options(result_serializer="yaml")


def test_a_logger_of_the_package_speaks_for_no_run() -> None:
    assert (get_logger().name, get_logger("mine").name) == ("strongroom", "strongroom.mine")


def test_a_map_over_a_failed_future_says_what_failed_upstream() -> None:
    @flow
    def job() -> None:
        with pytest.raises(UpstreamTaskError, match="'fail-0'"):
            double.map(fail.submit())

    job()


def test_a_states_type_may_be_spelled_out() -> None:
    assert State("FAILED", "Refused").is_failed()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="BROKEN"):
        State("BROKEN")  # type: ignore[arg-type]


def test_a_hook_writes_to_the_log_of_its_run(journal: MemoryJournal) -> None:
    def report(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        flow_run_logger(flow_run, flow).info("the flow is %s", state.name)

    def report_task(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> None:
        task_run_logger(task_run, task).info("the task is %s", state.name)

    @flow(on_completion=[report])
    def job() -> None:
        double.with_options(on_completion=[report_task])(1)

    job()
    [run] = journal.flow_runs()
    [done] = journal.task_runs(run.id)
    said = {line.message: (line.flow_run_id, line.task_run_id) for line in journal.logs(run.id)}
    assert said["the flow is Completed"] == (run.id, None)
    assert said["the task is Completed"] == (run.id, done.id)


def test_a_flow_without_a_version_has_that_of_its_file(journal: MemoryJournal) -> None:
    plain, other = flow(double.fn), flow(version="7")(double.fn)
    assert plain.version == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    assert (plain.with_options(name="x").version, other.version) == (plain.version, "7")
    plain(1)
    assert [run.flow_version for run in journal.flow_runs()] == [plain.version]


def test_a_flow_that_stands_in_no_file_has_no_version() -> None:
    namespace: dict[str, Any] = {}
    exec("def job(): ...", namespace)
    assert flow(namespace["job"]).version is None


@pytest.mark.parametrize("character", "/%&<>")
def test_names_of_flows_leave_some_characters_out(character: str) -> None:
    with pytest.raises(InvalidNameError, match=character):
        flow(name=f"load{character}orders")(double.fn)
    with pytest.raises(InvalidNameError, match=character):
        flow(double.fn).with_options(name=character)
    assert double.with_options(name=character).name == character


def test_hooks_can_be_read_and_added_to_by_name() -> None:
    seen = []

    def look(definition: Any, run: Any, state: Any) -> None:
        seen.append(state.name)

    job = flow(on_completion=[look])(double.fn)
    assert (job.on_completion_hooks, job.on_failure_hooks) == ([look], [])
    assert (job.on_cancellation_hooks, job.on_crashed_hooks, job.on_running_hooks) == ([], [], [])
    job.on_running_hooks.append(look)
    job(1)
    retried = fail.with_options(name="fail again")
    retried.on_failure_hooks.append(look)
    retried(return_state=True)
    assert seen == ["Running", "Completed", "Failed"]
    assert fail.on_failure_hooks == []


def test_outside_of_runs_the_scheduled_start_is_now() -> None:
    before = datetime.now(UTC)
    assert before <= flow_run.scheduled_start_time <= datetime.now(UTC)


def test_the_tags_around_can_be_asked_for() -> None:
    assert TagsContext.get().current_tags == set()
    with tags("a"), tags("b"):
        assert TagsContext.get().current_tags == {"a", "b"}


def test_the_former_name_of_the_thread_pool_works() -> None:
    assert flow(task_runner=ConcurrentTaskRunner(max_workers=2))(double.fn)(2) == 4


def test_the_exception_of_a_state_can_be_had_and_raised() -> None:
    failed = fail(return_state=True)
    assert isinstance(get_state_exception(failed), ValueError)
    with pytest.raises(ValueError, match="failed task"):
        raise_state_exception(failed)
    raise_state_exception(Completed())
    with pytest.raises(ValueError, match="Completed"):
        get_state_exception(Completed())


def test_states_can_be_copied() -> None:
    state: State[Any] = Failed(message="no rows", data=[1])
    same, fresh = state.model_copy(update={"name": "Empty"}, deep=True), state.fresh_copy()
    assert (same.type, same.name, same.message, same.data, same.id) == (state.type, "Empty", "no rows", [1], state.id)
    assert same.data is not state.data
    assert fresh.id != state.id
    assert (fresh.name, fresh.data) == ("Failed", [1])
    assert fresh.timestamp > state.timestamp
    with pytest.raises(TypeError, match="color"):
        state.model_copy(update={"color": "red"})


@pytest.mark.parametrize(
    ("serializer", "name"),
    [
        (PickleSerializer(), "pickle"),
        (JSONSerializer(), "json"),
        (CompressedSerializer("json"), "compressed/json"),  # type: ignore[arg-type]
        (CompressedPickleSerializer(), "compressed/pickle"),
        (CompressedJSONSerializer(), "compressed/json"),
    ],
)
def test_serializers_can_be_given_themselves(
    serializer: Any, name: str, tmp_path: Path, journal: MemoryJournal
) -> None:
    kept = double.with_options(result_serializer=serializer, result_storage=tmp_path, cache_result_in_memory=False)

    @flow
    def job() -> Any:
        return kept([1])

    assert job() == [1, 1]
    [run] = journal.task_runs(journal.flow_runs()[0].id)
    assert run.result is not None
    assert run.result.serializer == name


def test_the_modules_that_scripts_import_lead_to_the_same_things() -> None:
    import strongroom
    from strongroom.blocks.core import Block
    from strongroom.blocks.fields import SecretDict
    from strongroom.blocks.system import JSON, Secret
    from strongroom.filesystems import LocalFileSystem
    from strongroom.logging import loggers
    from strongroom.testing import strongroom_test_harness, utilities

    for value in (Block, SecretDict, JSON, Secret):
        assert getattr(strongroom, value.__name__) is value
    assert LocalFileSystem is strongroom.LocalFolder
    assert loggers.get_run_logger is get_run_logger
    assert utilities.strongroom_test_harness is strongroom_test_harness


def test_modules_need_no_import_of_their_own() -> None:
    names = [
        "cache_policies", "context", "exceptions", "filesystems", "flows", "futures", "logging", "runtime",
        "serializers", "states", "task_runners", "tasks",
    ]  # fmt: skip
    code = "\n".join(["import strongroom", *(f"print(strongroom.{name}.__name__)" for name in names)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"strongroom.{name}" for name in names]


def test_hashes_are_stable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab")
    assert stable_hash("a", b"b") == file_hash(tmp_path / "a") == "187ef4436122d1cc2f40dc2b92f0eba0"
    assert stable_hash("ab", hash_algo=hashlib.sha256) == hashlib.sha256(b"ab").hexdigest()
    assert hash_objects([1], b={2: 3}) == hash_objects([1], b={2: 3}) != hash_objects([1], b={2: 4})


def test_what_cannot_be_hashed_has_no_hash() -> None:
    assert hash_objects(SecretStr("x")) is None
    with pytest.raises(CacheKeyProblem):
        hash_objects(SecretStr("x"), raise_on_failure=True)
