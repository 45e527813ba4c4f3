"""Which run asked: the tag that Snowflake keeps with every query, to be found in its history."""

from __future__ import annotations

import json

_LONGEST = 2000  # what QUERY_TAG holds


def query_tag() -> str | None:
    """The ids and names of the flow run and task run that this is called in, as JSON; ``None`` outside of any."""
    from strongroom.runtime import flow_run, task_run

    found = {
        "flow_run": flow_run.id,
        "flow": flow_run.flow_name,
        "flow_run_name": flow_run.name,
        "task_run": task_run.id,
        "task": task_run.task_name,
        "task_run_name": task_run.name,
    }
    told = {name: str(value) for name, value in found.items() if value}
    if "flow_run" not in told and "task_run" not in told:
        return None
    text = json.dumps({"strongroom": told}, ensure_ascii=False)
    if len(text) > _LONGEST:
        text = json.dumps({"strongroom": {name: told[name] for name in ("flow_run", "task_run") if name in told}})
    return text
