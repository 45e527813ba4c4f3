import asyncio, time, threading
from prefect import flow, task, get_client


async def setup():
    async with get_client() as c:
        await c.create_concurrency_limit(tag="orc-db", concurrency_limit=1)
        print((await c.read_concurrency_limit_by_tag("orc-db")).concurrency_limit)


asyncio.run(setup())
now, peak = 0, 0


@task(tags=["orc-db"])
def w(i):
    global now, peak
    now += 1
    peak = max(now, peak)
    time.sleep(0.1)
    now -= 1
    return i


@flow
def f():
    return w.map([1, 2]).result()


print(f(), peak)


async def clean():
    async with get_client() as c:
        await c.delete_concurrency_limit_by_tag("orc-db")


asyncio.run(clean())
