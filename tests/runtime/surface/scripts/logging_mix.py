import logging
from prefect import flow, task, get_run_logger
from prefect.logging import get_logger, disable_run_logger
from prefect.exceptions import MissingContextError

try:
    get_run_logger().info("x")
except MissingContextError as e:
    print("no context")


@task
def t(x):
    log = get_run_logger()
    log.info("hi %s", x, extra={"k": 1})
    log.debug("d")
    return x


@flow(log_prints=True)
def f():
    get_run_logger().warning("w")
    print("a", "b", sep="-")
    return t(1)


f()
with disable_run_logger():
    print(t.fn(3))
print(get_logger("mine").name.split(".")[-1])


def run():
    return t.fn(1)
