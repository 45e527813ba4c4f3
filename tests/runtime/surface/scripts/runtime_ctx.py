import prefect
from prefect import flow, task, tags
from prefect.runtime import flow_run, task_run, deployment
from prefect.context import get_run_context, FlowRunContext, TaskRunContext
from prefect.exceptions import MissingContextError


@task(tags=["base"])
def t(x, y=2):
    c = get_run_context()
    return (
        isinstance(c, TaskRunContext),
        sorted(task_run.tags),
        task_run.parameters,
        task_run.run_count,
        c.task.name,
        bool(flow_run.id),
        sorted(c.task_run.tags),
    )


@flow
def child():
    return (
        flow_run.parent_flow_run_id is not None,
        flow_run.root_flow_run_id == FlowRunContext.get().flow_run.id,
        sorted(flow_run.tags),
    )


@flow(version="v9")
def f(a, b="q"):
    with tags("one", "two"):
        r = t(a)
        ch = child()
    return (
        r,
        ch,
        flow_run.parameters,
        flow_run.flow_name,
        flow_run.flow_version,
        flow_run.run_count,
        flow_run.parent_flow_run_id,
        sorted(flow_run.tags),
        prefect.runtime.deployment.name,
    )


print(
    flow_run.id,
    flow_run.name,
    flow_run.parameters,
    flow_run.tags,
    task_run.id,
    deployment.id,
    deployment.parameters,
)
with tags("outer"):
    for x in f(1):
        print(x)
try:
    get_run_context()
except MissingContextError as e:
    print("Missing")
print(FlowRunContext.get(), TaskRunContext.get())
