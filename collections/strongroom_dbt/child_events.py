"""What dbt tells in its process, in the words of this collection: events, nodes, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from strongroom_dbt.child_assets import asset_of
from strongroom_dbt.result import DbtNode

_NODE_TESTS = ("test", "unit_test")
_PARTS = ("nodes", "unit_tests", "sources", "functions", "saved_queries")
"""Where a manifest keeps what runs or is run upon."""
_WAREHOUSE_ERRORS = {"FailedToConnectError", "DbtDatabaseError", "DatabaseError", "InterfaceError"}
"""dbt's own, and the two that PEP 249 puts above all that a driver raises."""


class Observer:
    """dbt's event callback: passes on what people want to read, and each node as it starts and ends."""

    def __init__(self, send: Callable[..., None], *, debug: bool) -> None:
        self._send = send
        self._debug = debug
        self.manifest: Any = None
        self.started = False
        self.errors: list[str] = []
        """What dbt called an error, of which an exception that it breaks off with may be but the consequence."""

    def __call__(self, event: Any) -> None:
        self._find_manifest()
        info = getattr(event.data, "node_info", None)
        if event.info.name == "NodeStart":
            self.started = True
            self._send_node("started", node_from_event(event.data, "started", self.manifest))
        elif event.info.name == "NodeFinished":
            self._send_node("finished", node_from_event(event.data, event.data.run_result.status, self.manifest))
        elif (self._debug or event.info.level != "debug") and event.info.msg.strip():
            unique_id = info.unique_id if info is not None else ""
            if _is_an_error(event):
                self.errors.append(event.info.msg.strip())
            self._send("log", level=event.info.level, message=event.info.msg, node=unique_id)

    def _send_node(self, kind: str, node: DbtNode) -> None:
        self._send(kind, node=node.to_json())

    def _find_manifest(self) -> None:
        # dbt fires no event that carries the manifest, but keeps it in click's context of the thread that loads it.
        if self.manifest is None:
            import click

            context = click.get_current_context(silent=True)
            self.manifest = ((context and context.obj) or {}).get("manifest")


def _is_an_error(event: Any) -> bool:
    """Whether an event tells of an error, and is not what dbt says of the exception that it breaks off with."""
    if event.info.name in ("MainEncounteredError", "MainStackTrace"):
        return False
    is_failed_hook = event.info.name == "LogHookEndLine" and event.data.status == "error"
    return bool(event.info.level == "error" or is_failed_hook)


def node_from_event(data: Any, status: str, manifest: Any) -> DbtNode:
    """A node as the events of dbt describe it, with what the manifest knows of it."""
    info, result = data.node_info, getattr(data, "run_result", None)
    known = _known(info.unique_id, manifest)
    is_test = info.resource_type in _NODE_TESTS
    return DbtNode(
        unique_id=info.unique_id,
        name=info.node_name,
        resource_type=info.resource_type,
        status=status,
        message=result.message if result is not None else "",
        failures=result.num_failures if result is not None and is_test else None,
        rows_affected=_rows(dict(result.adapter_response)) if result is not None else None,
        started_at=_aware(info.node_started_at),
        finished_at=_aware(info.node_finished_at),
        execution_time=result.execution_time if result is not None else 0.0,
        **_from_manifest(known, manifest),
    )


def node_from_result(result: Any, manifest: Any) -> DbtNode:
    """A node as dbt's result describes it at the end."""
    node = result.node
    times = [time for entry in result.timing for time in (entry.started_at, entry.completed_at) if time is not None]
    return DbtNode(
        unique_id=node.unique_id,
        name=node.name,
        resource_type=str(node.resource_type),
        status=str(result.status),
        message=result.message or _age(result),
        failures=result.failures if str(node.resource_type) in _NODE_TESTS else None,
        rows_affected=_rows(result.adapter_response),
        started_at=min(times).replace(tzinfo=UTC) if times else None,
        finished_at=max(times).replace(tzinfo=UTC) if times else None,
        execution_time=result.execution_time,
        **_from_manifest(node, manifest),
    )


def _age(result: Any) -> str:
    """What a check of freshness found; empty for anything else."""
    if getattr(result, "max_loaded_at", None) is None:
        return ""
    loaded = result.max_loaded_at.isoformat(sep=" ", timespec="seconds")
    limits = [
        f"{name.partition('_')[0]} after {limit.count} {limit.period}s"
        for name in ("warn_after", "error_after")
        if (limit := getattr(result.node.freshness, name, None)) and limit.count is not None
    ]
    return f"Loaded last at {loaded}, {timedelta(seconds=round(result.age))} ago" + "".join(f"; {x}" for x in limits)


def _known(unique_id: str, manifest: Any) -> Any:
    if manifest is None:
        return None
    return next((found for part in _PARTS if (found := getattr(manifest, part, {}).get(unique_id)) is not None), None)


def _from_manifest(node: Any, manifest: Any) -> dict[str, Any]:
    return {
        "path": getattr(node, "original_file_path", None),
        "compiled_path": getattr(node, "compiled_path", None),
        "depends_on": tuple(dict.fromkeys(_before(node, manifest))),
        "asset": asset_of(node, manifest),
    }


def _before(node: Any, manifest: Any) -> Iterator[str]:
    """What runs before a node: an ephemeral model becomes part of those after it."""
    for unique_id in getattr(getattr(node, "depends_on", None), "nodes", ()):
        known = _known(unique_id, manifest)
        if known is not None and str(known.resource_type) == "model" and known.config.materialized == "ephemeral":
            yield from _before(known, manifest)
        else:
            yield unique_id


def _rows(adapter_response: dict[str, Any]) -> int | None:
    rows = adapter_response.get("rows_affected")
    return int(rows) if isinstance(rows, int | float) and rows >= 0 else None


def _aware(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def failure_of(error: BaseException, *, parsed: bool, started: bool) -> dict[str, str]:
    """What kind of failure an exception of dbt is, and its message. Known by names, so that no class is imported."""
    ancestry = {ancestor.__name__ for ancestor in type(error).__mro__}
    message = str(error).strip() or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return {"kind": "other", "message": "It was interrupted."}
    if "DbtUsageException" in ancestry:
        kind = "usage"
    elif "DbtProfileError" in ancestry:
        kind = "profile"
    elif ancestry & _WAREHOUSE_ERRORS:
        kind = "warehouse"
    elif not parsed or (not started and "CompilationError" in ancestry):  # a cycle is found after parsing
        kind = "project"
    else:
        kind = "other"
    return {"kind": kind, "message": message}
