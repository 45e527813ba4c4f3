"""What the commands of dbt can be told, as keywords of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from pydantic import JsonValue

from strongroom_dbt.errors import DbtUsageError

Selection = str | Sequence[str] | None
"""What dbt's ``--select`` takes: names, paths, tags, graph operators; several are a union."""


class InvocationOptions(TypedDict, total=False):
    """What every command can be told.

    - ``vars``: variables of the project; they win over those of the block.
    - ``target``: another name for the target, ``target.name`` in the project.
    - ``extra_args``: any other options of the command, as on dbt's command line.
    """

    vars: dict[str, JsonValue] | None
    target: str | None
    extra_args: Sequence[str]


class SelectionOptions(InvocationOptions, total=False):
    """What a command that picks nodes can be told besides.

    - ``select``: which nodes, in dbt's selection syntax; ``exclude`` takes some of them out again; ``selector`` is one
      of the project's ``selectors.yml``.
    - ``resource_type``, ``exclude_resource_type``: which kinds of nodes.
    - ``state``: the folder of artifacts that ``state:modified`` and ``defer`` compare with, or True for the last good
      ones in the project's store; ``defer`` takes from there what is not selected, ``favor_state`` even where it is.
    - ``indirect_selection``: which tests come with a node.
    """

    select: Selection
    exclude: Selection
    selector: str | None
    resource_type: Selection
    exclude_resource_type: Selection
    state: Path | str | Literal[True] | None
    defer: bool
    favor_state: bool
    indirect_selection: Literal["eager", "cautious", "buildable", "empty"] | None


class NodeOptions(SelectionOptions, total=False):
    """What a command that works on nodes can be told besides.

    - ``threads``: how many nodes at once, instead of the profile's number.
    - ``retries``: how often what failed is run again, in the same process, with what was skipped because of it; after
      ``retry_delay_seconds``.
    - ``resume``: leave out what an earlier attempt of the same run completed, as a retry of the task, or a flow that
      goes on after it was killed; True unless given.
    - ``failing_rows``: how many rows of each failed test are fetched and told; 5 unless given, 0 for none.
    - ``fail_fast``: stop at the first failure.
    - ``raise_on_failure``: False gives a result with the failed nodes, instead of an error.
    """

    threads: int | None
    retries: int
    retry_delay_seconds: float
    resume: bool
    failing_rows: int
    fail_fast: bool
    raise_on_failure: bool


class BuildOptions(NodeOptions, total=False):
    """What a command that builds relations can be told besides.

    - ``full_refresh``: build incremental models and seeds anew.
    - ``empty``: build without rows, to see whether everything fits.
    """

    full_refresh: bool
    empty: bool


class TestOptions(NodeOptions, total=False):
    """What tests can be told besides.

    - ``store_failures``: keep the failing rows in tables of the warehouse.
    """

    store_failures: bool


class BuildAndTestOptions(BuildOptions, TestOptions, total=False):
    """What a command that builds and tests can be told."""


OF_THE_INVOCATION = (
    "vars", "target", "threads", "state", "retries", "retry_delay_seconds", "failing_rows", "raise_on_failure",
)  # fmt: skip
"""Options that the command line does not carry, or that the block has a say in."""


def arguments_of(command: str, options: Mapping[str, Any]) -> list[str]:
    """The arguments of dbt for a command and its options; what is None or False is left out.

    :raises DbtUsageError: a selection of nothing, which dbt would take for everything.
    """
    arguments = command.split()
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        values = [] if value is True else [value] if isinstance(value, str) else list(map(str, value))
        if value is not True and not any(values):
            raise DbtUsageError(f"`{name}` selects nothing.", "Leave it out to take every node, or skip the task.")
        arguments += [flag, *values]
    return arguments
