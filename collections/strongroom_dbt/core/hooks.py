"""What is called while dbt works: when a run starts, after each model, when it ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from strongroom import get_run_logger
from strongroom.context import current_run

from strongroom_dbt.reporting import LOGGER
from strongroom_dbt.result import DbtNode

Event = Literal["run_start", "post_model", "run_end"]


@dataclass(frozen=True, slots=True)
class DbtHookContext:
    """What a hook is told.

    ``event`` is ``run_start``, ``post_model`` or ``run_end``; ``owner`` the runner; ``command`` and ``args`` what it
    runs. ``node``, ``node_id`` and ``result`` are those of the model; ``status`` is ``success``, ``error`` or
    ``skipped``. ``run_results`` has the nodes by unique id, ``error`` the message or the exception.
    """

    event: Event
    command: str
    owner: Any
    args: tuple[str, ...] = ()
    node: DbtNode | None = None
    node_id: str | None = None
    status: str | None = None
    result: Mapping[str, Any] | None = None
    run_results: Mapping[str, Mapping[str, Any]] | None = None
    error: Any = None
    node_ids: tuple[str, ...] = ()


Hook = Callable[[DbtHookContext], Any]


@dataclass(slots=True)
class Hooks:
    """Those of one runner, each with the selector that it asked for."""

    by_event: dict[Event, list[tuple[Hook, str | None]]] = field(
        default_factory=lambda: {"run_start": [], "post_model": [], "run_end": []}
    )

    def selectors(self) -> set[str]:
        """The selectors that hooks wait for."""
        return {select for hooks in self.by_event.values() for _, select in hooks if select is not None}

    def call(self, context: DbtHookContext, selected: Mapping[str, Collection[str]]) -> None:
        """Call the hooks of an event that want its nodes. A hook that fails is logged, and dbt goes on.

        :param selected: the unique ids that each selector picks.
        """
        for hook, select in self.by_event[context.event]:
            if select is not None and not set(context.node_ids) & set(selected.get(select, ())):
                continue
            try:
                hook(context)
            except Exception as error:
                logger = get_run_logger() if current_run() is not None else LOGGER
                name = getattr(hook, "__name__", "a hook")
                logger.warning("The hook %s failed: %s: %s", name, type(error).__name__, error)


class Hookable:
    """Takes hooks by decorators: ``@runner.post_model(select="tag:critical")``."""

    def __init__(self) -> None:
        self._hooks = Hooks()

    def on_run_start(self, fn: Hook) -> Hook:
        """Have a function called before dbt runs anything."""
        self._hooks.by_event["run_start"].append((fn, None))
        return fn

    @overload
    def post_model(self, fn: Hook) -> Hook: ...
    @overload
    def post_model(self, *, select: str | None = None) -> Callable[[Hook], Hook]: ...
    def post_model(self, fn: Hook | None = None, *, select: str | None = None) -> Any:
        """Have a function called after each model, or after each that dbt's ``select`` picks."""
        return self._taken("post_model", fn, select)

    @overload
    def on_run_end(self, fn: Hook) -> Hook: ...
    @overload
    def on_run_end(self, *, select: str | None = None) -> Callable[[Hook], Hook]: ...
    def on_run_end(self, fn: Hook | None = None, *, select: str | None = None) -> Any:
        """Have a function called when all is over; with ``select``, where one of these nodes was part of it."""
        return self._taken("run_end", fn, select)

    def _taken(self, event: Event, fn: Hook | None, select: str | None) -> Any:
        def take(function: Hook) -> Hook:
            self._hooks.by_event[event].append((function, select))
            return function

        return take if fn is None else take(fn)
