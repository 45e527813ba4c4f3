from functools import wraps, partial
from prefect import flow, task, Task


def logged(fn):
    @wraps(fn)
    def inner(*a, **k):
        print("call", fn.__name__)
        return fn(*a, **k)

    return inner


@task
@logged
def add(x, y=1):
    return x + y


@flow
@logged
def f(x: int):
    return add(x), add.submit(x, 2).result()


print(f("3"), add.name, f.name)
mytask = partial(task, retries=2, tags=["p"])


@mytask(name="parted")
def p():
    return 1


print(p.retries, p(), p.name)


def make(n):
    @task(name=f"make-{n}")
    def inner():
        return n

    return inner


@flow
def g():
    return [make(i)() for i in range(3)], [make(i).submit().result() for i in range(2)]


print(g())


class Ops:
    factor = 3

    def __init__(self):
        self.scale = task(self._scale, name="scale")

    def _scale(self, x):
        return x * self.factor


@flow
def h():
    o = Ops()
    return o.scale(2), o.scale.map([1, 2]).result()


print(h())
t2 = task(partial(lambda a, b: a + b, 10), name="partial")
print(t2(5))
