import asyncio
from prefect import flow, task, Flow, Task


def plain(x: int) -> int:
    return x + 1


f = flow(plain)
g = Flow(plain, name="G")
t = task(plain)
u = Task(plain, name="U", tags=["q"])
print(f(1), g(2), f.name, g.name, t(3), u(4), t.name, u.name, sorted(u.tags))


@flow()
def empty(): ...


print(empty(), empty(return_state=True).message)


@task()
def e2(): ...


print(e2())


class Mine(Flow):
    def describe(self):
        return f"mine:{self.name}"


m = Mine(plain)
print(m.describe(), m(5))


@flow
def outer(fn, *args):
    return fn(*args)


print(outer(plain, 3), outer(f, 4), outer(t, 5))


@flow
def kwargs_only(*, a, b=2, **rest):
    return a, b, rest


print(kwargs_only(a=1, c=3))


@task
def star(*args, **kwargs):
    return args, kwargs


@flow
def s():
    return star(1, 2, k=3), star.submit(1, k=2).result()


print(s())
lam = task(lambda x: x * 2, name="dbl")
print(lam(4), lam.name)
print([x.name for x in (f, t)], f.fn is plain, t.fn(1))


@flow
def rec(n):
    return n if n == 0 else n + rec(n - 1)


print(rec(3))


@task
def trec(n):
    return 0 if n == 0 else n + trec(n - 1)


@flow
def callrec():
    return trec(3)


print(callrec())


@task
def task_calls_task():
    return plain_task(1)


@task
def plain_task(x):
    return x


@task
def task_submits():
    return plain_task.submit(5).result(), plain_task.map([1, 2]).result()


@flow
def nest():
    return task_calls_task(), task_submits(), task_submits.submit().result()


print(nest())
