import asyncio
from functools import partial
from prefect import flow, task, get_client
from prefect.blocks.system import Secret
from prefect.runtime import flow_run as rt

log = []


def notify(channel, flow, flow_run, state):
    log.append((channel, flow.name, flow_run.parameters, state.name, isinstance(flow_run.name, str)))


class Notifier:
    def __call__(self, flow, flow_run, state):
        log.append(("obj", state.is_failed()))

    def method(self, flow, flow_run, state):
        log.append(("method", state.message))


n = Notifier()


@flow(on_failure=[partial(notify, "alerts"), n.method, n], on_completion=[partial(notify, "ok")])
def f(x, y=2):
    if x:
        raise ValueError("x set")
    return y


f(0)
f(1, return_state=True)
for l in log:
    print(l)
log.clear()


async def ahook(flow, flow_run, state):
    await asyncio.sleep(0)
    log.append(("ahook", state.name))


@flow(on_completion=[ahook])
async def g():
    return 1


asyncio.run(g())
print(log)
log.clear()


@task
async def t():
    raise ValueError("t")


@t.on_failure
async def tf(task, task_run, state):
    log.append(
        (task.name, type(await state.result(raise_on_failure=False)).__name__ if False else state.message)
    )


@flow
async def h():
    s = await t(return_state=True)
    return s.name


print(asyncio.run(h()) if False else asyncio.run(h(return_state=True)).name, log)
try:

    @flow(on_failure=["notcallable"])
    def bad():
        pass
except TypeError:
    print("TypeError")
try:

    @flow(on_failure=notify)
    def bad2():
        pass
except TypeError:
    print("TypeError")
try:
    flow(42)
except TypeError:
    print("TypeError")
