"""No-op runs in Prefect; prints microseconds a run as JSON. Called with the counts: tasks, subflows."""

import json
import sys
import time

from prefect import flow, task
from prefect.cache_policies import INPUTS

tasks, subflows = int(sys.argv[1]), int(sys.argv[2])


@task
def nothing(x: int) -> int:
    return x


@task(cache_policy=INPUTS, persist_result=True)
def cached(x: int) -> int:
    return x


@flow
def empty() -> None:
    pass


@flow
def called(count: int) -> None:
    for n in range(count):
        nothing(n)


@flow
def submitted(count: int) -> None:
    for n in range(count):
        nothing.submit(n).result()


@flow
def mapped(count: int) -> None:
    nothing.map(range(count)).result()


@flow
def hits(count: int) -> None:
    for _ in range(count):
        cached(1)


@flow
def nested(count: int) -> None:
    for _ in range(count):
        empty()


def each(way, count: int) -> float:
    begun = time.perf_counter()
    way(count)
    return (time.perf_counter() - begun) / count * 1e6


called(2)
hits(1)
figures = {way.name: each(way, tasks) for way in (called, submitted, mapped, hits)}
figures["nested"] = each(nested, subflows)
figures["a flow of 10"] = min(each(called, 10) * 10 for _ in range(2))
print(json.dumps(figures))
