from prefect import flow, task, Flow
from prefect.cache_policies import NO_CACHE


@task(name="base", retries=2, tags=["a"], description="D")
def t(x):
    """Doc"""
    return x


u = t.with_options(
    name="new",
    retries=0,
    tags=["b"],
    task_run_name="r-{x}",
    timeout_seconds=3,
    persist_result=False,
    cache_policy=NO_CACHE,
    retry_delay_seconds=1,
    log_prints=True,
)
print(
    t.name,
    t.retries,
    sorted(t.tags),
    t.description,
    u.name,
    u.retries,
    sorted(u.tags),
    u.task_run_name,
    u.timeout_seconds,
    u.persist_result,
)


@flow(name="F", description="fd", retries=1, version="1", timeout_seconds=10)
def f(x=1):
    "docs"
    return u(x)


g = f.with_options(name="G", retries=0, log_prints=True)
print(
    f.name, g.name, g.retries, g.timeout_seconds, g.description, g.version, g(4), f.fn, t.fn(3)
) if False else print(f.name, g.name, g.retries, g.timeout_seconds, g.description, g.version, g(4), t.fn(3))
print(f.__name__, f.__doc__, t.__name__, t.__doc__)


@flow
def h():
    "Doc of h"


print(h.description, h.name, h.version is not None)
import inspect

print(inspect.signature(f), f.isasync, t.isasync, f.isgenerator)
print(sorted(f.parameters.properties), f.parameters.required)
print(f.validate_parameters({"x": "3"}))


class Sub:
    pass


print(callable(f), isinstance(f, Flow))
