"""``uv run python tests/evidence.py [ROW …]``: makes the evidence in full and keeps its figures; ``--page`` shows them.

A row is a module in ``tests/faults`` or ``tests/properties`` with ``run(work) -> Iterator[Figure]``. The tests run each
in a short form. What a run found is kept below ``build/evidence``, one file a row and
store, and the page
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
from typing import Any, NamedTuple

from faults.figure import Figure, Work
from faults.places import Places, PostgresLogin
from faults.short_form import SCALE as SHORT

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "evidence"
PAGE = ROOT / "docs" / "reference" / "evidence.md"


class About(NamedTuple):
    """What a row is about, what is promised, the module that makes it, and whether it is run on each store."""

    what: str
    promise: str
    module: str
    stores: bool = True


ROWS = {
    1: About("kill -9 at random moments of changes and rotations", "0 acknowledged lost, 0 unreadable", "faults.kills"),
    2: About(
        "every bit and every truncation of what is sealed or MACed; all pairs of rows swapped",
        "all found by a named error, or the same document; 0 wrong, 0 uncaught",
        "faults.changed_rows",
        stores=False,
    ),
    3: About("eight attacks on the database", "8 of 8, each its own error", "faults.attacks"),
    4: About("64 compare-and-set writers on one document", "0 lost, 0 duplicate versions", "faults.writers"),
    5: About("40 planted secrets, searched for in all that a day leaves", "0 found", "faults.planted"),
    6: About("what was destroyed, searched for and tried with every key left", "0 found, 0 opened", "faults.destroyed"),
    7: About(
        "an audit of 10,000 entries: each deleted, inserted, reordered, edited, truncated",
        "100 % located",
        "faults.audit_chain",
    ),
    8: About(
        "full, failing and read-only disks; connections cut at each message",
        "nothing acknowledged lost, clean errors",
        "faults.storage",
    ),
    9: About(
        "wrong, absent, truncated, older, foreign keys; an empty environment",
        "always refused, nothing written",
        "faults.wrong_keys",
    ),
    10: About("published vectors and our own", "100 %", "properties.published_vectors", stores=False),
    11: About("a state machine beside a plain model", "0 divergences", "properties.registry_model"),
    12: About(
        "kill -9 at random moments of flows, which are then resumed",
        "nothing carried out again that was written, or is durable; nothing left behind",
        "faults.killed_flows",
    ),
    13: About(
        "requests made from the description of the HTTP API, one by one and in chains",
        "0 server errors, 0 answers that the description does not promise",
        "faults.described_api",
        stores=False,
    ),
    14: About(
        "kill -9 of one of two servers at random moments, while clients write to both and read from both",
        "0 acknowledged lost, 0 loads missing in the audit, 0 unreadable",
        "faults.killed_servers",
    ),
    15: About(
        "callers × verbs × things × states × workspaces, beside a model of the language of policies",
        "0 decisions that are others",
        "properties.authorisation",
        stores=False,
    ),
    16: About(
        "64 at once, in four processes, at tokens, secret ids, wraps and passwords that count how often they are used",
        "0 uses too many, 0 too few, 0 children that outlive a revoked token",
        "faults.token_races",
    ),
    17: About(
        "the integration tests of hvac, the client of Vault, unmodified",
        "all pass but those that are named with their reason",
        "faults.hvac_tests",
        stores=False,
    ),
    18: About(
        "secrets and policies of Vault's API beside plain models of both",
        "0 divergences, 0 decisions that are others",
        "properties.vault_api",
    ),
    19: About(
        "kill -9 of processes that make, renew and revoke short-lived credentials",
        "0 credentials that outlive their leases, 0 leases left over",
        "faults.killed_leases",
        stores=False,
    ),
    20: About(
        "texts that are almost what a parser takes: tokens, paths, policies, durations, sealed values",
        "taken, or refused by the error that is documented",
        "faults.parsers",
        stores=False,
    ),
    21: About(
        "clients that mean no good: slow, oversized, nested too deep, malformed, smuggled, broken off",
        "0 server errors, 0 honest requests refused, 0 secrets in answers, logs and metrics",
        "faults.hostile_clients",
        stores=False,
    ),
}


HEAD = """\
# Evidence

*This page is written by `python tests/evidence.py --page` from the figures of the last run of each row.*

What was done to a registry, and to flows, how often, and how often it was not as promised. Everything here is made by
code that lies in `tests/faults` and `tests/properties`; the tests run each row in a short form, and this makes them in
full:

```console no-run
$ uv run python tests/evidence.py            # all rows; `… 4 7` for these alone, `--scale 0.1` for a tenth
$ uv run python tests/evidence.py --page     # this page
```

