from prefect import flow, task, unmapped, allow_failure
from prefect.utilities.annotations import quote, opaque


@task
def bad():
    raise ValueError("x")


@task
def good():
    return 1


@task
def take(x):
    return type(x).__name__


@task
def two(a, b):
    return a, b


@flow
def f():
    b = bad.submit()
    g = good.submit()
    out = [take(allow_failure(b)), take(quote({"a": g})), take(quote([1, 2]))]
    out.append(two.map(unmapped([g, 2]), [1, 2]).result())
    out.append(two.map(quote([1, 2]), 1).result() if False else "-")
    out.append(take.map([1, "a"]).result())
    out.append(two.map(allow_failure([1, 2]), unmapped(allow_failure(b))).result().__len__())
    return out


print(f())
