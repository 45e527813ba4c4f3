"""What is done with the documents of an import or a file of configuration, carried out and told without any value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.difference import COLOURS, STARS
from strongroom.cli.outcome import Exit
from strongroom.cli.output import Column, listing, plain, print_json, printable

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry

    from strongroom.cli.difference import Change
    from strongroom.interchange.plan import Step

LONGEST = 500
_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_STYLES = {"delete": "red", "create": "green", "update": "yellow", "label": "yellow", "skip": "dim", "conflict": "red"}
_PAST = {
    "create": "created",
    "update": "updated",
    "label": "labelled",
    "same": "the same",
    "skip": "skipped",
    "conflict": "in conflict",
    "delete": "deleted",
}
_FUTURE = {"create": "to create", "update": "to update", "label": "to label", "skip": "to skip", "delete": "to delete"}


class ImportReport:
    """Carries out steps, or not where it is a dry run, and prints what became of each.

    Where an error ends it early, what was done by then is told first.
    """

    def __init__(self, *, dry_run: bool, as_json: bool, diff: bool = False) -> None:
        self._dry_run, self._as_json, self._diff = dry_run, as_json, diff

    def run(self, registry: Registry, steps: Sequence[Step]) -> None:
        """Do it, print it, and end with the code of a refusal where something is in conflict."""
        from strongroom.interchange.plan import carried_out

        changes = {step.name: _changes(step) for step in steps} if self._diff else {}
        done: list[Step] = []
        try:
            done.extend(steps if self._dry_run else ())
            for step in () if self._dry_run else carried_out(registry, steps):
                done.append(step)
        finally:
            self._tell(done, changes)
        if any(step.action == "conflict" for step in done):
            raise SystemExit(Exit.REFUSED)

    def _tell(self, steps: Sequence[Step], changes: dict[str | None, list[Change]]) -> None:
        rows = [shape(step) for step in steps]
        if self._as_json:
            for row in rows if self._diff else ():
                row["changes"] = [change._asdict() for change in changes.get(row["name"], [])]
            print_json(rows)
            return
        for name, found in changes.items():
            if found:
                _show(str(name), found)
        columns = [
            Column("source", "From", fold=True),
            Column("name", "Name", style="bold"),
            Column("type", "Type"),
            Column("action", "What", style=lambda action: _STYLES.get(action, "")),
            Column("version", "Version", right=True),
            Column("reason", "Why", fold=True),
        ]
        listing(rows, columns, as_json=False, empty="There is nothing to do.")
        words = _FUTURE if self._dry_run else _PAST
        counts = Counter(str(step.action) for step in steps)
        told = ", ".join(f"{count} {words.get(action, _PAST[action])}" for action, count in counts.items())
        if told:
            click.echo(f"{told}.{' Nothing was written.' if self._dry_run else ''}", err=True)


def _changes(step: Step) -> list[Change]:
    """What a step changes, field by field, without any secret."""
    from strongroom.cli.difference import compare
    from strongroom.interchange.plan import WRITING, BlockWrite

    if step.action not in WRITING or not isinstance(step.write, BlockWrite) or not step.name:
        return []
    found = compare(*step.write.sides(step.name))
    new = step.write.before is None
    return [c for c in found if c.change != "same" and not (new and c.new is None and not c.hidden)]


def _show(name: str, changes: list[Change]) -> None:
    click.secho(name, bold=True)
    for change in changes:
        old, new = (f"{STARS} not shown" if change.hidden else plain(side) for side in (change.old, change.new))
        told = {"added": new, "removed": old}.get(change.change, f"{old} → {new}" if not change.hidden else new)
        line = f"  {_MARKS[change.change]} {change.field}: {printable(told)}"
        click.secho(line, fg=COLOURS[change.change])
    click.echo()


def shape(step: Step) -> dict[str, Any]:
    """A step as ``--json`` documents it."""
    return {
        "source": _short(step.source),
        "name": step.name,
        "type": step.type,
        "action": str(step.action),
        "version": step.version,
        "reason": _short(step.reason),
    }


def _short(text: str) -> str:
    """What others named may have any length."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
