"""What an orchestrated build tells of its nodes, and how people read it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom_dbt.result import DbtNode

_SHOWN = 50


def results_of(nodes: Iterable[DbtNode], command: str, args: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The nodes by unique id, each with ``status``, ``timing`` and ``invocation``; ``error`` or ``reason`` says why."""
    nodes = list(nodes)
    bad = {node.unique_id for node in nodes if node.failed or node.skipped}
    return {node.unique_id: _result(node, bad, command, args) for node in nodes}


def _result(node: DbtNode, bad: set[str], command: str, args: Sequence[str]) -> dict[str, Any]:
    if node.skipped:
        failed = [before for before in node.depends_on if before in bad]
        return {"status": "skipped", "reason": "upstream failure", "failed_upstream": failed}
    result: dict[str, Any] = {
        "status": "error" if node.failed else "success",
        "timing": {
            "started_at": node.started_at and node.started_at.isoformat(),
            "completed_at": node.finished_at and node.finished_at.isoformat(),
            "duration_seconds": node.execution_time,
        },
        "invocation": {"command": command, "args": list(args)},
        "attempts": node.attempts,
    }
    if node.failed:
        result["error"] = {"message": node.message, "type": node.status}
    return result


def summary(results: Mapping[str, Mapping[str, Any]], title: str = "dbt build") -> str:
    """The results as Markdown."""
    counts = Counter(result["status"] for result in results.values())
    lines = [f"# {title}", "", ", ".join(f"{count} {status}" for status, count in counts.most_common()) or "nothing"]
    told = [(node, result) for node, result in results.items() if result["status"] in ("error", "skipped")]
    if told:
        lines += ["", "| node | status | why |", "|---|---|---|"]
        lines += [f"| {node} | {result['status']} | {_why(result)} |" for node, result in told[:_SHOWN]]
    timed = [(r["timing"]["duration_seconds"], node) for node, r in results.items() if r.get("timing")]
    if timed:
        lines += ["", "| longest | seconds |", "|---|--:|"]
        lines += [f"| {node} | {seconds:.2f} |" for seconds, node in sorted(timed, reverse=True)[:10]]
    return "\n".join(lines)


def _why(result: Mapping[str, Any]) -> str:
    text = result.get("error", {}).get("message") or f"after {', '.join(result.get('failed_upstream', ()))}"
    return " ".join(str(text).replace("|", "\\|").split())


def write_run_results(path: Path, nodes: Iterable[DbtNode], args: Mapping[str, Any]) -> None:
    """Write the results of all commands of a build as one ``run_results.json``, in dbt's shape."""
    results: list[dict[str, Any]] = [
        {
            "unique_id": node.unique_id,
            "status": node.status,
            "timing": [
                {
                    "name": "execute",
                    "started_at": node.started_at and node.started_at.isoformat(),
                    "completed_at": node.finished_at and node.finished_at.isoformat(),
                }
            ],
            "thread_id": "",
            "execution_time": node.execution_time,
            "adapter_response": {},
            "message": node.message or None,
            "failures": node.failures,
            "compiled": None,
            "compiled_code": None,
            "relation_name": None,
            "batch_results": None,
        }
        for node in nodes
    ]
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
        "generated_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "env": {},
    }
    elapsed = sum(node.execution_time for node in nodes)
    content = {"metadata": metadata, "args": dict(args), "results": results, "elapsed_time": elapsed}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)
