"""``uv run python tests/evidence.py [ROW …]``: makes the evidence in full and keeps its figures; ``--page`` shows them.

A row is a module in ``tests/faults`` or ``tests/properties`` with ``run(work) -> Iterator[Figure]``. The tests run each
in a short form. What a run found is kept below ``build/evidence``, one file a row, and the page
``docs/reference/evidence.md`` is made of these files alone.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults.figure import Figure, Work
from faults.places import Places, PostgresLogin
from faults.short_form import SCALE as SHORT

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "evidence"
PAGE = ROOT / "docs" / "reference" / "evidence.md"
ROWS = {
    1: ("kill -9 at random moments of its changes", "faults.kills", "0 acknowledged lost, 0 unreadable"),
    2: ("every bit and every truncation of what is sealed or MACed; all pairs of rows swapped",
        "faults.changed_rows", "all found by a named error, or the same document; 0 wrong, 0 uncaught"),
    3: ("eight attacks by somebody who can write the database", "faults.attacks", "8 of 8, each its own error"),
    4: ("64 compare-and-set writers on one document", "faults.writers", "0 lost, 0 duplicate versions"),
    5: ("40 planted secrets through a whole scenario, searched for everywhere", "faults.planted", "0 found"),
    6: ("destroyed, searched for in all files, and tried with every key left", "faults.destroyed", "0 found, 0 opened"),
    7: ("an audit of 10,000 entries: each deleted, inserted, reordered, edited, truncated",
        "faults.audit_chain", "100 % located"),
    8: ("full, failing and read-only disks; connections cut at each statement",
        "faults.storage", "nothing acknowledged lost, clean errors"),
    9: ("wrong, absent, truncated, older, foreign keys; an empty environment",
        "faults.wrong_keys", "always refused, nothing written"),
    10: ("published vectors through our own functions, and our own", "properties.published_vectors", "100 %"),
    11: ("a state machine beside a plain model", "properties.registry_model", "0 divergences"),
}  # fmt: skip
"""What each row is about, the module that makes it, and what is promised."""
HEAD = """\
# Evidence

*This page is written by `python tests/evidence.py --page` from the figures of the last run of each row.*

What was done to a registry, how often, and how often it was not as promised. Everything here is made by code that lies
in `tests/faults` and `tests/properties`; the tests run each row in a short form, and this makes them in full:

```console no-run
$ uv run python tests/evidence.py            # all rows; `… 4 7` for these alone, `--scale 0.1` for a tenth
$ uv run python tests/evidence.py --page     # this page
```

A row *holds* where something was tried and nothing failed. `scale` is the part of the promised number that was run.
"""


@contextmanager
def all_places() -> Iterator[Places]:
    """SQLite, and PostgreSQL where there is a server to be started."""
    from servers.postgres import own_server
    from servers.postgres_server import binaries

    if binaries() is None:
        print("PostgreSQL is not to be had here: SQLite alone.", file=sys.stderr)
        yield Places()
        return
    with own_server() as server:
        address = server.address
        login = PostgresLogin(address.host, address.port, address.user, address.password)
        yield Places(("SQLite", "PostgreSQL"), login)


def make(row: int, scale: float, seed: int, places: Places) -> list[Figure]:
    """Run a row; prints each figure as it comes."""
    folder = Path(tempfile.mkdtemp(prefix=f"evidence-{row}-", dir=_roomy()))
    start, figures = time.monotonic(), []
    try:
        for figure in importlib.import_module(ROWS[row][1]).run(Work(folder, scale, seed, places)):
            figures.append(figure)
            mark = "holds" if figure.holds else "FAILS"
            print(f"{row:>2}  {mark}  {figure.what} ({figure.store}): {figure.tried:,} tried, {figure.failed:,} failed")
            for failure in figure.failures:
                print(f"      {failure}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(row, scale, seed, time.monotonic() - start, places, figures)
    return figures


def keep(row: int, scale: float, seed: int, seconds: float, places: Places, figures: Sequence[Figure]) -> None:
    """Write what a run found beside what it was run with."""
    KEPT.mkdir(parents=True, exist_ok=True)
    content = {
        "row": row,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"uv run python tests/evidence.py {row} --seed {seed}"
        + (f" --scale {scale:g}" if scale != 1 else ""),
        "scale": scale,
        "seed": seed,
        "seconds": round(seconds, 1),
        "versions": versions(places),
        "figures": [figure.as_json() for figure in figures],
    }
    (KEPT / f"{row:02}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False))


def versions(places: Places) -> str:
    import cryptography

    parts = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    if places.postgres is not None:
        [(version,)] = places.postgres.run("SHOW server_version")
        parts.append(f"PostgreSQL {version.split()[0]}")
    return ", ".join([*parts, f"cryptography {cryptography.__version__}", f"{os.cpu_count()} cores"])


def page() -> str:
    """The reference page: an overview, then each row with its figures."""
    kept = {row: json.loads(path.read_text()) for row in ROWS if (path := KEPT / f"{row:02}.json").exists()}
    parts = [HEAD, "| # | what | promised | tried | failed | scale | date |", "|--:|---|---|--:|--:|--:|---|"]
    for row, content in kept.items():
        what, _, promised = ROWS[row]
        tried = sum(figure["tried"] for figure in content["figures"])
        failed = sum(figure["failed"] for figure in content["figures"])
        numbers = f"{tried:,} | {failed:,} | {content['scale']:g} | {content['date'][:10]}"
        parts.append(f"| [{row}](#{row}) | {what} | {promised} | {numbers} |")
    for row, content in kept.items():
        parts += [
            "",
            f'## <a id="{row}"></a>{row}. {ROWS[row][0][0].upper()}{ROWS[row][0][1:]}',
            "",
            *_section(row, content),
        ]
    return "\n".join(parts) + "\n"


def _section(row: int, content: dict[str, Any]) -> Iterator[str]:
    about = (importlib.import_module(ROWS[row][1]).__doc__ or "").partition(": ")[2].strip().replace("``", "`")
    yield about[:1].upper() + about[1:]
    yield ""
    yield f"`{content['command']}`: {content['date'][:10]}, {content['seconds']:,.0f} s, {content['versions']}."
    yield ""
    yield "| what | on | tried | failed | what came out |"
    yield "|---|---|--:|--:|---|"
    for figure in content["figures"]:
        seen = ", ".join(f"{outcome} {count:,}" for outcome, count in figure["seen"].items())
        remark = f" ({figure['remark']})" if figure["remark"] else ""
        yield f"| {figure['what']} | {figure['store']} | {figure['tried']:,} | {figure['failed']:,} | {seen}{remark} |"


def _roomy() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30 else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the rows that are named, or all; 1 where one does not hold."""
    parser = argparse.ArgumentParser(prog="python tests/evidence.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", type=int, metavar="ROW", help="which rows (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the promised number to run (default: 1)")
    parser.add_argument("--short", action="store_true", help=f"as the tests do: a scale of {SHORT:g}")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument(
        "--page", action="store_true", help="write the figures at hand into the documentation, and stop"
    )
    arguments = parser.parse_args(argv)
    if arguments.page:
        PAGE.write_text(page())
        return 0
    rows = arguments.rows or list(ROWS)
    if unknown := [row for row in rows if row not in ROWS]:
        parser.error(f"there is no row {unknown[0]}")
    with all_places() as places:
        scale = SHORT if arguments.short else arguments.scale
        figures = [figure for row in rows for figure in make(row, scale, arguments.seed, places)]
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
