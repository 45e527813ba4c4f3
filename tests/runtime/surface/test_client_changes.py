"""What scripts change by the client: names of runs, runs of deployments."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from strongroom import flow, get_client
from strongroom.errors import RunGoesOn
from strongroom.journal.memory import MemoryJournal
from strongroom.runtime import flow_run
from strongroom.states import Scheduled


@flow
def renames_itself(x: int) -> UUID:
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id or "", name=f"number-{x}")
    assert flow_run.name == f"number-{x}"
    return UUID(flow_run.id)


@flow
async def renames_its_parent(parent: UUID) -> None:
    async with get_client() as client:
        await client.update_flow_run(parent, name="parent", tags=["a"])


def test_a_run_renames_itself_and_its_parent() -> None:
    @flow
    async def outer() -> UUID:
        await renames_its_parent(UUID(flow_run.id))
        return UUID(flow_run.id)

    with get_client(sync_client=True) as client:
        own, parent = renames_itself(4), asyncio.run(outer())
        assert client.read_flow_run(own).name == "number-4"
        assert client.read_flow_run(own).parameters == {"x": 4}
        found = client.read_flow_run(parent)
        assert (found.name, found.tags, found.state.name) == ("parent", frozenset({"a"}), "Completed")
        client.update_flow_run(parent, tags=["b"])
        assert (client.read_flow_run(parent).name, client.read_flow_run(parent).tags) == ("parent", frozenset({"b"}))


def test_a_run_that_goes_on_elsewhere_keeps_its_name(journal: MemoryJournal) -> None:
    @flow
    def inner(other: str) -> None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(other, name="taken")

    check = renames_itself.to_deployment("later")
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(check.apply(), parameters={"x": 1})
    with pytest.raises(RunGoesOn, match="is not over"):
        inner(str(run.id))
    assert journal.flow_run(str(run.id)).name == run.name


def test_runs_of_a_deployment_are_asked_for_and_postponed() -> None:
    async def main() -> None:
        due = datetime.now(UTC) + timedelta(hours=1)
        async with get_client() as client:
            id_ = renames_itself.to_deployment("later").apply()
            run = await client.create_flow_run_from_deployment(
                deployment_id=id_, state=Scheduled(scheduled_time=due), parameters={"x": 7}, name="seven", tags=["t"]
            )
            assert (run.name, run.expected_start_time, run.deployment_id) == ("seven", due, id_)
            await client.delete_flow_run(flow_run_id=run.id)
            later = run.expected_start_time + timedelta(hours=6)
            again = await client.create_flow_run_from_deployment(
                id_, state=Scheduled(scheduled_time=later), parameters={"x": 8}
            )
            assert again.state.is_scheduled()
            assert [each.id for each in await client.read_flow_runs()] == [again.id]

    asyncio.run(main())


def test_the_client_greets() -> None:
    with get_client(sync_client=True) as client:
        assert client.hello().status_code == 200
        assert client.hello().json()
        assert client.api_healthcheck() is None


def test_schedules_of_a_deployment_are_read_as_in_prefect() -> None:
    made = renames_itself.to_deployment("nightly", cron="0 3 * * *")
    assert made.schedules[0].schedule.cron == "0 3 * * *"
