import threading, time, subprocess, sys, os
from prefect import flow, task, get_client
from prefect.states import Cancelled, Cancelling
from prefect.exceptions import CancelledRun

log = []


@flow
def polite():
    return Cancelled(message="nothing to do")


s = polite(return_state=True)
print(s.type.value, s.name, s.message, s.is_cancelled())
try:
    polite()
except CancelledRun as e:
    print("CancelledRun", e)


@flow
def parent():
    s = polite(return_state=True)
    return "child was " + s.name


print(parent())


@task
def ct():
    return Cancelled(message="t")


@flow
def with_task():
    s = ct(return_state=True)
    return s.name


print(with_task())
