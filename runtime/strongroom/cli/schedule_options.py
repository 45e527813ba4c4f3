"""The options of commands that give a deployment its schedules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.outcome import CommandError, Exit

if TYPE_CHECKING:
    from strongroom.schedules import Schedule

_OPTIONS = (
    click.option("--cron", "crons", multiple=True, metavar="EXPRESSION", help="When runs are due: '0 9 * * mon-fri'."),
    click.option(
        "--interval", "intervals", multiple=True, metavar="SECONDS", help="How long after each other: 600, or PT10M."
    ),
    click.option("--rrule", "rrules", multiple=True, metavar="RULE", help="A rule of iCalendar: 'FREQ=WEEKLY'."),
    click.option("--anchor-date", metavar="TIME", help="What an interval is counted from, in ISO 8601."),
    click.option("--timezone", metavar="NAME", help="Whose clock counts: Europe/Berlin. UTC if not given."),
)


def schedule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--cron``, ``--interval``, ``--rrule``, each as often as there are schedules, and what goes with them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def schedules_of(
    crons: tuple[str, ...],
    intervals: tuple[str, ...],
    rrules: tuple[str, ...],
    anchor_date: str | None,
    timezone: str | None,
) -> list[Schedule]:
    """The schedules that the options amount to."""
    from strongroom.schedules import Cron, Interval, RRule

    if (anchor_date or timezone) and not (crons or intervals or rrules):
        raise CommandError("There is no schedule for these options.", "Add --cron, --interval or --rrule.", Exit.USAGE)
    anchor = None if anchor_date is None else _moment(anchor_date)
    return [
        *(Cron(each, timezone=timezone) for each in crons),
        *(Interval(_interval(each), anchor_date=anchor, timezone=timezone) for each in intervals),
        *(RRule(each, timezone=timezone) for each in rrules),
    ]


def _interval(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r:.80} is no time.", "Write 2026-01-31 or 2026-01-31T09:00.", Exit.USAGE) from None
