from prefect import flow, task
from prefect.variables import Variable

for v in ("s", 1, 1.5, True, None, [1, "a"], {"k": {"n": 1}}):
    Variable.set("orc-v", v, overwrite=True)
    got = Variable.get("orc-v")
    print(got == v, type(got).__name__)


@task
def read(name, default=None):
    return Variable.get(name, default)


@flow
def f():
    return read("orc-v"), read("orc-none", "dd"), read.submit("orc-none").result()


print(f())
Variable.unset("orc-v")
print(Variable.get("orc-v", default=7))
