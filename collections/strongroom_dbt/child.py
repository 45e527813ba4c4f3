"""The process in which one invocation of dbt runs: ``python -P -m strongroom_dbt.child REQUEST_FD EVENTS_FD``.

dbt keeps its adapters, flags and loggers in globals, so that two invocations in one process disturb each other; hence
a process each. It reads one line of JSON from the request pipe and writes one line of JSON per event to the events
pipe. The request pipe stays open as a lifeline: when it closes, the parent is gone, and this process ends with all it
started. Standard output is left to dbt, macros and adapters.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from strongroom_dbt.result import DbtNode

_NODE_TESTS = ("test", "unit_test")
_WAREHOUSE_ERRORS = {"FailedToConnectError", "DbtDatabaseError", "DatabaseError", "InterfaceError"}
"""dbt's own, and the two that PEP 249 puts above all that a driver raises."""


class Channel:
    """Messages to the parent; one at a time, whichever of dbt's threads speaks. A parent that hung up is no error."""

    def __init__(self, fd: int) -> None:
        self._pipe = os.fdopen(fd, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, kind: str, **content: Any) -> None:
        line = json.dumps({"kind": kind, **content}).encode() + b"\n"
        with self._lock, suppress(BrokenPipeError):
            while line:
                line = line[self._pipe.write(line) :]


class Observer:
    """dbt's event callback: passes on what people want to read, and each node as it starts and ends."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.manifest: Any = None
        self.started = False

    def __call__(self, event: Any) -> None:
        self._find_manifest()
        info = getattr(event.data, "node_info", None)
        if event.info.name == "NodeStart":
            self.started = True
            self._send_node("started", node_from_event(event.data, "started", self.manifest))
        elif event.info.name == "NodeFinished":
            self._send_node("finished", node_from_event(event.data, event.data.run_result.status, self.manifest))
        elif event.info.level != "debug" and event.info.msg.strip():
            unique_id = info.unique_id if info is not None else ""
            self._channel.send("log", level=event.info.level, message=event.info.msg, node=unique_id)

    def _send_node(self, kind: str, node: DbtNode) -> None:
        self._channel.send(kind, node=node.to_json())

    def _find_manifest(self) -> None:
        # dbt fires no event that carries the manifest, but keeps it in click's context of the thread that loads it.
        if self.manifest is None:
            import click

            context = click.get_current_context(silent=True)
            self.manifest = ((context and context.obj) or {}).get("manifest")


def node_from_event(data: Any, status: str, manifest: Any) -> DbtNode:
    """A node as the events of dbt describe it, with what the manifest knows of it."""
    info, result = data.node_info, getattr(data, "run_result", None)
    known = manifest.nodes.get(info.unique_id) if manifest is not None else None
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
        **_from_manifest(known),
    )


def node_from_result(result: Any) -> DbtNode:
    """A node as dbt's result describes it at the end."""
    node = result.node
    times = [time for entry in result.timing for time in (entry.started_at, entry.completed_at) if time is not None]
    return DbtNode(
        unique_id=node.unique_id,
        name=node.name,
        resource_type=str(node.resource_type),
        status=str(result.status),
        message=result.message or "",
        failures=result.failures if str(node.resource_type) in _NODE_TESTS else None,
        rows_affected=_rows(result.adapter_response),
        started_at=min(times).replace(tzinfo=UTC) if times else None,
        finished_at=max(times).replace(tzinfo=UTC) if times else None,
        execution_time=result.execution_time,
        **_from_manifest(node),
    )


def _from_manifest(node: Any) -> dict[str, Any]:
    return {
        "path": getattr(node, "original_file_path", None),
        "compiled_path": getattr(node, "compiled_path", None),
        "depends_on": tuple(getattr(getattr(node, "depends_on", None), "nodes", ())),
    }


def _rows(adapter_response: dict[str, Any]) -> int | None:
    rows = adapter_response.get("rows_affected")
    return int(rows) if isinstance(rows, int | float) and rows >= 0 else None


def _aware(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def failure_of(error: BaseException, *, parsed: bool, started: bool) -> dict[str, str]:
    """What kind of failure an exception of dbt is, and its message. Known by names, so that no class is imported."""
    ancestry = {ancestor.__name__ for ancestor in type(error).__mro__}
    message = str(error).strip() or type(error).__name__
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


def invoke(arguments: list[str], channel: Channel) -> None:
    """Run dbt and tell the parent how it ended."""
    from dbt.cli.main import dbtRunner

    observer = Observer(channel)
    begun = time.monotonic()
    outcome = dbtRunner(callbacks=[observer]).invoke(arguments)
    elapsed = time.monotonic() - begun
    failure = None
    if outcome.exception is not None:
        failure = failure_of(outcome.exception, parsed=observer.manifest is not None, started=observer.started)
    results = getattr(outcome.result, "results", None) or ()
    nodes = [node_from_result(result).to_json() for result in results]
    channel.send("ended", success=outcome.success, failure=failure, nodes=nodes, elapsed=elapsed)


def follow_parent(lifeline: int, profiles_dir: str) -> None:
    """End with the parent, however it ended: no dbt is left working on a warehouse for nobody."""

    def wait_for_its_end() -> None:
        while os.read(lifeline, 1):
            pass
        shutil.rmtree(profiles_dir, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_its_end, daemon=True).start()


def read_line(fd: int) -> bytes:
    """The one line that the parent writes before it keeps silent."""
    line = b""
    while not line.endswith(b"\n"):
        if not (chunk := os.read(fd, 65536)):
            sys.exit("The parent closed the request before it was complete.")
        line += chunk
    return line


def main() -> None:
    request_fd, events_fd = int(sys.argv[1]), int(sys.argv[2])
    for fd in (request_fd, events_fd):
        os.set_inheritable(fd, False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background may have it ignored
    request = json.loads(read_line(request_fd))
    follow_parent(request_fd, request["profiles_dir"])
    if request["bytecode_dir"] is not None:
        sys.pycache_prefix, sys.dont_write_bytecode = request["bytecode_dir"], False
    invoke(request["arguments"], Channel(events_fd))


if __name__ == "__main__":
    main()
