from prefect import flow, task, allow_failure
from prefect.states import Completed, Failed, Cancelled


@task
def ok():
    return 1


@task
def bad():
    raise ValueError("no")


@flow
def none():
    bad.submit()


@flow
def mixed():
    return [ok.submit(), bad.submit()]


@flow
def one_state():
    return bad(return_state=True)


@flow
def explicit():
    return Failed(message="by hand")


@flow
def named():
    return Completed(message="all fine", name="Shipped", data={"a": 1})


@flow
def states_tuple():
    return ok(return_state=True), ok(return_state=True)


@flow
def caught():
    try:
        bad()
    except ValueError:
        pass
    return "ok"


@flow
def uncaught():
    bad()


@flow
def cancelled():
    return Cancelled(message="stop")


@flow
def future():
    return ok.submit()


@flow
def dictret():
    return {"a": ok.submit(), "b": 2}


@flow
def sub():
    return none(return_state=True), uncaught(return_state=True)


for f in (
    none,
    mixed,
    one_state,
    explicit,
    named,
    states_tuple,
    caught,
    uncaught,
    cancelled,
    future,
    dictret,
    sub,
):
    s = f(return_state=True)
    r = s.result(raise_on_failure=False)
    print(f.name, s.type.value, s.name, "|", s.message, "|", type(r).__name__)
for f in (mixed, explicit, cancelled, uncaught, none):
    try:
        print(f.name, type(f()).__name__)
    except BaseException as e:
        print(f.name, "raised", type(e).__name__, str(e)[:80])
