from dataclasses import dataclass
from typing import NamedTuple
from pydantic import BaseModel
from prefect import flow, task
from prefect.utilities.annotations import quote


@dataclass
class D:
    x: int
    y: list


class NT(NamedTuple):
    a: int
    b: int


class BM(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    v: object


@task
def one():
    return 1


@task
def show(x):
    return repr(x)


@flow
def f():
    a = one.submit()
    b = one.submit()
    return [
        show(D(a, [b])),
        show(NT(a, 2)),
        show({"k": (a, {b: 1} if False else [b])}),
        show({a.result(), 5}),
        show([[a], [b]]),
        show(BM(v=a)).count("Future") == 0,
        show.submit(D(a, [b, 2])).result(),
        show(quote([1])),
    ]


for x in f():
    print(x)


@flow
def sub(d: D, n: NT = NT(1, 2)):
    return d.x, n.a


@flow
def g():
    return sub(D(one.submit().result(), []))


print(g())
