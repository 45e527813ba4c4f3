import time
from concurrent.futures import ThreadPoolExecutor
from prefect import flow, task
from prefect.futures import (
    PrefectFuture,
    PrefectFutureList,
    wait,
    as_completed,
    resolve_futures_to_states,
    resolve_futures_to_results,
)
from prefect.states import State


@task
def inc(x):
    return x + 1


@task
def bad():
    raise ValueError("no")


@flow
def f():
    a = inc.submit(1)
    b = bad.submit()
    l = inc.map([1, 2])
    wait([a, b, *l])
    print(isinstance(a, PrefectFuture), a.task_run_id is not None, type(a.task_run_id).__name__)
    st = resolve_futures_to_states({"a": a, "b": [b]})
    print(st["a"].name, st["b"][0].name)
    print(resolve_futures_to_results([a, {"k": l[0]}]))
    print(b.result(raise_on_failure=False), a.result(timeout=5), a.state.is_completed())
    lst = PrefectFutureList([a, *l])
    print(lst.result(), lst.result(timeout=2), [x.result() for x in lst])
    lst.wait(timeout=1)
    c = a.wait()
    print(c)
    s = inc.submit(5, return_state=True)
    print(s.name, s.result())
    done = wait(l, timeout=5)
    print(type(done).__name__, done.done == set(l), done.not_done == set())
    print(len({a: 1, b: 2}), a == a, a != b)
    return "ok"


print(f(return_state=True).name)


@flow
def pass_to_sub():
    x = inc.submit(1)
    return child(x), child.fn(3)


@flow
def child(v):
    return v * 10


print(pass_to_sub())


@flow
def unresolved():
    inc.submit(1)
    inc.map([1, 2])
    return 3


print(unresolved())
