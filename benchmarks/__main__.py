"""``uv run python -m benchmarks [NAME …]``: measures, prints a table, writes ``benchmarks/results/NAME.json``.

Each module beside this one that has a ``run(quick: bool) -> list[Row]`` is a benchmark. Ratios are taken within one
run, ours and the peer's in turn, so that they hold on a busy machine; absolute figures do not travel.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.table import Row

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reference" / "benchmarks.md"
HEAD = """\
# Figures

*This page is written by `python -m benchmarks --page` from the last run of each benchmark.*

What it costs, beside what somebody would use or write instead, measured in the same run. Ratios travel; absolute
figures belong to the machine below. Measure your own with `uv run python -m benchmarks`, or `… NAME --quick` for a
first look.
"""


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(p.stem for p in HERE.glob("*.py") if "def run(" in p.read_text() and not p.stem.startswith("_"))


def times(ratio: float | None) -> str:
    """A ratio in two digits at least."""
    if ratio is None:
        return ""
    return f"{ratio:.2f}×" if ratio >= 0.1 else f"{ratio:.2g}×"


def show(title: str, rows: Sequence[Row]) -> Table:
    """The rows as people read them."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    for column, justify in [
        ("what", "left"),
        ("ours", "right"),
        ("peer", "right"),
        ("ratio", "right"),
        ("target", "right"),
    ]:
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    table.add_column("", justify="center")
    table.add_column("note", overflow="fold")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.ours:,.4g} {row.unit}",
            "" if row.peer is None else f"{row.peer:,.4g} {row.unit}",
            times(row.ratio),
            "" if row.target is None else f"≤ {row.target:g}{'×' if row.ratio is not None else ' ' + row.unit}",
            {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[row.met],
            row.note,
        )
    return table


def write(name: str, rows: Sequence[Row]) -> Path:
    """Keep the figures beside the machine that they were measured on."""
    path = HERE / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    figures = [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]
    path.write_text(json.dumps({"date": datetime.now(UTC).isoformat(), "machine": machine, "rows": figures}, indent=2))
    return path


def page() -> str:
    """The reference page: the last figures of each benchmark."""
    parts = [HEAD]
    for name in names():
        path = HERE / "results" / f"{name}.json"
        if not path.exists():
            continue
        kept = json.loads(path.read_text())
        machine = kept["machine"]
        parts.append(f"## {name}\n")
        parts.append(f"{kept['date'][:10]}, Python {machine['python']}, {machine['cores']} cores.\n")
        parts.append("| what | ours | peer | ratio | promised | |\n|---|--:|--:|--:|--:|---|")
        for row in kept["rows"]:
            peer = "" if row["peer"] is None else f"{row['peer']:,.4g} {row['unit']}"
            ratio = times(row["ratio"])
            bound = "" if row["target"] is None else f"≤ {row['target']:g}{'×' if ratio else ' ' + row['unit']}"
            ours = f"{row['ours']:,.4g} {row['unit']}"
            parts.append(f"| {row['name']} | {ours} | {peer} | {ratio} | {bound} | {row['note']} |")
        parts.append("")
    return "\n".join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all of them; 1 where a promise was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*names(), []], help="which ones (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller inputs, for a first look")
    parser.add_argument(
        "--page", action="store_true", help="write the figures at hand into the documentation, and stop"
    )
    arguments = parser.parse_args(argv)
    if arguments.page:
        PAGE.write_text(page())
        return 0
    missed = 0
    for name in arguments.names or names():
        rows = importlib.import_module(f"benchmarks.{name}").run(quick=arguments.quick)
        console = Console(width=None if sys.stdout.isatty() else 140)
        console.print(show(name, rows))
        console.print(f"written to {write(name, rows).relative_to(HERE.parent)}\n")
        missed += sum(row.met is False for row in rows)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
