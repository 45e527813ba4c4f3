from prefect import flow, task
from prefect.cache_policies import (
    CachePolicy,
    INPUTS,
    TASK_SOURCE,
    RUN_ID,
    FLOW_PARAMETERS,
    DEFAULT,
    NO_CACHE,
)

n = []
p = CachePolicy.from_cache_key_fn(lambda ctx, params: f"k-{params.get('x')}")


@task(cache_policy=p)
def a(x):
    n.append(("a", x))
    return x


@task(cache_policy=p + INPUTS)
def b(x, y):
    n.append(("b", x, y))
    return x


@task(cache_policy=INPUTS - "y")
def c(x, y):
    n.append(("c", x, y))
    return x


@task(cache_policy=(TASK_SOURCE + RUN_ID + INPUTS) - "y")
def d(x, y):
    n.append(("d", x, y))
    return x


@flow
def f():
    for x, y in ((1, 1), (1, 2), (2, 1)):
        a(x)
        b(x, y)
        c(x, y)
        d(x, y)


f()
print(n)
n.clear()
f()
print(n)
print((INPUTS + TASK_SOURCE).compute_key.__name__, NO_CACHE.compute_key(None, {}, {}))


@task(cache_policy=p, refresh_cache=True)
def r(x):
    n.append("r")
    return len(n)


n.clear()


@flow
def g():
    return r(77), r(77), a(77)


print(g(), n)


@task(cache_policy=INPUTS.configure(key_storage="keys"), persist_result=True)
def ks(x):
    n.append("ks")
    return x


@flow
def h():
    return ks(5), ks(5), ks(5, return_state=True).name


import os

print(h(), len(os.listdir("keys")))
