"""Which assets are made of which: from the inputs of the tasks that make them, and from what these say.

A task takes the assets that were made by the tasks behind its inputs, whether a future or a result was passed on. A
result is known again where it is the same object, so numbers and the like are not. Each asset that was made is told as
an event, ``strongroom.asset.materialization.succeeded`` or ``….failed``, with those it was made of.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom.assets.asset import Asset, assets
from strongroom.context import FlowRunContext, TaskRunContext, current_run
from strongroom.errors import MissingContextError
from strongroom.events import emit_event
from strongroom.states import State, StateType

if TYPE_CHECKING:
    from strongroom.definitions import Definition
    from strongroom.journal.records import TaskRun
    from strongroom.tasks import Task

MOST_RUNS = 64
"""Of how many flow runs a process remembers who made what."""
LARGEST_HELD = 64 * 1024
_UNTOLD = (type(None), bool, int, float, complex)


class _Made:
    """What the tasks of one flow run made, by their runs and by their results."""

    def __init__(self) -> None:
        self.by_run: dict[UUID, tuple[Asset, ...]] = {}
        self._by_result: dict[int, tuple[Callable[[], Any], tuple[Asset, ...]]] = {}

    def add(self, run_id: UUID, result: Any, made: tuple[Asset, ...]) -> None:
        self.by_run[run_id] = made
        if isinstance(result, _UNTOLD):
            return
        try:
            self._by_result[id(result)] = (weakref.ref(result), made)
        except TypeError:
            if sys.getsizeof(result) <= LARGEST_HELD:
                self._by_result[id(result)] = (lambda: result, made)

    def of(self, value: Any) -> tuple[Asset, ...]:
        known = self._by_result.get(id(value))
        return known[1] if known is not None and known[0]() is value else ()


_made: OrderedDict[UUID, _Made] = OrderedDict()
_taken: dict[UUID, tuple[Asset, ...]] = {}
_metadata: dict[UUID, dict[str, dict[str, Any]]] = {}
_lock = threading.Lock()


def watch(task: Definition) -> None:
    """Have the runs of a task remember, and tell, what they take and make."""
    hooks = {StateType.RUNNING: began, StateType.COMPLETED: ended, StateType.FAILED: ended, StateType.CRASHED: ended}
    for kind, hook in hooks.items():
        if hook not in task.hooks.setdefault(kind, []):
            task.hooks[kind].append(hook)


def began(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> None:
    """A run begins: find the assets behind its inputs."""
    context, made = TaskRunContext.get(), _of_flow()
    found = [*assets(task.asset_deps)]
    if made is not None:
        found += [asset for id_ in run.upstream for asset in made.by_run.get(id_, ())]
        values = () if context is None else context.parameters.values()
        found += [asset for value in values for part in _within(value) for asset in made.of(part)]
    _taken[run.id] = tuple(dict.fromkeys(found))
    _metadata.pop(run.id, None)


def ended(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> None:
    """A run is over: remember what it made, and tell it."""
    taken, metadata = _taken.pop(run.id, ()), _metadata.pop(run.id, {})
    own = _own(task)
    made = _of_flow()
    if made is not None and state.is_completed():
        made.add(run.id, state.data, own or taken)
    if own and state.name != "Cached" and not state.is_crashed():
        _tell(own, taken, metadata, getattr(task, "materialized_by", None), state.is_completed())


def _tell(
    made: Iterable[Asset], taken: Iterable[Asset], metadata: Mapping[str, Any], tool: str | None, succeeded: bool
) -> None:
    related = [{"strongroom.resource.id": asset.key, "strongroom.resource.role": "asset"} for asset in taken]
    if tool is not None:
        related.append({"strongroom.resource.id": tool, "strongroom.resource.role": "asset-materialized-by"})
    for asset in taken:
        emit_event("strongroom.asset.referenced", asset.labels())
    how = "succeeded" if succeeded else "failed"
    for asset in made:
        emit_event(
            f"strongroom.asset.materialization.{how}", asset.labels(), related=related, payload=metadata.get(asset.key)
        )


def tell_materialization(
    asset: Asset,
    *,
    upstream: Iterable[Asset] = (),
    by: str | None = None,
    succeeded: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Tell that an asset was made by another program that the calling code ran, such as a model by dbt.

    :param upstream: what it was made of.
    :param by: the program.
    :param metadata: what else is known of this making.
    """
    _tell((asset,), upstream, {asset.key: metadata or {}}, by, succeeded)


def add_asset_metadata(asset: Asset | str, metadata: Mapping[str, Any]) -> None:
    """Tell more about an asset, inside the task that makes it: ``add_asset_metadata(orders, {"rows": 9})``.

    What is told several times adds up. Raises MissingContextError outside of such a task, and ValueError for an asset
    that the task does not make.
    """
    key = asset if isinstance(asset, str) else asset.key
    run: Any = current_run()
    while run is not None and not (isinstance(run, TaskRunContext) and _own(run.task)):
        run = run.parent
    if run is None:
        raise MissingContextError("No task that makes assets runs here.", "Ask inside a function of @materialize.")
    if key not in {own.key for own in _own(run.task)}:
        raise ValueError(f"The task {run.task.name!r} does not make {key!r}. Name it in @materialize.")
    _metadata.setdefault(run.id, {}).setdefault(key, {}).update(metadata)


def _own(task: Any) -> tuple[Asset, ...]:
    return tuple(getattr(task, "assets", ()))


def _of_flow() -> _Made | None:
    flow = FlowRunContext.get()
    if flow is None:
        return None
    with _lock:
        known = _made.setdefault(flow.id, _Made())
        _made.move_to_end(flow.id)
        while len(_made) > MOST_RUNS:
            _made.popitem(last=False)
    return known


def _within(value: Any) -> Iterator[Any]:
    yield value
    parts = value.values() if type(value) is dict else value if type(value) in (list, tuple, set) else ()
    if len(parts) <= 1000:
        yield from parts
