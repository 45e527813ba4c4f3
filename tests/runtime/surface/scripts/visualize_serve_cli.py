import subprocess, sys
from prefect import flow, task


@task(viz_return_value=[1, 2])
def a():
    return [1, 2]


@flow
def f():
    return a()


print(f())
print(flow(lambda: 3, name="lam")())


@flow(persist_result=True, cache_result_in_memory=False)
def g():
    return "big"


print(g())


@task(persist_result=True, cache_result_in_memory=False)
def h():
    return "biiig"


@flow
def k():
    return h(), h.submit().result()


print(k())
s = g(return_state=True)
print(s.result())
