"""Which versions of which blocks a flow run used: noted as they are loaded."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from strongroom.context import FlowRunContext

if TYPE_CHECKING:
    from strongroom_registry.document import Reference


@functools.cache
def watch() -> None:
    """Note from now on what flow runs load, in any thread. Cheap to call again."""
    from strongroom_blocks.documents import watch_loads

    watch_loads(_note)


def _note(reference: Reference) -> None:
    flow: Any = FlowRunContext.get()  # in a flow, its call, which has its journal
    loaded = str(reference)
    if flow is not None and loaded not in flow.flow_run.blocks:
        flow.flow_run.blocks.append(loaded)
        flow.journal.save_flow_run(flow.flow_run)
