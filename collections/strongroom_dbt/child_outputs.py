"""What a command of dbt gives besides nodes, as JSON holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strongroom_dbt.child_failing_rows import plain_rows


def output_of(arguments: Sequence[str], result: Any) -> Any:
    """The lines of ``ls``; the rows of ``show`` and the SQL of ``compile`` by unique id; None for any other command."""
    command = arguments[0]
    if command in ("ls", "list"):
        return [str(line) for line in result or ()]
    results = getattr(result, "results", None) or ()
    if command == "show":
        return {each.node.unique_id: plain_rows(table) for each in results if (table := each.agate_table) is not None}
    if command == "compile":
        return {each.node.unique_id: each.node.compiled_code for each in results}
    return None
