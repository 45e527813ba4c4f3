import asyncio
from prefect import flow, task, get_client
from prefect.results import get_result_store, ResultStore


@task(persist_result=True, result_storage_key="orc-fixed-{flow_run.flow_name}")
def t():
    return {"a": 1}


@flow(persist_result=True)
def f():
    return t()


s = f(return_state=True)
print(s.result())
with get_client(sync_client=True) as c:
    r = c.read_flow_run(s.state_details.flow_run_id)
    print(r.state.result() if not asyncio.iscoroutine(r.state.result()) else "c")


@flow
def g():
    st = get_result_store()
    return type(st).__name__


print(g())


@flow(persist_result=False)
def h():
    return 5


s = h(return_state=True)
print(s.result())
with get_client(sync_client=True) as c:
    try:
        print(c.read_flow_run(s.state_details.flow_run_id).state.result())
    except Exception as e:
        print(type(e).__name__)
