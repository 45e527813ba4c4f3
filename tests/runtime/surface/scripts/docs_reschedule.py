import asyncio
from datetime import datetime, timedelta, timezone
from prefect import flow, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowFilter,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Scheduled


@flow(name="orc-health")
def check(x: int = 1):
    return x


async def postpone(name, delay, keep):
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=dict(name=dict(any_=["Scheduled", "Late"])),
                expected_start_time=dict(after_=datetime.now(timezone.utc) - timedelta(days=1)),
            ),
            deployment_filter=DeploymentFilter(name={"like_": name}),
            flow_filter=FlowFilter(name={"any_": ["orc-health"]}),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        )
        out = []
        for i, run in enumerate(runs):
            await client.delete_flow_run(flow_run_id=run.id)
            if i < keep:
                out.append(
                    await client.create_flow_run_from_deployment(
                        deployment_id=run.deployment_id,
                        state=Scheduled(scheduled_time=run.expected_start_time + delay),
                        name=f"again-{i}",
                        parameters={"x": i},
                    )
                )
        return len(runs), out


async def main():
    d = check.to_deployment("orc-hc")
    d = await d if asyncio.iscoroutine(d) else d
    i = d.apply()
    i = await i if asyncio.iscoroutine(i) else i
    async with get_client() as client:
        dep = await client.read_deployment_by_name("orc-health/orc-hc")
        print(dep.name, dep.id == i)
        for n in range(3):
            await client.create_flow_run_from_deployment(
                dep.id,
                state=Scheduled(scheduled_time=datetime.now(timezone.utc) + timedelta(hours=n + 1)),
                tags=["t"],
            )
    n, runs = await postpone("orc-hc", timedelta(hours=6), 2)
    print(
        n,
        [
            (
                r.name,
                r.state.is_scheduled(),
                r.parameters,
                r.expected_start_time > datetime.now(timezone.utc) + timedelta(hours=6),
            )
            for r in runs
        ],
    )
    async with get_client() as client:
        todo = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Scheduled"]))
            ),
            flow_filter=FlowFilter(name={"any_": ["orc-health"]}),
        )
        for r in todo:
            state = r.state.copy(update={"name": "Cancelled", "type": StateType.CANCELLED})
            await client.set_flow_run_state(r.id, state, force=True)
        print(len(todo), {(await client.read_flow_run(r.id)).state.name for r in todo})
        await client.delete_deployment(dep.id)
        try:
            await client.read_deployment_by_name("orc-health/orc-hc")
        except Exception as e:
            print("gone")


asyncio.run(main())