Where a scale is named, that part of the promised number was run.
"""


@contextmanager
def all_places(only: str | None = None) -> Iterator[Places]:
    """SQLite, and PostgreSQL where there is a server to be started; or one of them."""
    from servers.postgres import own_server
    from servers.postgres_server import binaries

    if only == "SQLite" or (only is None and binaries() is None):
        if only is None:
            print("PostgreSQL is not to be had here: SQLite alone.", file=sys.stderr)
        yield Places()
        return
    with own_server() as server:
        address = server.address
        login = PostgresLogin(address.host, address.port, address.user, address.password)
        yield Places(("SQLite", "PostgreSQL") if only is None else (only,), login)


def make(row: int, scale: float, seed: int, places: Places) -> list[Figure]:
    """Run a row, once for each store where it is about stores; prints each figure as it comes."""
    about = ROWS[row]
    parts = [Places((name,), places.postgres) for name in places.names] if about.stores else [Places(())]
    return [figure for part in parts for figure in _made(row, scale, seed, part)]


def _made(row: int, scale: float, seed: int, places: Places) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix=f"evidence-{row}-", dir=_roomy()))
    start, figures = time.monotonic(), []
    try:
        for figure in importlib.import_module(ROWS[row].module).run(Work(folder, scale, seed, places)):
            figures.append(figure)
            mark = "holds" if figure.holds else "FAILS"
            numbers = f"{figure.tried:,} tried, {figure.failed:,} failed"
            print(f"{row:>2}  {mark}  {figure.what} ({figure.store}): {numbers}", flush=True)
            for failure in figure.failures:
                print(f"      {failure}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    keep(row, scale, seed, time.monotonic() - start, places, figures)
    return figures


def keep(row: int, scale: float, seed: int, seconds: float, places: Places, figures: Sequence[Figure]) -> None:
    """Write what a run found beside what it was run with."""
    KEPT.mkdir(parents=True, exist_ok=True)
    store = "".join(places.names)
    options = (f" --store {store}" if store else "") + f" --seed {seed}" + (f" --scale {scale:g}" if scale != 1 else "")
    content = {
        "row": row,
        "store": store,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"uv run python tests/evidence.py {row}{options}",
        "scale": scale,
        "seed": seed,
        "seconds": round(seconds, 1),
        "versions": versions(places),
        "figures": [figure.as_json() for figure in figures],
    }
    path = KEPT / f"{row:02}{'-' if store else ''}{store}.json"
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False))


def versions(places: Places) -> str:
    import cryptography

    parts = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    if places.postgres is not None:
        [(version,)] = places.postgres.run("SHOW server_version")
        parts.append(f"PostgreSQL {version.split()[0]}")
    return ", ".join([*parts, f"cryptography {cryptography.__version__}", f"{os.cpu_count()} cores"])


def page() -> str:
    """The reference page: an overview, then each row with its figures."""
    kept: dict[int, list[dict[str, Any]]] = {row: [] for row in ROWS}
    for path in sorted(KEPT.glob("*.json"), reverse=True):  # SQLite before PostgreSQL
        content = json.loads(path.read_text())
        kept[content["row"]].append(content)
    parts = [HEAD, "| # | what | promised | tried | failed |", "|--:|---|---|--:|--:|"]
    for row, about in ROWS.items():
        figures = [figure for content in kept[row] for figure in content["figures"]]
        tried, failed = (sum(figure[number] for figure in figures) for number in ("tried", "failed"))
        parts.append(f"| [{row}](#row-{row}) | {about.what} | {about.promise} | {tried:,} | {failed:,} |")
    for row in ROWS:
        parts += ["", f"## Row {row}", "", *_section(row, kept[row])]
    return "\n".join(parts) + "\n"


def _section(row: int, contents: Sequence[dict[str, Any]]) -> Iterator[str]:
    about = (importlib.import_module(ROWS[row].module).__doc__ or "").partition(": ")[2].strip().replace("``", "`")
    yield f"{ROWS[row].what[0].upper()}{ROWS[row].what[1:]}. Promised: {ROWS[row].promise}."
    yield ""
    yield about.partition("\n\n")[2]
    for content in contents:
        scale = "" if content["scale"] == 1 else f", at a scale of {content['scale']:g}"
        yield ""
        yield f"`{content['command']}`"
        yield f"({content['date'][:10]}, {content['seconds']:,.0f} s{scale}; {content['versions']})"
        yield ""
        yield "| what | on | tried | failed | what came out |"
        yield "|---|---|--:|--:|---|"
        for figure in content["figures"]:
            seen = ", ".join(f"{outcome} {count:,}" for outcome, count in figure["seen"].items())
            remark = f"; {figure['remark']}" if figure["remark"] else ""
            numbers = f"{figure['tried']:,} | {figure['failed']:,}"
            yield f"| {figure['what']} | {figure['store']} | {numbers} | {seen}{remark} |"


def _roomy() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30 else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the rows that are named, or all; 1 where one does not hold."""
    parser = argparse.ArgumentParser(prog="python tests/evidence.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", type=int, metavar="ROW", help="which rows (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the promised number to run (default: 1)")
    parser.add_argument("--short", action="store_true", help=f"as the tests do: a scale of {SHORT:g}")
    parser.add_argument("--store", choices=["SQLite", "PostgreSQL"], help="one store alone (default: both)")
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
    with all_places(arguments.store) as places:
        scale = SHORT if arguments.short else arguments.scale
        figures = [figure for row in rows for figure in make(row, scale, arguments.seed, places)]
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
