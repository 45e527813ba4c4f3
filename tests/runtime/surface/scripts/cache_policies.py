from prefect import flow, task
from prefect.cache_policies import (
    INPUTS,
    TASK_SOURCE,
    RUN_ID,
    NO_CACHE,
    DEFAULT,
    FLOW_PARAMETERS,
    CachePolicy,
    CacheKeyFnPolicy,
)
from prefect.context import TaskRunContext

n = {}


def count(k):
    n[k] = n.get(k, 0) + 1


@task(cache_policy=INPUTS)
def by_inputs(x, y=1):
    count("inputs")
    return x + y


@task(cache_policy=INPUTS - "debug")
def minus(x, debug):
    count("minus")
    return x


@task(cache_policy=INPUTS + RUN_ID)
def per_run(x):
    count("per_run")
    return x


@task(cache_policy=NO_CACHE)
def never(x):
    count("never")
    return x


@task(cache_policy=TASK_SOURCE + FLOW_PARAMETERS)
def by_flow(x):
    count("by_flow")
    return x


@task(cache_key_fn=lambda ctx, params: f"static-{params['x']}")
def by_fn(x):
    count("fn")
    return x


class Half(CachePolicy):
    def compute_key(self, task_ctx: TaskRunContext, inputs, flow_parameters, **kwargs):
        return f"half-{inputs['x'] // 2}"


@task(cache_policy=Half())
def halved(x):
    count("half")
    return x


@task(cache_policy=Half() + INPUTS)
def half_and(x):
    count("half_and")
    return x


@task(persist_result=True)
def default(x):
    count("default")
    return x


@flow
def f(p=0):
    for i in (1, 1, 2):
        by_inputs(i)
        minus(i, debug=object() if False else i * 7)
        per_run(i)
        never(i)
        by_flow(i)
        by_fn(i)
        half_and(i)
        default(i)
    return [halved(2), halved(3), halved(4)]


print(f())
print(sorted(n.items()))
print(f())
print(sorted(n.items()))
print(f(p=1))
print(sorted(n.items()))


@flow
def states():
    a = by_inputs(50, return_state=True)
    b = by_inputs(50, return_state=True)
    return a.name, b.name, b.type.value, b.result(), b.is_completed()


print(states())


@flow
def refresh():
    t = by_inputs.with_options(refresh_cache=True)
    return t(50, return_state=True).name


print(refresh())
