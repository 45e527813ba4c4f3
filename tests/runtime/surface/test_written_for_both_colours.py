"""What scripts import to write for both colours of code, and names that they make up."""

from __future__ import annotations

import asyncio

import pytest
from strongroom import flow
from strongroom.client.schemas.actions import DeploymentScheduleCreate
from strongroom.client.schemas.schedules import CronSchedule
from strongroom.utilities.asyncutils import sync_compatible
from strongroom.utilities.names import generate_slug


@sync_compatible
async def fetch(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


def test_a_compatible_coroutine_is_called_and_awaited() -> None:
    @flow
    def plain() -> int:
        found: int = fetch(1)
        return found

    @flow
    async def awaiting() -> tuple[int, int]:
        return await fetch(2), fetch(3, _sync=True)

    assert plain() == fetch(1) == 2
    assert asyncio.run(awaiting()) == (3, 4)
    assert asyncio.run(fetch(4, _sync=False)) == 5


def test_a_slug_has_as_many_words_as_are_wanted() -> None:
    assert [generate_slug(count).count("-") for count in (1, 2, 3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="0 words"):
        generate_slug(0)


def test_a_schedule_of_before_takes_its_options() -> None:
    given = DeploymentScheduleCreate(schedule=CronSchedule(cron="@daily"), active=False, slug="d", parameters={"x": 1})
    assert (given.cron, given.active, given.slug, given.parameters) == ("@daily", False, "d", {"x": 1})
