import asyncio
from prefect import flow, task, get_client
from prefect.runtime import flow_run
from prefect.context import get_run_context


@task
def rename(name):
    with get_client(sync_client=True) as c:
        c.update_flow_run(flow_run.id, name=name)


@flow
def f(x):
    with get_client(sync_client=True) as c:
        c.update_flow_run(flow_run_id=get_run_context().flow_run.id, name=f"renamed-{x}")
    return get_run_context().flow_run.id


@flow
async def g():
    async with get_client() as c:
        await c.update_flow_run(get_run_context().flow_run.id, name="async-name", tags=["z"])
    rename.fn if False else None
    return get_run_context().flow_run.id


i = f(4)
j = asyncio.run(g())
with get_client(sync_client=True) as c:
    print(
        c.read_flow_run(i).name,
        c.read_flow_run(j).name,
        list(c.read_flow_run(j).tags),
        c.read_flow_run(i).state.name,
    )
    print(c.hello().json() != "", c.read_flow_run(i).parameters)
