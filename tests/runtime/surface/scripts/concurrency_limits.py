import time, asyncio, threading
from prefect import flow, task, get_client
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.concurrency.asyncio import concurrency as aconcurrency, rate_limit as arate
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

with get_client(sync_client=True) as c:
    pass


async def setup():
    async with get_client() as c:
        for n, l, d in (("db", 1, 0), ("rate", 10, 5.0)):
            try:
                await c.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=n, limit=l, slot_decay_per_second=d)
                )
            except Exception:
                pass
        print((await c.read_global_concurrency_limit_by_name("db")).limit)


asyncio.run(setup())
running, peak = 0, 0
lock = threading.Lock()


@task
def work(i):
    global running, peak
    with concurrency("db", occupy=1, timeout_seconds=60):
        with lock:
            running += 1
            peak = max(peak, running)
        time.sleep(0.05)
        with lock:
            running -= 1
    return i


@flow
def f():
    return work.map(range(3)).result()


print(f(), peak)


@flow
def g():
    with concurrency("missing-limit"):
        pass
    try:
        with concurrency("missing-strict", strict=True):
            pass
    except Exception as e:
        print(type(e).__name__)
    rate_limit("rate")
    rate_limit(["rate"], occupy=2)
    with concurrency("db"):
        try:
            with concurrency("db", timeout_seconds=0.5):
                print("?")
        except TimeoutError as e:
            print("timeout", type(e).__name__)


g()


@flow
async def h():
    async with aconcurrency(["db"], occupy=1):
        pass
    await arate("rate")
    return "ok"


print(asyncio.run(h()))
