from prefect import flow, task, unmapped
from prefect.futures import PrefectFutureList


@task
def add(a, b=10, c=0):
    return a + b + c


@task
def listy(n):
    return list(range(n))


@task
def total(xs):
    return sum(xs)


@flow
def f():
    r = add.map([1, 2], b=[3, 4])
    nested = listy.map([1, 2, 3])
    fut_list = listy.submit(3)
    mapped_future = add.map(fut_list, b=unmapped(1))
    chained = add.map(add.map(add.map([1, 2])))
    tot = total(r)
    tot2 = total.submit(mapped_future).result()
    tup = add.map((1, 2), b=unmapped([0][0]))
    kw = add.map(a=[1, 2], b=3, c=unmapped(4))
    empty = add.map([])
    states = add.map([1, 2], return_state=True)
    return (
        r.result(),
        [x.result() for x in nested],
        mapped_future.result(),
        chained.result(),
        tot,
        tot2,
        tup.result(),
        kw.result(),
        empty.result(),
        len(empty),
        [s.name for s in states],
        isinstance(r, PrefectFutureList),
        r[0].result(),
        len(r),
    )


for x in f():
    print(x)


@task
def flaky(x):
    if x == 2:
        raise ValueError(f"bad {x}")
    return x


@flow
def g():
    m = flaky.map([1, 2, 3])
    try:
        m.result()
    except ValueError as e:
        print("VE", e)
    print([type(x).__name__ for x in m.result(raise_on_failure=False)])
    good = [x.result() for x in m if x.state.is_completed()] if not m.wait() else None
    down = add.map(m)
    down.wait()
    return good, [d.state.name for d in down]


s = g(return_state=True)
print(s.name, s.message, s.result(raise_on_failure=False))


@flow
def ranges():
    return add.map(range(3)).result(), add.map("ab", b="c", c="d").result() if False else 0


print(ranges())
