from prefect import task
from prefect.cache_policies import INPUTS
from prefect.context import TaskRunContext


@task(retries=2, retry_delay_seconds=0)
def t(x, c=[]):
    c.append(1)
    if len(c) < 3:
        raise ValueError("again")
    return x, len(c), TaskRunContext.get().task_run.flow_run_id


print(t(5))


@task(cache_policy=INPUTS)
def cached(x):
    print("ran")
    return x


print(cached(3), cached(3))
s = cached(4, return_state=True)
print(s.name)
s = cached(4, return_state=True)
print(s.name, s.result())
import asyncio


@task
async def a(x):
    return x * 2


print(asyncio.run(a(4)))


async def m():
    return await asyncio.gather(a(1), a(2))


print(asyncio.run(m()))


@task
def boom():
    raise KeyError("k")


try:
    boom()
except KeyError as e:
    print("KE", e)
print(boom(return_state=True).name)
