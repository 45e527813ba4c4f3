"""Which versions of which blocks a flow run used: noted as they are loaded or passed, in a replay given again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from strongroom.context import FlowRunContext

if TYPE_CHECKING:
    from strongroom_registry.document import Reference


MOST_CONTAINERS = 10_000
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, date, datetime})


@functools.cache
def watch() -> None:
    """Note from now on what flow runs load, in any thread. Cheap to call again."""
    from strongroom_blocks.documents import pin_loads, watch_loads

    watch_loads(_note)
    pin_loads(_RunPins())


def note_passed(value: Any) -> None:
    """Note the blocks in a value that a run was given, whoever loaded them, and the blocks inside those.

    It looks into containers and models, as long as there are not too many of them.
    """
    if "strongroom_blocks.block" not in sys.modules:
        return
    waiting: list[Any] = [value]
    seen: set[int] = set()
    while waiting and len(seen) < MOST_CONTAINERS:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if hasattr(type(value), "__block__"):
            note_block(value)
        else:
            with suppress(Exception):  # what a container of somebody else's raises is the run's own affair
                waiting += _telling(value)


def note_block(block: Any, reference: Reference | None = None) -> None:
    """Note a block, whose reference may be known already, and the blocks inside it."""
    from strongroom_blocks import reference_of
    from strongroom_blocks.errors import BlockCycle
    from strongroom_blocks.nesting import blocks_in

    flow = FlowRunContext.get()
    if flow is None or (reference is not None and str(reference) in flow.flow_run.blocks):
        return
    found = [block]
    with suppress(BlockCycle):  # what is deeper than blocks can be was never saved
        found.extend(blocks_in(block))
    for each in found:
        if (its_own := reference_of(each)) is not None:
            _note(its_own)


def _telling(value: Any) -> Iterable[Any]:
    """What stands in a container and may be, or hold, a block; told in next to no time where there are only numbers."""
    if isinstance(value, Mapping):
        held: Collection[Any] = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        held = value
    elif hasattr(type(value), "model_fields"):
        held = value.__dict__.values()
    else:
        return ()
    return () if _PLAIN.issuperset(map(type, held)) else [each for each in held if type(each) not in _PLAIN]


def _note(reference: Reference) -> None:
    flow: Any = FlowRunContext.get()  # in a flow, its call, which has its journal
    loaded = str(reference)
    if flow is not None and loaded not in flow.flow_run.blocks:
        flow.flow_run.blocks.append(loaded)
        flow.journal.save_flow_run(flow.flow_run)


class _RunPins:
    """See :class:`strongroom_blocks.documents.Pins`: the versions that bare names gave in the run that is replayed."""

    def version(self, name: str) -> int | None:
        context = FlowRunContext.get()
        while context is not None:
            if context.flow_run.replay_of is not None and name in context.flow_run.pins:
                return context.flow_run.pins[name]
            context = None if context.parent is None else context.parent.flow_run_context
        return None

    def loaded(self, name: str, version: int) -> None:
        flow: Any = FlowRunContext.get()
        if flow is not None and name not in flow.flow_run.pins:
            flow.flow_run.pins[name] = version
            flow.journal.save_flow_run(flow.flow_run)
