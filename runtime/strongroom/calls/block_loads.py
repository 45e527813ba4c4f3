"""Which versions of which blocks a flow run used: noted as they are loaded or passed, in a replay given again."""

from __future__ import annotations

import functools
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from strongroom.context import FlowRunContext

if TYPE_CHECKING:
    from strongroom_registry.document import Reference


@functools.cache
def watch() -> None:
    """Note from now on what flow runs load, in any thread. Cheap to call again."""
    from strongroom_blocks.documents import pin_loads, watch_loads

    watch_loads(_note)
    pin_loads(_RunPins())


def note_passed(value: Any) -> None:
    """Note the blocks in a value that a run was given, whoever loaded them, and the blocks inside those."""
    if "strongroom_blocks.block" not in sys.modules:
        return
    from strongroom_blocks import reference_of
    from strongroom_blocks.errors import BlockCycle
    from strongroom_blocks.nesting import blocks_in

    found = [value] if hasattr(type(value), "__block__") else []
    with suppress(BlockCycle):  # what contains itself, or is deeper than blocks can be, is the run's own affair
        found.extend(blocks_in(value))
    for block in found:
        if (reference := reference_of(block)) is not None:
            _note(reference)


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
            if context.flow_run.replay_of is not None:
                return context.flow_run.pins.get(name)
            context = None if context.parent is None else context.parent.flow_run_context
        return None

    def loaded(self, name: str, version: int) -> None:
        flow: Any = FlowRunContext.get()
        if flow is not None and name not in flow.flow_run.pins:
            flow.flow_run.pins[name] = version
            flow.journal.save_flow_run(flow.flow_run)
