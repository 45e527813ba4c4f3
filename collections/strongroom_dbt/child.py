"""The process in which dbt runs: ``python -P -m strongroom_dbt.child REQUEST_FD EVENTS_FD``.

dbt keeps its adapters, flags and loggers in globals, so that two invocations in one process disturb each other; hence
a process for each that may run beside others. It reads lines of JSON from the request pipe - what the session is like,
then one command after another - and writes one line of JSON per event to the events pipe. The request pipe is a
lifeline too: when it closes, the parent is gone, and this process ends with all it started. Standard output is left to
dbt, macros and adapters.
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
from queue import SimpleQueue
from typing import Any

from strongroom_dbt.child_events import Observer, failure_of, node_from_result
from strongroom_dbt.child_outputs import output_of

_TOLD_ERRORS = 3


class Channel:
    """Messages to the parent; one at a time, whichever of dbt's threads speaks. A parent that hung up is no error."""

    def __init__(self, fd: int) -> None:
        self._pipe = os.fdopen(fd, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, kind: str, **content: Any) -> None:
        line = json.dumps({"kind": kind, **content}, default=str).encode() + b"\n"
        with self._lock, suppress(BrokenPipeError):
            while line:
                line = line[self._pipe.write(line) :]


def invoke(order: dict[str, Any], options: list[str], channel: Channel) -> None:
    """Run dbt and tell the parent how it ended."""
    from dbt.cli.main import dbtRunner

    from strongroom_dbt.child_failing_rows import add_failing_rows
    from strongroom_dbt.child_remaining import remaining

    observer = Observer(channel.send, debug=order["debug"])
    begun = time.monotonic()
    runner = dbtRunner(manifest=_manifest(order["manifest"]), callbacks=[observer])
    with remaining(frozenset(order["done"])):
        outcome = runner.invoke([*order["arguments"], *options], **order["keywords"])
    elapsed = time.monotonic() - begun
    failure = None
    if outcome.exception is not None:
        failure = failure_of(outcome.exception, parsed=observer.manifest is not None, started=observer.started)
        if failure["kind"] == "other":
            failure["message"] = "\n".join(dict.fromkeys([*observer.errors[:_TOLD_ERRORS], failure["message"]]))
    # run-operation gives results without nodes
    results = [result for result in getattr(outcome.result, "results", None) or () if hasattr(result, "node")]
    nodes = [node_from_result(result, observer.manifest).to_json() for result in results]
    if order["failing_rows"]:
        add_failing_rows(nodes, results, order["failing_rows"])
    output = output_of(order["arguments"], outcome.result)
    channel.send("ended", success=outcome.success, failure=failure, nodes=nodes, elapsed=elapsed, output=output)


def _manifest(path: str | None) -> Any:
    if path is None:
        return None
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_msgpack_decoder

    decoder: Any = extended_msgpack_decoder
    with open(path, "rb") as file:
        manifest = Manifest.from_msgpack(file.read(), decoder=decoder)
    manifest.build_flat_graph()
    return manifest


def follow_parent(request_fd: int) -> SimpleQueue[dict[str, Any]]:
    """What the parent asks for; this process ends with it, so that no dbt is left working on a warehouse for nobody."""
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def listen() -> None:
        session: dict[str, Any] = {}
        with os.fdopen(request_fd, "rb") as pipe:
            for line in pipe:
                requests.put(request := json.loads(line))
                session = session or request
        shutil.rmtree(session.get("private_folder", ""), ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    return requests


def main() -> None:
    request_fd, events_fd = int(sys.argv[1]), int(sys.argv[2])
    for fd in (request_fd, events_fd):
        os.set_inheritable(fd, False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background may have it ignored
    requests = follow_parent(request_fd)
    session, channel = requests.get(), Channel(events_fd)
    if session["bytecode_dir"] is not None:
        sys.pycache_prefix, sys.dont_write_bytecode = session["bytecode_dir"], False
    while "over" not in (order := requests.get()):
        invoke(order, session["options"] if "--profiles-dir" not in order["arguments"] else [], channel)


if __name__ == "__main__":
    main()
