import asyncio
from prefect import flow, task


@task
async def get(i):
    await asyncio.sleep(0.01)
    if i == 2:
        raise ValueError(f"bad {i}")
    return i * 10


@task
def sync_double(x):
    return x * 2


@flow
async def child(n: int) -> list[int]:
    results = await asyncio.gather(*[get(i) for i in range(n)], return_exceptions=True)
    return [r if isinstance(r, int) else repr(r) for r in results]


@flow
def sync_child(x):
    return sync_double(x)


@flow
async def parent():
    a, b = await asyncio.gather(child(2), child(3))
    c = sync_child(5)
    futures = [get.submit(i) for i in (0, 1)]
    d = (
        [await f.result() if asyncio.iscoroutine(f.result()) else f.result() for f in futures]
        if False
        else [f.result() for f in futures]
    )
    async with asyncio.TaskGroup() as tg:
        t1 = tg.create_task(get(3))
        t2 = tg.create_task(child(1))
    return a, b, c, d, t1.result(), t2.result()


print(asyncio.run(parent()))
s = asyncio.run(parent(return_state=True))
print(
    s.is_completed(),
    asyncio.run(s.result()) if asyncio.iscoroutine(s.result(raise_on_failure=False)) else s.result(),
)
