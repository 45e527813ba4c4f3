from prefect import flow, task
from prefect.tasks import exponential_backoff


class HTTPStatusError(Exception):
    pass


n = 0


def cond(task, task_run, state):
    try:
        state.result()
    except HTTPStatusError:
        return False
    except ConnectionError:
        return True
    except Exception:
        return False


@task(
    retries=4,
    retry_delay_seconds=exponential_backoff(backoff_factor=0.001),
    retry_jitter_factor=0.5,
    retry_condition_fn=cond,
)
def t(kind):
    global n
    n += 1
    raise kind("x")


@flow
def f(kind):
    return t(kind)


for k in (ConnectionError, ValueError):
    n = 0
    s = f(k, return_state=True)
    print(k.__name__, n, s.name, s.message)
m = 0


@flow(retries=2, retry_delay_seconds=0)
def flaky():
    global m
    m += 1
    from prefect.runtime import flow_run

    if m < 3:
        raise RuntimeError("again")
    return m, flow_run.run_count


print(flaky())
calls = []


@task
def good():
    calls.append("good")
    return 1


@task(persist_result=True)
def kept():
    calls.append("kept")
    return 2


@flow(retries=1)
def again():
    good()
    kept()
    if len(calls) < 3:
        raise ValueError("once")
    return calls


print(again())


@task(retries=2, retry_delay_seconds=[0, 0])
def st():
    from prefect.runtime import task_run

    print("attempt", task_run.run_count)
    if task_run.run_count < 3:
        raise ValueError
    return "yes"


@flow
def ff():
    return st()


print(ff())
print(exponential_backoff(3)(4))
