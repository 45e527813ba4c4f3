import os
from prefect import flow, task
from prefect.transactions import transaction

log = []


@task
def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


@write.on_rollback
def undo(txn):
    log.append(
        ("undo", txn.get("path"), sorted(k for k in ("path", "count") if txn.get(k, None) is not None))
    )
    os.unlink(txn.get("path"))


@write.on_commit
def done(txn):
    log.append(("commit", txn.get("path")))


@task
def check(path, minimum):
    if os.path.getsize(path) < minimum:
        raise ValueError("Not enough data!")


@flow
def pipeline(text, path="side.txt"):
    with transaction() as txn:
        txn.set("path", path)
        txn.set("count", 3)
        write(path, text)
        check(path, 5)


s = pipeline("hi", return_state=True)
print(s.name, s.message, os.path.exists("side.txt"), log)
log.clear()
s = pipeline("long enough", return_state=True)
print(s.name, os.path.exists("side.txt"), log)
