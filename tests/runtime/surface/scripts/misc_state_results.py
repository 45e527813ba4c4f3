import asyncio
from prefect import flow, task
from prefect.states import get_state_exception, raise_state_exception, is_state_iterable, Completed, Failed


@task
def t(x):
    if x == 3:
        raise ValueError("three")
    return x


@flow
def f():
    return [t(i, return_state=True) for i in (1, 3)]


s = f(return_state=True)
print(s.name, s.is_failed(), s.message)
r = s.result(raise_on_failure=False)
print(type(r).__name__)


@flow
def g():
    return t(3, return_state=True), t(1, return_state=True), "plain"


s = g(return_state=True)
print(s.name)


@flow
def h():
    return {"s": t(3, return_state=True)}


print(h(return_state=True).name)


@flow
def i():
    return t.submit(3), 5


print(i(return_state=True).name)


@flow
def j():
    t(3, return_state=True)
    return None


print(j(return_state=True).name)


@flow
def k():
    return t.map([1, 3])


s = k(return_state=True)
print(s.name, s.message)


@flow
def l():
    return t.map([1, 2])


print([s.result() for s in l()])


@flow
def m():
    return (t.submit(1), t.submit(2))


print([s.result() for s in m()])


@flow
def n():
    return Completed(data=t(5))


print(n())
e = t(3, return_state=True)
try:
    raise_state_exception(e)
except ValueError as x:
    print("VE", x)
