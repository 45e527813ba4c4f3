import asyncio
from prefect import flow, task
from prefect.exceptions import *
from prefect.exceptions import FailedRun, MissingResult, UpstreamTaskError


class MyErr(Exception):
    def __init__(self, a, b):
        super().__init__(a)
        self.b = b


@task
def t():
    raise MyErr("boom", {"x": 1})


@flow
def f():
    t()


try:
    f()
except MyErr as e:
    print("MyErr", e, e.b)
s = f(return_state=True)
try:
    s.result()
except MyErr as e:
    print("again", e.b)
print(type(s.result(raise_on_failure=False)).__name__)


@flow
def g():
    fu = t.submit()
    try:
        fu.result()
    except MyErr as e:
        return ("caught", str(e), fu.state.is_failed(), type(fu.result(raise_on_failure=False)).__name__)


print(g())


@flow
def group():
    raise ExceptionGroup("many", [ValueError("a"), KeyError("b")])


try:
    group()
except* ValueError as eg:
    print(len(eg.exceptions))
except* KeyError:
    pass


@flow
def chain():
    try:
        t()
    except MyErr as e:
        raise RuntimeError("wrapped") from e


try:
    chain()
except RuntimeError as e:
    print(type(e.__cause__).__name__)


@task
def assertion():
    assert 1 == 2, "math"


@flow
def h():
    assertion()


s = h(return_state=True)
print(s.message)


@flow
def stop():
    raise StopIteration("x")


try:
    stop()
except BaseException as e:
    print(type(e).__name__)
