import os

os.environ["PREFECT__RUNTIME__FLOW_RUN__NAME"] = "mocked"
os.environ["STRONGROOM__RUNTIME__FLOW_RUN__NAME"] = "mocked"
from prefect.runtime import flow_run, task_run
from prefect import flow, task

print(flow_run.name)
del os.environ["PREFECT__RUNTIME__FLOW_RUN__NAME"]
del os.environ["STRONGROOM__RUNTIME__FLOW_RUN__NAME"]


@task
def t():
    return task_run.run_count, task_run.task_name, task_run.name.startswith("t"), type(task_run.id).__name__


@flow
def f():
    return (
        flow_run.run_count,
        type(flow_run.id).__name__,
        flow_run.scheduled_start_time is not None,
        flow_run.parent_flow_run_id,
        flow_run.parent_deployment_id,
        flow_run.job_variables,
        t(),
    )


print(f())
print(flow_run.name, dir(flow_run)[:1] != [])


@flow
def child():
    return flow_run.parent_flow_run_id, flow_run.root_flow_run_id


@flow
def parent():
    p, r = child()
    return p == flow_run.id, r == flow_run.id, type(p).__name__


print(parent())
