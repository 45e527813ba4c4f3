import asyncio
from prefect import flow, task
from prefect.futures import wait


@task
async def ok(x, d=0.01):
    await asyncio.sleep(d)
    return x


@task
async def bad(x):
    await asyncio.sleep(0.01)
    raise ValueError(f"bad {x}")


@flow
async def tg():
    try:
        async with asyncio.TaskGroup() as g:
            a = g.create_task(ok(1))
            b = g.create_task(bad(2))
    except ExceptionGroup as eg:
        return [str(e) for e in eg.exceptions]


print(asyncio.run(tg()))


@flow
async def to():
    try:
        async with asyncio.timeout(0.1):
            await ok(1, d=5)
    except TimeoutError:
        return "timeout"


print(asyncio.run(to()))


@flow
async def gathered():
    r = await asyncio.gather(ok(1), bad(2), ok(3), return_exceptions=True)
    return [x if not isinstance(x, Exception) else type(x).__name__ for x in r]


print(asyncio.run(gathered()))


@flow
async def plain_gather():
    return await asyncio.gather(ok(1), bad(2))


print(asyncio.run(plain_gather(return_state=True)).name)


@flow
async def comp():
    out = []
    for c in asyncio.as_completed([ok(i, d=0.05 * (3 - i)) for i in range(3)]):
        out.append(await c)
    return out


print(asyncio.run(comp()))


@flow
async def states():
    ss = await asyncio.gather(ok(1, return_state=True), bad(1, return_state=True))
    return [s.name for s in ss]


print(asyncio.run(states()))


@flow
async def sync_in_async():
    @task
    def s(x):
        return x + 1

    @flow
    def sf(x):
        return s(x)

    return s(1), sf(2), s.submit(3).result(), await asyncio.to_thread(s, 4)


print(asyncio.run(sync_in_async()))


async def not_flow():
    return await ok(9), (await gathered())[0]


print(asyncio.run(not_flow()))
