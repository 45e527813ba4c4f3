from prefect import flow, task
from prefect.states import Completed, Failed, State
from prefect.client.schemas.objects import StateType, StateDetails


@task
def check(x):
    if x > 5:
        return Failed(message=f"{x} too large")
    if x == 5:
        return Completed(message="exactly", data={"x": x}, name="Exactly")
    return x


@flow
def f():
    out = []
    for x in (1, 5, 9):
        s = check(x, return_state=True)
        out.append((s.type.value, s.name, s.message))
    return out


for row in f():
    print(row)


@flow
def direct():
    try:
        return check(9)
    except Exception as e:
        return type(e).__name__


try:
    print(direct(), check.fn(5).name)
except Exception as e:
    print("raised", type(e).__name__, e)


@flow
def cond():
    s = check(9, return_state=True)
    if s.is_failed():
        return Completed(message="recovered")


st = cond(return_state=True)
print(st.name, st.message, type(st.result(raise_on_failure=False)).__name__)


@flow
def multi():
    a = check(1, return_state=True)
    b = check(9, return_state=True)
    c = check(10, return_state=True)
    return a, b, c


st = multi(return_state=True)
print(st.name, st.message)


@flow
def multi_future():
    return [check.submit(i) for i in (1, 9)]


@flow
def dict_states():
    return {"a": check(1, return_state=True), "b": check(9, return_state=True)}


st = dict_states(return_state=True)
print(st.name, "x")
s = State(type=StateType.SCHEDULED, state_details=StateDetails())
print(s.name)
