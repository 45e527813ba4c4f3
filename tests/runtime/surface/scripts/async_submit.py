import asyncio
from prefect import flow, task
from prefect.futures import wait, as_completed


@task
async def a(x):
    await asyncio.sleep(0.01)
    return x


@task
def s(x):
    return -x


@flow
async def f():
    x = a.submit(1)
    y = s.submit(x)
    m = a.map([1, 2, 3])
    r1 = x.result()
    r2 = y.result()
    w = wait([x, y])
    got = sorted(fu.result() for fu in as_completed(m))
    st = await a(5, return_state=True)
    return r1, r2, len(w.done), got, m.result(), await st.result()


print(asyncio.run(f()))


@flow
def sync_with_async_task():
    return a.submit(3).result(), a.map([4, 5]).result()


print(sync_with_async_task())


@flow
async def child(x):
    return await a(x)


@flow
async def gather_children():
    return await asyncio.gather(*(child(i) for i in range(3)))


print(asyncio.run(gather_children()))
