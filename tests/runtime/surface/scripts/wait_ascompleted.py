import time
from prefect import flow, task
from prefect.futures import wait, as_completed


@task
def sleepy(s):
    time.sleep(s)
    return s


@flow
def f():
    futs = sleepy.map([0.3, 0.05])
    order = [x.result() for x in as_completed(futs)]
    slow = sleepy.submit(1.2)
    d = wait([*futs, slow], timeout=0.1)
    print(len(d.done), len(d.not_done))
    done, not_done = wait([slow])
    print(len(done), len(not_done))
    try:
        for x in as_completed([sleepy.submit(1.0)], timeout=0.1):
            pass
    except TimeoutError as e:
        print("timeout")
    fut = sleepy.submit(0.6)
    try:
        fut.result(timeout=0.05)
    except TimeoutError as e:
        print("T", type(e).__name__)
    fut.wait()
    print(fut.state.is_completed())
    fut.wait(timeout=1)
    l = sleepy.map([0.01, 0.02])
    l.wait()
    print([x.state.name for x in l])
    cb = []
    z = sleepy.submit(0)
    z.add_done_callback(lambda fu: cb.append(fu.state.name))
    z.wait()
    return order


print(f())
