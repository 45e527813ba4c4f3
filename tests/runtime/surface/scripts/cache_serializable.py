from pathlib import Path
import threading
from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.locking.memory import MemoryLockManager
from prefect.locking.filesystem import FileSystemLockManager
from prefect.transactions import IsolationLevel
import time

for manager in (MemoryLockManager(), FileSystemLockManager(lock_files_directory=Path("locks"))):
    runs = []
    policy = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=manager)

    @task(cache_policy=policy, persist_result=True)
    def first(x):
        runs.append(1)
        time.sleep(0.2)
        return x + 42

    @task(cache_policy=policy)
    def second(x):
        runs.append(2)
        time.sleep(0.2)
        return x + 42

    seed = 7 if isinstance(manager, MemoryLockManager) else 8
    ts = [threading.Thread(target=t, args=(seed,)) for t in (first, second)]
    [t.start() for t in ts]
    [t.join() for t in ts]
    print(type(manager).__name__, len(runs))
