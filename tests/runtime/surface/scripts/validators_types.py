from pathlib import Path
from uuid import UUID
from typing import Optional, Any, Callable
from dataclasses import dataclass
from datetime import timedelta, datetime
from pydantic import BaseModel, Field, model_validator
from prefect import flow, task


@dataclass
class Opts:
    level: int = 1
    name: str = "n"


class Range(BaseModel):
    lo: int = 0
    hi: int = Field(10, ge=0)

    @model_validator(mode="after")
    def check(self):
        if self.lo > self.hi:
            raise ValueError("lo above hi")
        return self


@flow
def f(
    p: Path,
    u: UUID,
    o: Opts,
    r: Range = Range(),
    d: Optional[timedelta] = None,
    tags: set[str] = set(),
    m: dict[str, list[int]] = {},
    cb: Any = None,
    t: tuple[int, str] = (1, "a"),
):
    return p.name, u.version, o.level, r.hi, d, sorted(tags), m, cb, t


print(
    f(
        "a/b.txt",
        "12345678-1234-4234-8234-123456789012",
        {"level": "3"},
        {"hi": "5"},
        60,
        ["x", "y"],
        {"k": ["1"]},
        t=["2", "b"],
    )
)
for bad in ({"r": {"lo": 5, "hi": 1}}, {"o": {"level": "x"}}, {"m": {"k": ["q"]}}):
    try:
        f(**{"p": "a", "u": "12345678-1234-4234-8234-123456789012", "o": {}, **bad})
        print("?")
    except Exception as e:
        print(type(e).__name__)


@flow
def g(cls: type, fn: Callable, df: "object", n=None):
    return cls.__name__, fn(2), type(df).__name__, n


print(g(int, lambda x: x + 1, object()))


@flow
def h(x: "int", y: "list[str] | None" = None):
    return x, y


print(h("4"))


@flow
def mutable(a: list = []):
    a.append(1)
    return len(a)


print(mutable(), mutable(), mutable([1]))
x = [1, 2]


@flow
def same(v: list):
    v.append(3)
    return v is x


print(same(x), x)


@flow
def same2(v):
    return v is x


print(same2(x))


@task
def same3(v: list):
    return v is x


@flow
def k():
    return same3(x), same3.submit(x).result()


print(k())
