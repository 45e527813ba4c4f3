from prefect import flow, task


@flow
def pos_only(a, /, b, *, c=3):
    return a, b, c


print(pos_only(1, 2), pos_only(1, b=5, c=6))


@flow
def any_cls(x: list, y: dict = {}, z: tuple = ()):
    return x, y, z


print(any_cls((1, 2)), any_cls([1], z=[1]))


@flow
def b(flag: bool, n: float, s: str):
    return flag, n, s


print(b("true", "1.5", "x"), b(1, 2, "y"))
try:
    b("maybe", 1, "s")
except Exception as e:
    print(type(e).__name__)
try:
    b(True, 1, 5)
except Exception as e:
    print(type(e).__name__)


@task
def tt(x: int):
    return x


print(tt("5"))
from decimal import Decimal
import datetime as dt


@flow
def d(a: Decimal, w: dt.date, t: dt.time, e: "dt.datetime"):
    return a, w, t, e


print(d("1.10", "2024-02-03", "10:00", "2024-02-03T04:05:06Z"))


@flow
def f(parameters, name, tags=1, context=None, run=None, self_=None):
    return parameters, name, tags


print(f(1, name=2, tags=3))


@flow
def df(x):
    return x


print(df(x=object) is object, df({"$ref": 1} if False else {"a": {"b": 1}}))
