from prefect import flow, task

seen = []


def tc(t, run, state):
    seen.append(("task completed", t.name, run.name.split("-")[0], state.name))


def tf(t, run, state):
    seen.append(("task failed", t.name, state.type.value))


def tr(t, run):
    seen.append(("task running", t.name))


def fc(flow, flow_run, state):
    seen.append(("flow completed", flow.name, state.name))


def ff(flow, flow_run, state):
    seen.append(("flow failed", flow.name, state.message))


def fr(flow, flow_run, state):
    seen.append(("running", state.name))


@task(on_completion=[tc], on_failure=[tf])
def t(x):
    if x < 0:
        raise ValueError("neg")
    return x


@t.on_running
def run_hook(task, task_run, state):
    seen.append(("on_running", state.name))


@flow(on_completion=[fc], on_failure=[ff], on_running=[fr])
def f(x):
    return t(x)


f(1)
try:
    f(-1)
except ValueError:
    pass
for s in seen:
    print(s)
seen.clear()


@f.on_completion
def extra(flow, flow_run, state):
    seen.append(("extra", flow_run.parameters))


@f.on_failure
async def aextra(flow, flow_run, state):
    seen.append(("async", state.name))


f(2)
try:
    f(-2)
except ValueError:
    pass
for s in seen:
    print(s)


def boom(flow, flow_run, state):
    raise RuntimeError("hook broke")


g = f.with_options(on_completion=[boom], name="g")
print(g(5))
seen.clear()


@task(retries=1, on_failure=[tf], on_completion=[tc])
def again():
    seen.append("try")
    raise KeyError("k")


@flow
def h():
    again(return_state=True)


h(return_state=True)
print(seen)
