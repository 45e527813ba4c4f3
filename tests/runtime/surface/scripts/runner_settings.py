import threading, time
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner, ConcurrentTaskRunner

peak = 0
now = 0
lock = threading.Lock()


@task
def w(i):
    global peak, now
    with lock:
        now += 1
        peak = max(peak, now)
    time.sleep(0.05)
    with lock:
        now -= 1
    return i


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def f():
    return sum(w.map(range(6)).result())


print(f(), peak)
peak = 0


@flow(task_runner=ConcurrentTaskRunner())
def g():
    return [x.result() for x in [w.submit(i) for i in range(3)]]


print(g())
h = f.with_options(task_runner=ThreadPoolTaskRunner(max_workers=1))
peak = 0
print(h(), peak, type(f.task_runner).__name__)
with ThreadPoolTaskRunner(max_workers=3) as r:
    fut = r.submit(w, {"i": 7})
    print(fut.result())
    print(r.map(w, {"i": [1, 2]}).result())
f.task_runner = ThreadPoolTaskRunner(max_workers=3)
print(f())


@flow(task_runner=ThreadPoolTaskRunner)
def cls():
    return w.submit(1).result()


print(cls())
