import logging, io
from prefect import flow, task, get_run_logger
from prefect.logging import get_logger

records = []


class H(logging.Handler):
    def emit(self, r):
        records.append(
            (
                r.levelname,
                r.getMessage(),
                hasattr(r, "flow_run_id"),
                getattr(r, "task_run_name", None) is not None,
            )
        )


from prefect.logging import get_logger

root = get_logger()
for name in ("flow_runs", "task_runs"):
    lg = get_logger(name)
    lg.addHandler(H())
    lg.setLevel(logging.INFO)


@task
def t():
    get_run_logger().info("from task")
    get_run_logger().warning("warn %d", 3)
    try:
        1 / 0
    except ZeroDivisionError:
        get_run_logger().exception("oops")


@flow(log_prints=True)
def f():
    get_run_logger().info("from flow")
    print("printed", 1)
    t()


f()
for r in records:
    if r[1].startswith(("from", "warn", "oops", "printed")):
        print(r)
