"""The memory of the service over as many requests as it has in a busy hour, and how long it takes to start."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.served import ours
from benchmarks.table import Row
from benchmarks.wrk import load, resident

AN_HOUR = 360_000
"""A hundred requests a second."""
_WARM = 20_000


def run(quick: bool) -> list[Row]:
    """Reveals and lists in turn; the memory is looked at ten times."""
    wanted = AN_HOUR // 20 if quick else AN_HOUR
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with ours(place / "home", f"sqlite:///{place / 'registry.db'}") as server:

            def ask(until: int, sent: int) -> int:
                while sent < until:
                    for request in (server.reveal, server.list):
                        sent += round(load(request, connections=8, seconds=2).per_second * 2)
                return sent

            sent = ask(min(_WARM, wanted // 10), 0)
            first = resident(server.pid)
            rows = []
            for step in range(1, 11):
                sent = ask(wanted * step // 10, sent)
                now = resident(server.pid)
                print(f"{sent:,} requests: {now:.1f} MiB", file=sys.stderr)
                target = 1.1 if step == 10 else None
                note = f"peer: after the first {_WARM:,}"
                rows.append(Row(f"memory after {sent:,} requests", now, first, "MiB", target, note))
    return rows
