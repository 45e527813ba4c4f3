from prefect import flow, task
from prefect.futures import wait


@task
def extract(src):
    return {"src": src, "rows": list(range(len(src)))}


@task
def transform(d):
    return {**d, "rows": [x * 2 for x in d["rows"]]}


@flow
def process(src):
    return transform(extract(src))


@task
def run_flow_in_task(src):
    return process(src)


@flow
def orchestrate(sources):
    futs = [run_flow_in_task.submit(s) for s in sources]
    wait(futs)
    states = [process(s, return_state=True) for s in sources]
    return [f.result()["rows"] for f in futs], [s.result()["src"] for s in states]


print(orchestrate(["ab", "xyz"]))


@flow
def deps():
    a = extract.submit("q")
    b = transform.submit(a, wait_for=[a])
    nested = {"one": [b, {"two": b}], "three": (b,)}

    @task
    def take(n):
        return n["one"][0]["src"], n["one"][1]["two"]["rows"], n["three"][0]["src"]

    return take(nested), take.submit(nested).result()


print(deps())


@flow
def sub_takes_future(x):
    return x


@flow
def passes():
    return sub_takes_future(extract.submit("zz")), process(extract.submit("z").result()["src"])


print(passes())
