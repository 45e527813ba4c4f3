from prefect import flow, task

out = []


def on_done(task, task_run, state):
    out.append(
        (
            task.name,
            state.result(),
            task_run.name.startswith("t"),
            task_run.state.name if task_run.state else None,
        )
    )


def on_fail(task, task_run, state):
    out.append((task.name, repr(state.result(raise_on_failure=False)), state.data is not None))


@task(on_completion=[on_done], on_failure=[on_fail])
def t(x):
    return 10 // x


def flow_done(flow, flow_run, state):
    out.append((flow.name, state.result(), flow_run.flow_id is not None, flow_run.start_time is not None))


@flow(on_completion=[flow_done])
def f():
    t(2)
    t(0, return_state=True)
    t.submit(5).wait()
    return "r"


f()
for o in out:
    print(o)
