"""The graph of a flow that did not run: its own code is called, and its tasks say what they would wait for."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4

from strongroom import sketching
from strongroom.annotations import Annotation
from strongroom.errors import FlowVisualizationError
from strongroom.futures import PrefectFuture, PrefectFutureList
from strongroom.graphs.vertex import Vertex
from strongroom.inputs import upstreams
from strongroom.journal.records import TaskRun
from strongroom.states import Completed, State

if TYPE_CHECKING:
    from strongroom.flows import Flow
    from strongroom.tasks import Task

_UNTRACEABLE = (bool, int, type(None), type(Ellipsis))
"""Values that are one object wherever they stand, so that nobody can tell where they came from."""


class Placeholder:
    """What a sketched call gives: the flow may hand it on, and do nothing else with it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<the result of {self._name}>"

    def _refuse(self, *_: Any) -> NoReturn:
        raise FlowVisualizationError(
            f"The flow looks into the result of {self._name!r}, which did not run.",
            f"Say what the picture is to be drawn with: {self._name} with viz_return_value=….",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._refuse()

    __iter__ = __len__ = __getitem__ = __contains__ = __bool__ = __call__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __enter__ = __exit__ = __index__ = _refuse


class Sketch:
    """Notes the calls of one flow; ``root`` is the graph."""

    def __init__(self, flow: Flow[Any, Any]) -> None:
        self.root = Vertex("flow", flow.name)
        self._numbers: dict[str, int] = {}
        self._makers: dict[int, Vertex] = {}
        self._kept: list[Any] = []
        self._runs: dict[UUID, Vertex] = {}

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Calls inside the block are noted here, and not run."""
        token = sketching.current.set(self)
        sketching.going_on.append(self)
        try:
            yield
        finally:
            sketching.going_on.remove(self)
            sketching.current.reset(token)

    def called(
        self, made: Task[Any, Any] | Flow[Any, Any], parameters: Mapping[str, Any], wait_for: Any, return_state: bool
    ) -> Any:
        """A task or flow was called: what its caller goes on with."""
        value = self._noted(made, parameters, wait_for)
        given = Completed(data=value) if return_state else value
        return _soon(given) if made.isasync else given

    def submitted(self, task: Task[Any, Any], parameters: Mapping[str, Any], wait_for: Any, return_state: bool) -> Any:
        """A task was submitted: a future that is done, or its state."""
        future = self._future(task, parameters, wait_for)
        return future.state if return_state else future

    def mapped(
        self, task: Task[Any, Any], parameters: dict[str, Any], defaults: Collection[str], wait_for: Any, states: bool
    ) -> Any:
        """A task was mapped: a future for each element, or one where nobody knows how many there are."""
        each: list[dict[str, Any]]
        try:
            each = [*task.mapped_parameters(parameters, defaults)]
        except FlowVisualizationError:
            each = [parameters]
        if not each:
            return [] if states else PrefectFutureList([])
        first = self._future(task, parameters, wait_for)
        vertex = self._runs[first.task_run_id]
        vertex.runs, vertex.name = len(each), task.name if len(each) > 1 else vertex.name
        futures = [first]
        for _ in each[1:]:
            future: PrefectFuture[Any] = _done(task, first.state.data)
            self._runs[future.task_run_id] = vertex
            futures.append(future)
        return [future.state for future in futures] if states else PrefectFutureList(futures)

    def _future(self, task: Task[Any, Any], parameters: Mapping[str, Any], wait_for: Any) -> PrefectFuture[Any]:
        value = self._noted(task, parameters, wait_for)
        future = _done(task, value)
        self._runs[future.task_run_id] = self.root.inside[-1]
        return future

    def _noted(self, made: Task[Any, Any] | Flow[Any, Any], parameters: Mapping[str, Any], wait_for: Any) -> Any:
        number = self._numbers[made.name] = self._numbers.get(made.name, -1) + 1
        kind = "flow" if hasattr(made, "task_runner") else "task"
        vertex = Vertex(kind, f"{made.name}-{number}", created=float(len(self.root.inside)))  # type: ignore[arg-type]
        inputs = [*parameters.values(), *(wait_for or ())]
        vertex.after = sorted(dict.fromkeys(self._sources(inputs)), key=lambda source: source.created)
        value = getattr(made, "viz_return_value", None)
        value = Placeholder(made.name) if value is None else _own(value)
        self.root.inside.append(vertex)
        if not isinstance(value, _UNTRACEABLE):
            self._kept.append(value)
            self._makers[id(value)] = vertex
        return value

    def _sources(self, inputs: Iterable[Any]) -> Iterator[Vertex]:
        for value in inputs:
            for future in upstreams(value):
                if isinstance(future, PrefectFuture) and future.task_run_id in self._runs:
                    yield self._runs[future.task_run_id]
                elif isinstance(future, State) and id(future.data) in self._makers:
                    yield self._makers[id(future.data)]
            yield from self._made(value, 3)

    def _made(self, value: Any, depth: int) -> Iterator[Vertex]:
        if id(value) in self._makers:
            yield self._makers[id(value)]
        elif depth and isinstance(value, list | tuple | set | frozenset):
            for item in value:
                yield from self._made(item, depth - 1)
        elif depth and isinstance(value, dict):
            yield from self._made(list(value.values()), depth)
        elif isinstance(value, Annotation):
            yield from self._made(value.unwrap(), depth)


def sketch(flow: Flow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Vertex:
    """The graph of what ``flow`` would do with these arguments; tasks and subflows do not run, all other code does.

    Raises :class:`~strongroom.errors.FlowVisualizationError` where the flow's code needs a result to go on.
    """
    parameters = flow.signature.bind(args, kwargs)
    if flow.should_validate_parameters:
        parameters = flow.validator.validate(parameters)
    drawn = Sketch(flow)
    given, named = flow.signature.arguments(parameters)
    with drawn.drawing():
        try:
            _finish(flow.function(*given, **named))
        except FlowVisualizationError:
            raise
        except Exception as error:
            raise FlowVisualizationError(
                f"The code of the flow {flow.name!r} failed without its tasks: {type(error).__name__}: {error}.",
                "Give the tasks whose results it needs a viz_return_value.",
            ) from error
    return drawn.root


def _finish(value: Any) -> None:
    if inspect.iscoroutine(value):
        _run(value)
    elif inspect.isasyncgen(value):
        _run(_drained(value))
    elif inspect.isgenerator(value):
        for _ in value:
            pass


def _run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end, also where an event loop runs already, as in a notebook."""
    if asyncio._get_running_loop() is None:
        asyncio.run(coroutine)
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(copy_context().run, asyncio.run, coroutine).result()


async def _drained(items: Any) -> None:
    async for _ in items:
        pass


def _own(value: Any) -> Any:
    """A copy for one call: calls are told apart by what they gave, and what a flow changes is not the task's."""
    try:
        return copy.copy(value)
    except Exception:
        return value


async def _soon(value: Any) -> Any:
    return value


def _done(task: Task[Any, Any], value: Any) -> PrefectFuture[Any]:
    state: State[Any] = Completed(data=value)
    future: PrefectFuture[Any] = PrefectFuture(TaskRun(uuid4(), task.name, task.name, task.task_key, "", state))
    future.settle(state)
    return future
