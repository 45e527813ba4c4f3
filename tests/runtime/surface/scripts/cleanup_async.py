import asyncio
from prefect import flow, task, allow_failure, unmapped


@task
async def a(x):
    if x == 2:
        raise ValueError("two")
    return x


@task
async def summ(xs):
    return [type(x).__name__ for x in xs]


@task
async def always(msg):
    return msg


@flow
async def f():
    fs = a.map([1, 2, 3])
    s = summ.submit([allow_failure(x) for x in fs])
    t = summ.submit(allow_failure(fs))
    u = always.submit("fin", wait_for=[allow_failure(x) for x in fs])
    v = always.map(["p", "q"], wait_for=[allow_failure(fs)])
    w = always.submit("never", wait_for=fs)
    w.wait()
    return s.result(), t.result(), u.result(), v.result(), w.state.name


s = asyncio.run(f(return_state=True))
print(s.name, s.message)


@flow
async def g():
    fs = a.map([1, 3])
    r = await summ(fs)
    d = await always("z", wait_for=fs)
    return r, d


print(asyncio.run(g()))
