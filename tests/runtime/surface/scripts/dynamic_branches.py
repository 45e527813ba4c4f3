from prefect import flow, task
from prefect.futures import as_completed, wait


@task(task_run_name="node-{name}")
def node(name, *deps):
    from prefect.runtime import task_run

    return task_run.name, len(deps)


@flow
def dag(spec: dict[str, list[str]]):
    done = {}

    def build(n):
        if n not in done:
            done[n] = node.submit(n, *[build(d) for d in spec[n]])
        return done[n]

    for n in spec:
        build(n)
    wait(list(done.values()))
    return {n: f.result() for n, f in done.items()}


print(dag({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["c"]}))


@flow
def loop_until():
    i = 0
    while (x := step(i)) < 3:
        i += 1
    return i, x


@task
def step(i):
    return i * 1.5


print(loop_until())


@flow
def fan():
    return {f.result()[0] for f in as_completed([node.submit(str(i)) for i in range(3)])} == {
        f"node-{i}" for i in range(3)
    }


print(fan())
