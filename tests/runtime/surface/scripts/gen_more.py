import asyncio
from prefect import flow, task


@task
def rows(n):
    for i in range(n):
        yield {"i": i}


@task
def take(x):
    return sum(r["i"] for r in x)


@flow
def f():
    lst = list(rows(3))
    fut = rows.submit(2)
    return lst, fut.result(), take.submit(fut).result()


print(f())


@flow
def gen_flow(n):
    for i in range(n):
        got = yield i


print(list(gen_flow(3)))


@task
def early():
    try:
        yield 1
        yield 2
        yield 3
    finally:
        print("closed")


@flow
def brk():
    for x in early():
        if x == 2:
            break
    return x


print(brk())


@flow
async def af():
    out = []
    async for r in arows(3):
        out.append(r)
    return out, [r async for r in arows(2)]


@task
async def arows(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


print(asyncio.run(af()))


@task(retries=1)
def gen_retry(c=[]):
    c.append(1)
    yield len(c)
    if len(c) == 1:
        raise ValueError("mid")
    yield "end"


@flow
def g():
    return list(gen_retry())


print(g())
