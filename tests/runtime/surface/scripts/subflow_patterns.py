import asyncio
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.runtime import flow_run


@flow(flow_run_name="child-{i}")
def child(i: int):
    if i == 2:
        raise ValueError("two")
    return flow_run.name


@flow
def parent():
    out = []
    for i in range(4):
        s = child(i, return_state=True)
        out.append(s.result() if s.is_completed() else s.message)
    return out


print(parent())


@task
def as_task(i):
    return child(i)


@flow
def par():
    f = as_task.map(range(4))
    f.wait()
    return [
        x.result(raise_on_failure=False)
        if x.state.is_completed()
        else type(x.result(raise_on_failure=False)).__name__
        for x in f
    ]


print(par())


@flow
async def achild(i):
    await asyncio.sleep(0.01)
    return i


@flow
async def aparent():
    r = await asyncio.gather(*[achild(i) for i in range(3)])
    s = await achild(9, return_state=True)
    x = child(0)
    return r, s.name, x


print(asyncio.run(aparent()))


@flow
def deep(n):
    return flow_run.parent_flow_run_id is None if n == 0 else deep(n - 1)


print(deep(3))


@flow
def fails_by_child():
    child(2)
    return "unreachable"


s = fails_by_child(return_state=True)
print(s.name, s.message)


@flow
def ignores():
    child(2, return_state=True)
    return "fine"


print(ignores(return_state=True).name, ignores())


@flow
def no_return():
    child(2, return_state=True)


print(no_return(return_state=True).name)


@flow
def last_task():
    as_task(1)
    as_task.submit(2)


print(last_task(return_state=True).name)
