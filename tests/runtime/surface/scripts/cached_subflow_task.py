from prefect import flow, task
from prefect.cache_policies import INPUTS

ran = []


@flow
def sub(x):
    ran.append(x)
    return x * 10


@task(cache_policy=INPUTS)
def run_sub(x):
    return sub(x)


@flow
def main():
    return [run_sub(1), run_sub(1), run_sub.submit(2).result(), run_sub.map([1, 2, 3]).result()]


print(main(), ran)


@task(cache_policy=INPUTS, persist_result=True)
def chain(x):
    ran.append(("chain", x))
    return x + 1


@flow
def steps(fail):
    a = chain(100)
    b = chain(a)
    if fail:
        raise RuntimeError("crash between")
    return chain(b)


ran.clear()
print(steps(True, return_state=True).name, steps(False), ran)
