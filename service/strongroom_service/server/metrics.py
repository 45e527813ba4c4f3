"""What a process counts, in the text format of Prometheus."""

from __future__ import annotations

import json
import os
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from strongroom_service.http.exchange import Exchange

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the upper bounds of the histogram's buckets."""

_PAGE = resource.getpagesize()
_UNMATCHED = "unmatched"


class Metrics:
    """Counts of one process. Written on its event loop alone, read from anywhere.

    No label holds what a client chose: routes are templates, and methods that no route has are one.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self.connections = 0
        self.log_lines_dropped = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._refusals: Counter[str] = Counter()
        self._actions: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = {}  # buckets, then the sum
        self._received = 0
        self._sent = 0

    def observe(self, exchange: Exchange) -> None:
        """Count an answered request."""
        route = exchange.template or _UNMATCHED
        method = exchange.method if exchange.template else _UNMATCHED
        self._requests[method, route, exchange.status] += 1
        if exchange.error:
            self._refusals[exchange.error] += 1
        elif exchange.action:
            self._actions[exchange.action] += 1
        self._received += exchange.received
        self._sent += exchange.sent
        row = self._seconds.get(route)
        if row is None:
            row = self._seconds[route] = [0.0] * (len(BOUNDS) + 2)
        row[_bucket(exchange.seconds)] += 1
        row[-1] += exchange.seconds

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON can hold it, for the process that is asked."""
        return {
            "started": self.started,
            "requests": [[*key, count] for key, count in list(self._requests.items())],
            "errors": dict(self._refusals),
            "actions": dict(self._actions),
            "seconds": {route: list(row) for route, row in list(self._seconds.items())},
            "bytes": [self._received, self._sent],
            "connections": self.connections,
            "dropped": self.log_lines_dropped,
            "process": _process(),
        }


def text(snapshots: Mapping[int, Mapping[str, Any]], gauges: Mapping[str, tuple[str, float]]) -> str:
    """The metrics of all processes of a server.

    :param snapshots: by the number of the worker.
    :param gauges: what is one for all of them: help and value by name.
    """
    lines = [line for lines in _families(snapshots) for line in lines]
    for name, (help_, value) in gauges.items():
        lines += [f"# HELP {name} {help_}", f"# TYPE {name} gauge", f"{name} {_number(value)}"]
    return "".join(f"{line}\n" for line in lines)


def _families(snapshots: Mapping[int, Mapping[str, Any]]) -> Iterator[list[str]]:
    many = sorted(snapshots.items())
    name = "strongroom_http_requests_total"
    yield _family(
        name,
        "counter",
        "Requests that were answered.",
        (
            _line(name, count, worker=worker, method=method, route=route, status=status)
            for worker, snapshot in many
            for method, route, status, count in snapshot["requests"]
        ),
    )
    name = "strongroom_http_request_duration_seconds"
    yield _family(
        name,
        "histogram",
        "From the first byte of a request to the last of its answer.",
        (
            line
            for worker, snapshot in many
            for route, row in snapshot["seconds"].items()
            for line in _histogram(name, worker, route, row)
        ),
    )
    for name, field, label, help_ in (
        (
            "strongroom_errors_total",
            "errors",
            "code",
            "Requests that were refused or failed, by the code of the error.",
        ),
        ("strongroom_actions_total", "actions", "action", "What was done, by the action that the audit has of it."),
    ):
        yield _family(
            name,
            "counter",
            help_,
            (
                _line(name, count, worker=worker, **{label: value})
                for worker, snapshot in many
                for value, count in sorted(snapshot[field].items())
            ),
        )
    for name, kind, help_, value in _SIMPLE:
        yield _family(name, kind, help_, (_line(name, value(snapshot), worker=worker) for worker, snapshot in many))


_SIMPLE: tuple[tuple[str, str, str, Any], ...] = (
    ("strongroom_http_received_bytes_total", "counter", "Bytes of bodies that came in.", lambda s: s["bytes"][0]),
    ("strongroom_http_sent_bytes_total", "counter", "Bytes of bodies that went out.", lambda s: s["bytes"][1]),
    ("strongroom_http_connections", "gauge", "Connections that are open.", lambda s: s["connections"]),
    ("strongroom_access_log_dropped_total", "counter", "Lines that the log was too slow for.", lambda s: s["dropped"]),
    ("process_start_time_seconds", "gauge", "When the process started.", lambda s: s["started"]),
    ("process_cpu_seconds_total", "counter", "Processor time that was used.", lambda s: s["process"]["cpu"]),
    ("process_resident_memory_bytes", "gauge", "Memory that is used.", lambda s: s["process"]["memory"]),
    ("process_open_fds", "gauge", "Files and sockets that are open.", lambda s: s["process"]["files"]),
)


def _family(name: str, kind: str, help_: str, lines: Iterable[str]) -> list[str]:
    return [f"# HELP {name} {help_}", f"# TYPE {name} {kind}", *lines]


def _histogram(name: str, worker: int, route: str, row: list[float]) -> Iterator[str]:
    total = 0.0
    for bound, count in zip((*map(repr, BOUNDS), "+Inf"), row, strict=False):
        total += count
        yield _line(f"{name}_bucket", total, worker=worker, route=route, le=bound)
    yield _line(f"{name}_sum", row[-1], worker=worker, route=route)
    yield _line(f"{name}_count", total, worker=worker, route=route)


def _line(name: str, value: float, **labels: object) -> str:
    inside = ",".join(f"{label}={json.dumps(str(text))}" for label, text in labels.items())
    return f"{name}{{{inside}}} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _bucket(seconds: float) -> int:
    for at, bound in enumerate(BOUNDS):
        if seconds <= bound:
            return at
    return len(BOUNDS)


def _process() -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    statm, files = Path("/proc/self/statm"), Path("/proc/self/fd")
    if statm.exists():
        memory = int(statm.read_text().split()[1]) * _PAGE
        opened = len(os.listdir(files))
    else:  # the highest that it ever was, in KiB or bytes
        memory, opened = usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024), 0
    return {"cpu": usage.ru_utime + usage.ru_stime, "memory": memory, "files": opened}
