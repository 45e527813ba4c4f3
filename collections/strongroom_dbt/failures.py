"""From how an invocation ended to the error that a person reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from strongroom_dbt.errors import (
    DbtError,
    DbtFailed,
    DbtNodeFailed,
    DbtProfileInvalid,
    DbtProjectInvalid,
    DbtUsageError,
    DbtWarehouseUnavailable,
)
from strongroom_dbt.result import DbtNode, DbtResult

_SHOWN_NODES = 5
_LONGEST_LINE = 160

_FAILURES: dict[str, tuple[type[DbtError], str, str]] = {
    "project": (DbtProjectInvalid, "dbt cannot read the project in {folder}", ""),
    "profile": (DbtProfileInvalid, "dbt does not take the profile", "Correct the `settings` of the DbtProfile."),
    "usage": (DbtUsageError, "dbt does not know these arguments", "`dbt {command} --help` lists what it knows."),
    "warehouse": (DbtWarehouseUnavailable, "dbt {command} cannot work in the warehouse", ""),
    "other": (DbtFailed, "dbt {command} broke off", ""),
}
_REMEDIES = {
    "dbt deps": "The task dbt_deps installs the packages of the project.",
    "Could not set lock on file": "A DuckDB file takes one writing process: close its other connections first.",
}


def raise_failure(result: DbtResult, failure: Mapping[str, str] | None, folder: Path) -> None:
    """Raise what an invocation that did not succeed deserves; nothing for one that did.

    :param failure: the ``kind`` and ``message`` of the exception that dbt broke off with, if it did.
    :param folder: of the project.
    """
    if failure is not None:
        raise failure_error(result, failure, folder)
    if result.failed:
        raise DbtNodeFailed(told(result), nodes=result.failed, all_nodes=result.nodes)
    if not result.success:
        raise DbtFailed(f"dbt {result.command} did not succeed.", "The lines that it logged say why.")


def failure_error(result: DbtResult, failure: Mapping[str, str], folder: Path) -> DbtError:
    """The error that an exception deserves which dbt broke off with; of nodes that failed before, theirs."""
    if result.failed:
        after = f"\n  After that, dbt broke off: {failure['message']}"
        return DbtNodeFailed(told(result) + after, nodes=result.failed, all_nodes=result.nodes)
    error, problem, remedy = _FAILURES[failure["kind"]]
    words = {"folder": folder, "command": result.command}
    known = next((remedy for sign, remedy in _REMEDIES.items() if sign in failure["message"]), "")
    return error(f"{problem.format(**words)}: {failure['message']}", known or remedy.format(**words))


def told(result: DbtResult) -> str:
    """Which nodes failed, why, and what was skipped because of them."""
    return _failed(result) + _skipped(result)


def _failed(result: DbtResult) -> str:
    failed = result.failed
    if len(failed) == 1:
        return f"dbt {result.command}: {_described(failed[0])}"
    lines = [f"dbt {result.command}: {len(failed)} of {len(result.nodes)} nodes failed."]
    lines += [f"- {_described(node)}" for node in failed[:_SHOWN_NODES]]
    if len(failed) > _SHOWN_NODES:
        lines.append(f"- and {len(failed) - _SHOWN_NODES} more")
    return "\n".join(lines)


def _described(node: DbtNode) -> str:
    where = f" ({node.path})" if node.path else ""
    compiled = f"\n  Its compiled SQL: {node.compiled_path}" if node.compiled_path else ""
    again = f" after {node.attempts} attempts" if node.attempts > 1 else ""
    message = node.message.strip() or node.status
    return f"{node.resource_type} {node.name}{where} failed{again}: {message}{_rows(node)}{compiled}"


def _rows(node: DbtNode) -> str:
    """The failing rows, a line each."""
    return "".join(f"\n  {_shortened(json.dumps(dict(row), ensure_ascii=False))}" for row in node.failing_rows)


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…"


def _skipped(result: DbtResult) -> str:
    skipped = [node.name for node in result.nodes if node.skipped]
    if not skipped:
        return ""
    shown = ", ".join(skipped[:_SHOWN_NODES]) + (", ..." if len(skipped) > _SHOWN_NODES else "")
    return f"\n  Skipped because of that: {shown}."
