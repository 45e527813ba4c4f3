"""Futures and states among a task's inputs: found wherever they stand, and replaced by what came out of their runs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

from strongroom.annotations import Annotation, allow_failure, opaque, quote
from strongroom.errors import UpstreamTaskError
from strongroom.futures import PrefectFuture, PrefectFutureList
from strongroom.journal.records import FlowRun, TaskRun
from strongroom.states import State

_ATOMS = frozenset({str, int, float, bool, bytes, type(None), complex, bytearray})
_SEQUENCES = (list, tuple, set, frozenset)


def is_upstream(value: Any) -> bool:
    """Whether ``value`` stands for a run whose result is meant."""
    return isinstance(value, PrefectFuture | State)


def upstreams(value: Any) -> Iterator[Any]:
    """The futures and states in ``value``: in collections, mappings, dataclasses and pydantic models, but no quotes."""
    kind = type(value)
    if kind in _ATOMS:
        return
    if isinstance(value, PrefectFuture | State):
        yield value
    elif isinstance(value, quote):
        return
    elif isinstance(value, opaque):
        if is_upstream(value.value):
            yield value.value
    elif isinstance(value, Annotation):
        yield from upstreams(value.value)
    else:
        for item in _parts(value):
            if type(item) not in _ATOMS:
                yield from upstreams(item)


def has_upstreams(value: Any) -> bool:
    """Whether there is anything in ``value`` to resolve, be it only a mark.

    A value that contains itself, or is nested deeper than Python can follow, is handed over as it is.
    """
    if type(value) in _ATOMS:
        return False
    try:
        return _has_upstreams(value)
    except RecursionError:
        return False


def _has_upstreams(value: Any) -> bool:
    if type(value) in _ATOMS:
        return False
    return isinstance(value, PrefectFuture | State | Annotation) or any(_has_upstreams(item) for item in _parts(value))


def resolve(value: Any) -> Any:
    """``value`` with results in place of futures and states; the runs have to be over, or are waited for.

    Raises :class:`~strongroom.errors.UpstreamTaskError` for a run that did not complete, unless ``allow_failure``
    surrounds it.
    """
    return _resolve(value, False)


def _resolve(value: Any, lenient: bool) -> Any:
    if isinstance(value, quote):
        return value.value
    if isinstance(value, opaque):
        return outcome(value.value, lenient) if is_upstream(value.value) else value.value
    if isinstance(value, Annotation):
        return _resolve(value.value, lenient or isinstance(value, allow_failure))
    if is_upstream(value):
        return outcome(value, lenient)
    return _rebuilt(value, lambda item: _resolve(item, lenient))


def outcome(upstream: Any, lenient: bool = False) -> Any:
    """The result of one future or state; with ``lenient``, the exception of a run that failed, and None for one that
    never began since what it needed failed."""
    if isinstance(upstream, PrefectFuture):
        upstream.wait()
        name, state = repr(upstream.task_run_name), upstream.state
    else:
        name, state = "behind an input", upstream
    if state.is_completed():
        return state.result()
    if lenient and (state.is_failed() or state.is_crashed()):
        return state.result(raise_on_failure=False)
    if lenient and state.name == "NotReady":
        return None
    raise UpstreamTaskError(
        f"Upstream task run {name} did not reach a 'COMPLETED' state: it is {state.name}.",
        "Mend it, or take its failure as an input: allow_failure(future).",
    )


def replace(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with each future in it changed; itself where it is nested deeper than Python can follow."""
    try:
        return _replaced(value, change)
    except RecursionError:
        return value


def _replaced(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, PrefectFuture):
        return change(value)
    if isinstance(value, Annotation):
        return value
    return _rebuilt(value, lambda item: _replaced(item, change))


def _parts(value: Any) -> Any:
    if isinstance(value, _SEQUENCES):
        return value
    if isinstance(value, dict):
        return value.values()
    if _is_dataclass(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    if _is_model(value):
        return list(value.__dict__.values())
    return ()


def _rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with its parts changed; itself where none did."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, _SEQUENCES):
        items = [item if type(item) in _ATOMS else change(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        if isinstance(value, PrefectFutureList):
            return items
        return kind(*items) if hasattr(value, "_fields") else kind(items)
    if isinstance(value, dict):
        changed = {key: change(item) for key, item in value.items()}
        return value if all(changed[key] is value[key] for key in changed) else _like(value, changed)
    if _is_dataclass(value):
        fields = {
            f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init and hasattr(value, f.name)
        }
        changes = {name: new for name, old in fields.items() if (new := change(old)) is not old}
        return dataclasses.replace(value, **changes) if changes else value
    if _is_model(value):
        changes = {name: new for name, old in value.__dict__.items() if (new := change(old)) is not old}
        return value.model_copy(update=changes) if changes else value
    return value


def _like(original: dict[Any, Any], changed: dict[Any, Any]) -> dict[Any, Any]:
    if type(original) is dict:
        return changed
    copy = original.copy()
    copy.update(changed)
    return copy


def _is_dataclass(value: Any) -> bool:
    """Whether ``value`` is a dataclass whose fields may hold futures; the record of a run is a value as a whole."""
    return hasattr(type(value), "__dataclass_fields__") and not isinstance(value, FlowRun | TaskRun)


def _is_model(value: Any) -> bool:
    """Whether ``value`` is a pydantic model whose fields may hold futures; a block's never do."""
    if not hasattr(type(value), "__pydantic_fields__"):
        return False
    blocks = sys.modules.get("strongroom_blocks.block")
    return blocks is None or not isinstance(value, blocks.Block)
