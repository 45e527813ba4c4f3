from datetime import datetime, timedelta, timezone
from prefect.states import (
    Completed,
    Failed,
    Crashed,
    Cancelled,
    Cancelling,
    Running,
    Pending,
    Scheduled,
    Paused,
    Suspended,
    AwaitingRetry,
    Retrying,
    Late,
    State,
)
from prefect.client.schemas.objects import StateType

for mk in (
    Completed,
    Failed,
    Crashed,
    Cancelled,
    Cancelling,
    Running,
    Pending,
    Retrying,
    Late,
    AwaitingRetry,
    Scheduled,
):
    s = mk()
    print(
        s.type.value,
        s.name,
        s.is_final(),
        s.is_completed(),
        s.is_failed(),
        s.is_crashed(),
        s.is_cancelled(),
        s.is_cancelling(),
        s.is_running(),
        s.is_pending(),
        s.is_scheduled(),
        s.is_paused(),
    )
print(Paused(timeout_seconds=10).name, Suspended(timeout_seconds=10).name)
s = Completed(message="m", data=5)
print(s, repr(s)[:30], s.result())
t = datetime.now(timezone.utc) + timedelta(hours=1)
print(Scheduled(scheduled_time=t).state_details.scheduled_time == t)
c = s.model_copy(update={"name": "X"})
print(c.name, c.id == s.id)
print(State(type=StateType.FAILED, message="z").name, State(type="COMPLETED", name="Custom").is_completed())
print(
    s.timestamp.tzinfo is not None,
    s == s,
    StateType("FAILED") is StateType.FAILED,
    StateType.FAILED == "FAILED",
)
try:
    Failed(message="boom").result()
except Exception as e:
    print(type(e).__name__, e)
print(
    Failed(message="boom").result(raise_on_failure=False) is None
    if False
    else type(Failed(message="boom").result(raise_on_failure=False)).__name__
)
try:
    Running().result()
except Exception as e:
    print(type(e).__name__)
