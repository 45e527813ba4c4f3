import asyncio
from prefect import flow, task
from prefect.transactions import transaction, atransaction

log = []


@task
async def put(x):
    log.append(("put", x))
    return x


@put.on_rollback
def undo(txn):
    log.append(("undo", txn.name.split("-")[0] if txn.name else None))


@put.on_commit
def com(txn):
    log.append("commit")


@task
def fail():
    raise RuntimeError("later")


@flow
async def f(bad):
    async with atransaction() as txn:
        txn.set("a", {"b": 1})
        await put(1)
        await put(2)
        if bad:
            fail()
    return txn.get("a")


@flow
async def g(bad):
    with transaction() as txn:
        await put(3)
        if bad:
            fail()
    return txn.state.name


async def main():
    for fl in (f, g):
        for bad in (True, False):
            log.clear()
            s = await fl(bad, return_state=True)
            print(fl.name, s.name, log)


asyncio.run(main())
