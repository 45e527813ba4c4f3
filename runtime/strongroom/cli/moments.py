"""Points in time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from strongroom.cli.durations import DURATION


class Moment(click.ParamType[datetime]):
    """``2h`` (so long ago), ``2026-01-31``, ``2026-01-31T18:30``: in the reader's own zone unless one is given."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value.strip()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        try:
            return datetime.now(UTC) - DURATION.convert(value, param, ctx)
        except (click.BadParameter, OverflowError):
            self.fail(
                f"{value!r:.60} is no time; write 2026-01-31, 2026-01-31T18:30, or 2h for so long ago.", param, ctx
            )


MOMENT = Moment()
