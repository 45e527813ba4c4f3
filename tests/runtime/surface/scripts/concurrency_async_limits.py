import asyncio
from prefect import flow, task, get_client
from prefect.concurrency.asyncio import concurrency, rate_limit
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate

peak = now = 0


@task
async def w(i):
    global peak, now
    async with concurrency("orc-async", occupy=1):
        now += 1
        peak = max(peak, now)
        await asyncio.sleep(0.02)
        now -= 1
    return i


@flow
async def f():
    async with get_client() as c:
        i = await c.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="orc-async", limit=2))
        print(type(i).__name__)
    r = await asyncio.gather(*[w(i) for i in range(4)])
    async with get_client() as c:
        await c.update_global_concurrency_limit("orc-async", GlobalConcurrencyLimitUpdate(limit=1))
        l = await c.read_global_concurrency_limit_by_name("orc-async")
        print(l.limit, l.active, l.active_slots)
        print([x.name for x in await c.read_global_concurrency_limits() if x.name == "orc-async"])
    async with concurrency("orc-async", occupy=1):
        try:
            async with concurrency("orc-async", occupy=1, timeout_seconds=0.3):
                print("no")
        except TimeoutError:
            print("timeout")
    async with get_client() as c:
        await c.delete_global_concurrency_limit_by_name("orc-async")
    await rate_limit("orc-nothing")
    return r


print(asyncio.run(f()), peak <= 2)
