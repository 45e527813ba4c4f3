from prefect import flow, task
from prefect.transactions import transaction, get_transaction

n = []


@task(cache_key_fn=lambda *a, **k: "static-1")
def load():
    n.append("load")
    return "data"


@task(cache_key_fn=lambda *a, **k: "static-2")
def process(d, fail):
    n.append("process")
    if fail:
        raise RuntimeError("no")
    return len(d)


@flow
def f(fail=True):
    with transaction():
        return process(load(), fail)


print(f(return_state=True).name, n)
print(f(fail=False), n)
print(f(fail=False), n)


@task
def inner_access():
    t = get_transaction()
    return t.get("outer")


@flow
def g():
    with transaction() as t:
        t.set("outer", 5)
        print(inner_access())
        try:
            t.get("missing")
        except ValueError as e:
            print("VE")
        print(t.get("missing", 9))
        with transaction() as c:
            c.set("outer", 6)
            print(c.get("outer"), t.get("outer"))


print(g())
print(get_transaction())
