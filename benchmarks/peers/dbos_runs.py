"""No-op steps in DBOS on SQLite; prints microseconds a run as JSON. Called with the counts: steps, workflows."""

import json
import sys
import time

from dbos import DBOS, DBOSConfig

steps, workflows = int(sys.argv[1]), int(sys.argv[2])
config: DBOSConfig = {
    "name": "bench",
    "system_database_url": f"sqlite:///{sys.argv[3]}/dbos.sqlite",
    "run_admin_server": False,
    "log_level": "ERROR",
}
DBOS(config=config)


@DBOS.step()
def nothing(x: int) -> int:
    return x


@DBOS.workflow()
def called(count: int) -> None:
    for n in range(count):
        nothing(n)


@DBOS.workflow()
def empty() -> None:
    pass


@DBOS.workflow()
def nested(count: int) -> None:
    for _ in range(count):
        empty()


def each(way, count: int) -> float:
    begun = time.perf_counter()
    way(count)
    return (time.perf_counter() - begun) / count * 1e6


DBOS.launch()
called(2)
print(json.dumps({"called": each(called, steps), "nested": each(nested, workflows)}))
DBOS.destroy()
