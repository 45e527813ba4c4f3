import os
from pathlib import Path
from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.locking.filesystem import FileSystemLockManager
from prefect.transactions import transaction, IsolationLevel, CommitMode, get_transaction

log = []


@task(persist_result=True, result_storage_key="txn-{parameters[x]}")
def w(x):
    log.append(x)
    return x


@w.on_commit
def c(txn):
    log.append(("c", txn.key.split("/")[-1] if txn.key else None))


@flow
def f(fail):
    with transaction(key=f"outer") as t:
        if t.is_committed():
            return "already"
        w(1)
        w(2)
        if fail:
            raise ValueError("x")
    return "done"


print(f(True, return_state=True).name, log)
log.clear()
print(f(False), log)
log.clear()
print(f(False), log)
with transaction(key="plain-txn", write_on_commit=True) as t:
    t.stage({"v": 1})
with transaction(key="plain-txn") as t:
    print(t.is_committed(), t.read().result)
with transaction(key="plain-txn", overwrite=True) as t:
    print(t.is_committed())
try:
    with transaction(key="err") as t:
        raise KeyError("z")
except KeyError:
    pass
with transaction(key="err") as t:
    print(t.is_committed(), t.state.name)
store = ResultStore(lock_manager=FileSystemLockManager(lock_files_directory=Path("locks")))
with transaction(key="locked", isolation_level=IsolationLevel.SERIALIZABLE, store=store) as t:
    t.stage(1)
    print(t.isolation_level.name, sorted(os.listdir("locks"))[:1] != [])
print(os.listdir("locks"))
