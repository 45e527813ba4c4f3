import asyncio
from prefect import flow, task

seen = []


@task
def exits():
    raise SystemExit(3)


def on_crash(flow, run, state):
    seen.append(("crash", state.type.value))


def on_cancel(flow, run, state):
    seen.append(("cancel", state.type.value))


@flow(on_crashed=[on_crash])
def f():
    raise KeyboardInterrupt()


try:
    f()
except BaseException as e:
    print(type(e).__name__)


@flow(on_crashed=[on_crash], on_failure=[lambda fl, r, s: seen.append("failure")])
def g():
    return exits()


try:
    g()
except BaseException as e:
    print(type(e).__name__, e.code)
print(seen)


@flow
async def slow():
    await asyncio.sleep(10)


async def main():
    t = asyncio.create_task(slow())
    await asyncio.sleep(0.5)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        print("cancelled")


asyncio.run(main())
s = None


@flow
def ret():
    try:
        exits()
    except SystemExit:
        return "survived"


print(ret())
