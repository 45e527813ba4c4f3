import threading, time
from typing import Literal, Optional
import pydantic
from prefect import flow, get_client, pause_flow_run, resume_flow_run
from prefect.input import RunInput


class Shirt(RunInput):
    size: Literal["small", "large"]
    color: Literal["red", "green"] = "red"

    @pydantic.model_validator(mode="after")
    def stock(self):
        if self.color == "green" and self.size == "small":
            raise ValueError("no small green")
        return self


class User(pydantic.BaseModel):
    name: str
    age: int


ids = []


@flow
def order():
    from prefect.runtime import flow_run

    ids.append(flow_run.id)
    got = None
    errors = 0
    while got is None:
        try:
            got = pause_flow_run(wait_for_input=Shirt, timeout=60, poll_interval=1, key=f"try-{errors}")
        except pydantic.ValidationError:
            errors += 1
    u = pause_flow_run(wait_for_input=User, timeout=60, poll_interval=1)
    n = pause_flow_run(wait_for_input=int, timeout=60, poll_interval=1)
    return got.size, got.color, errors, u.name, u.age, n


def drive():
    while not ids:
        time.sleep(0.05)
    for answer in (
        {"size": "small", "color": "green"},
        {"size": "large"},
        {"name": "a", "age": 5},
        {"value": 3},
    ):
        with get_client(sync_client=True) as c:
            while c.read_flow_run(ids[0]).state.name != "Paused":
                time.sleep(0.1)
        try:
            resume_flow_run(ids[0], run_input=answer)
        except Exception as e:
            print("refused", type(e).__name__)
        with get_client(sync_client=True) as c:
            for _ in range(6):
                if c.read_flow_run(ids[0]).state.name != "Paused":
                    break
                time.sleep(0.05)


t = threading.Thread(target=drive, daemon=True)
t.start()
print(order())
t.join()
