from prefect import flow, task
from prefect.tasks import exponential_backoff

for kw in (
    {"retries": 3, "retry_delay_seconds": 10},
    {"retries": 3, "retry_delay_seconds": [1, 2, 3]},
    {"retries": 3, "retry_delay_seconds": exponential_backoff(2)},
    {"retries": 2, "retry_delay_seconds": exponential_backoff(backoff_factor=10), "retry_jitter_factor": 1},
):
    t = task(lambda: 1, name="t", **kw)
    print(t.retries, t.retry_delay_seconds, t.retry_jitter_factor)
for bad in ({"retry_jitter_factor": -1, "retries": 1}, {"retry_delay_seconds": [0] * 51, "retries": 51}):
    try:
        task(lambda: 1, name="b", **bad)
        print("ok")
    except ValueError:
        print("ValueError")


class Flaky:
    def __init__(self, n):
        self.n = n

    def __call__(self):
        self.n -= 1
        if self.n >= 0:
            raise OSError("flaky")
        return "done"


@task(retries=5, retry_delay_seconds=lambda r: [0] * r)
def use(fl):
    return fl()


@flow
def f():
    return use(Flaky(3)), use.with_options(retries=0)(Flaky(1), return_state=True).name


print(f())


@task(retries=1, retry_delay_seconds=0)
async def at(c=[]):
    c.append(1)
    if len(c) == 1:
        raise KeyError("x")
    return len(c)


import asyncio


@flow(retries=1)
async def af(c=[]):
    c.append(1)
    r = await at()
    if len(c) == 1:
        raise ValueError("flow")
    return r, len(c)


print(asyncio.run(af()))
