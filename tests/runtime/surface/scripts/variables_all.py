import asyncio
from prefect import flow, task
from prefect.variables import Variable

Variable.set("answer", 42, overwrite=True)
print(Variable.get("answer"), Variable.get("missing", default="d"), Variable.get("missing"))
v = Variable.set(name="cfg", value={"a": [1, 2]}, tags=["x"], overwrite=True)
print(type(v).__name__, v.name if v else None, Variable.get("cfg")["a"])
try:
    Variable.set("answer", 43)
except ValueError as e:
    print("exists")
Variable.set("answer", 43, overwrite=True)
print(Variable.get("answer"))
print(Variable.unset("answer"), Variable.unset("answer"), Variable.get("answer"))


async def m():
    await Variable.aset("later", "v", overwrite=True)
    print(await Variable.aget("later"), await Variable.aget("no", default=3), await Variable.aunset("later"))


asyncio.run(m())


@flow
def f():
    return Variable.get("cfg")


print(f())


@flow
async def g():
    await Variable.set("in-flow", "x", overwrite=True)
    return await Variable.get("in-flow")


try:
    print(asyncio.run(g()))
except ValueError:
    print("bad")
try:
    Variable.set("Bad Name!", "x")
except ValueError:
    print("bad")
