from prefect import flow, task
from prefect.states import State


@task
def page(n):
    return {"items": list(range(n)), "next": n + 1 if n < 3 else None}


@flow
def paginate(start: int = 1) -> list[int]:
    out, cursor = [], start
    while cursor is not None:
        p = page(cursor)
        out += p["items"]
        cursor = p["next"]
    return out


print(paginate())


@task
def risky(i):
    if i % 2:
        raise RuntimeError(f"odd {i}")
    return i


@flow
def collect() -> dict:
    ok, bad = [], []
    for i in range(4):
        s: State = risky(i, return_state=True)
        (ok if s.is_completed() else bad).append(s.result(raise_on_failure=False))
    return {"ok": ok, "bad": [str(b) for b in bad]}


print(collect())


@flow
def all_states():
    return [risky(i, return_state=True) for i in (0, 2)]


s = all_states(return_state=True)
print(s.name, s.message)


@flow
def quorum():
    states = [risky(i, return_state=True) for i in range(4)]
    good = [x for x in states if x.is_completed()]
    if len(good) < 3:
        raise RuntimeError("no quorum")


print(quorum(return_state=True).message)
