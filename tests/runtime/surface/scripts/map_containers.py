from dataclasses import dataclass
from prefect import flow, task, unmapped
from pydantic import BaseModel


@dataclass
class Config:
    factor: int
    labels: list


class Model(BaseModel):
    base: int


@task
def start(x):
    return x + 1


@task
def combine(x, cfg: Config, model: Model, extra: dict, items=None):
    return x * cfg.factor + model.base + extra["n"] + len(items or [])


@flow
def pipeline():
    xs = start.map([1, 2, 3])
    n = start.submit(9)
    res = combine.map(
        xs,
        cfg=unmapped(Config(2, ["a"])),
        model=unmapped(Model(base=100)),
        extra=unmapped({"n": n}),
        items=unmapped([1, 2, n]),
    )
    print(type(res).__name__, len(res))
    print(res.result())
    print([f.result() for f in res])
    pairs = combine.map(
        range(2), cfg=unmapped(Config(1, [])), model=unmapped(Model(base=0)), extra=[{"n": 1}, {"n": 2}]
    )
    return pairs.result()


print(pipeline())
