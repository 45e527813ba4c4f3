import logging
from prefect import flow, task
from prefect.logging import get_logger

rec = []


class H(logging.Handler):
    def emit(self, r):
        rec.append((r.name.split(".")[-1], r.getMessage()))


for n in ("flow_runs", "task_runs"):
    l = get_logger(n)
    l.setLevel("INFO")
    l.addHandler(H())


@task
def t():
    print("in task")


@task(log_prints=False)
def quiet():
    print("quiet task")


@flow
def sub():
    print("in sub")
    t()


@flow(log_prints=True)
def f():
    print("in flow")
    t()
    quiet()
    sub()


f()


@flow
def g():
    print("plain flow")
    t()
    t.with_options(log_prints=True)()


g()
print([r for r in rec if "in " in r[1] and "state" not in r[1] and "Beginning" not in r[1]])
