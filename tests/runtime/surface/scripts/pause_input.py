import threading, time, asyncio
from prefect import flow, task, pause_flow_run, resume_flow_run, get_client
from prefect.input import RunInput
from prefect.client.schemas.filters import FlowRunFilter


class Approval(RunInput):
    approved: bool
    reason: str = "none"


@flow
def gate():
    from prefect.runtime import flow_run

    ids.append(flow_run.id)
    got = pause_flow_run(
        wait_for_input=Approval.with_initial_data(description="ok?", reason="init"),
        timeout=60,
        poll_interval=1,
    )
    return got.approved, got.reason, type(got).__name__


@flow
def plain():
    from prefect.runtime import flow_run

    ids.append(flow_run.id)
    r = pause_flow_run(timeout=60, poll_interval=1)
    return "resumed", r


@flow
def text():
    from prefect.runtime import flow_run

    ids.append(flow_run.id)
    return pause_flow_run(wait_for_input=str, poll_interval=1)


ids = []


def driver(n, value):
    while len(ids) < n:
        time.sleep(0.05)
    with get_client(sync_client=True) as c:
        while c.read_flow_run(ids[n - 1]).state.name != "Paused":
            time.sleep(0.1)
    resume_flow_run(ids[n - 1], run_input=value) if value is not None else resume_flow_run(ids[n - 1])


for n, (f, v) in enumerate([(gate, {"approved": True}), (plain, None), (text, {"value": "hello"})], 1):
    t = threading.Thread(target=driver, args=(n, v))
    t.start()
    print(f())
    t.join()


@flow
def too_long():
    pause_flow_run(timeout=1, poll_interval=1)


s = too_long(return_state=True)
print(s.type.value, s.name)
