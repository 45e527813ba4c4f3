import time, threading
from concurrent.futures import ThreadPoolExecutor
from prefect import flow, task
from prefect.futures import as_completed, wait


@task
def w(i):
    time.sleep(0.02)
    return i * i


@flow
def batched(n, size):
    out = []
    for s in range(0, n, size):
        b = [w.submit(i) for i in range(s, min(s + size, n))]
        wait(b)
        out += [x.result() for x in b]
    return out


print(batched(7, 3))


@flow
def sliding():
    pending, done, it = set(), [], iter(range(5))
    for i in it:
        pending.add(w.submit(i))
        if len(pending) >= 2:
            r = wait(list(pending), timeout=5)
            done += [x.result() for x in r.done]
            pending = set(r.not_done)
    done += [x.result() for x in pending]
    return sorted(done)


print(sliding())


@flow
def child(i):
    return w(i)


def run_threads():
    with ThreadPoolExecutor(2) as ex:
        return list(ex.map(child, range(3)))


print(run_threads())


@flow
def flows_in_threads():
    with ThreadPoolExecutor(2) as ex:
        return sorted(ex.map(child, range(3)))


print(flows_in_threads())


@task
def outer(i):
    return sum(f.result() for f in [w.submit(j) for j in range(i)])


@flow
def nested():
    return outer.map(range(4)).result()


print(nested())


@flow
def callbacks():
    got = []
    fs = w.map(range(3))
    for f in as_completed(fs):
        got.append(f.result())
    return sorted(got)


print(callbacks())
