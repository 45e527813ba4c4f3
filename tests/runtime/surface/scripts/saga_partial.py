from functools import partial
from dataclasses import dataclass, field
from prefect import flow, task
from prefect.transactions import transaction, get_transaction


@dataclass
class Systems:
    issues: list = field(default_factory=list)

    def undo(self):
        while self.issues:
            print("undo", self.issues.pop())


def rollback_all(systems, txn):
    systems.undo()


@task
def create(systems, n):
    systems.issues.append(n)
    return n


@task
def notify(fail):
    if fail:
        raise RuntimeError("pager down")
    return "sent"


@flow
def handle(fail):
    systems = Systems()
    try:
        with transaction() as txn:
            txn.on_rollback_hooks.append(partial(rollback_all, systems))
            create(systems, 1)
            create(systems, 2)
            notify(fail)
    except RuntimeError as e:
        print("failed", e)
    return systems.issues


print(handle(True))
print(handle(False))


@task(persist_result=False)
def step(x):
    get_transaction().set("x", x)
    return x


@step.on_rollback
def undo_step(txn):
    print("rolled", txn.get("x"))


@step.on_commit
def commit_step(txn):
    print("committed", txn.get("x"))


@flow
def many():
    with transaction():
        for i in range(3):
            step(i)
        raise ValueError("end")


print(many(return_state=True).name)


@flow
def many_ok():
    with transaction():
        for i in range(3):
            step(i)


many_ok()


@flow
def subflow_rollback():
    with transaction():
        inner()
        raise ValueError("x")


@flow
def inner():
    step(10)


print(subflow_rollback(return_state=True).name)


@flow
def submitted():
    with transaction():
        f = step.submit(20)
        f.wait()
        raise ValueError("y")


print(submitted(return_state=True).name)
