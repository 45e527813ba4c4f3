from prefect import flow, task

order = []


@task
def t(n):
    order.append(n)
    return n


@flow
def sub(n):
    order.append(f"sub{n}")
    return t(n)


@flow
def f():
    a = t.submit("a")
    s = sub("s", wait_for=[a])
    st = sub("s2", return_state=True, wait_for=[a])
    b = t("b", wait_for=[a, st])
    c = t.submit("c", wait_for=[a]).result()
    d = t.map(["d"], wait_for=[a]).result()
    return s, b, c, d


print(f(), order)
