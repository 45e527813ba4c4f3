import time, asyncio
from prefect import flow, task
from prefect.concurrency.sync import concurrency, rate_limit


@task(retries=1, retry_delay_seconds=0)
def call(i):
    rate_limit("not-made-limit")
    with concurrency(["not-made-a", "not-made-b"], occupy=1, timeout_seconds=5):
        return i


@flow
def f():
    return call.map(range(4)).result()


print(f())
with concurrency("outside", occupy=2):
    print("outside ok")
