from prefect import flow, task, allow_failure
from prefect.futures import wait

order = []


@task
def a():
    order.append("a")
    return 1


@task
def b():
    order.append("b")
    raise ValueError("b failed")


@task
def c(x=None):
    order.append(("c", type(x).__name__))
    return "c"


@flow
def f():
    fa = a.submit()
    fb = b.submit()
    fc = c.submit(wait_for=[fa])
    fd = c.submit(wait_for=[fb])
    fe = c.submit(allow_failure(fb))
    ff = c.submit(wait_for=[allow_failure(fb)])
    fg = c.submit(fb)
    wait([fc, fd, fe, ff, fg])
    for x in (fc, fd, fe, ff, fg):
        print(x.state.type.value, x.state.name)
    return "done"


print(f())
print(sorted(map(str, order)))
