"""Runs send each other input of a type, and receive it in the order in which it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pydantic
import pytest
from pydantic import BaseModel, SecretStr
from strongroom import flow
from strongroom.errors import InvalidRunInput, MissingContextError
from strongroom.input import (
    RunInput,
    asend_input,
    create_flow_run_input,
    create_flow_run_input_from_model,
    delete_flow_run_input,
    filter_flow_run_input,
    keyset_from_base_key,
    keyset_from_paused_state,
    read_flow_run_input,
    receive_input,
    send_input,
)
from strongroom.input.run_input import receive_input as from_module
from strongroom.ledger import Ledger, current_ledger
from strongroom.runtime import flow_run
from strongroom.states import Paused, Running


class Number(RunInput):
    number: int


class Person(BaseModel):
    name: str
    born: date


def received(kind: Any, run: UUID, **options: Any) -> list[Any]:
    return list(receive_input(kind, flow_run_id=run, timeout=0, **options))


def test_what_was_sent_comes_in_order_and_by_type(each_ledger: Ledger) -> None:
    run = uuid4()
    for value in ("a", 1, "b", [1, 2], Number(number=4), Person(name="Ada", born=date(1815, 12, 10)), "c"):
        send_input(value, run)
    send_input("other", uuid4())
    assert received(str, run) == ["a", "b", "c"]
    assert received(int, run) == [1]
    assert received(list[int], run) == [[1, 2]]
    assert [got.number for got in received(Number, run)] == [4]
    [person] = received(Person, run)
    assert isinstance(person, Person)
    assert person.born == date(1815, 12, 10)
    assert received(float, run) == []


def test_the_iterator_knows_what_it_gave() -> None:
    run = uuid4()
    receiver = receive_input(str, flow_run_id=run, timeout=0)
    send_input("a", run)
    assert receiver.next() == "a"
    with pytest.raises(TimeoutError, match="No strAutoInput came in 0 seconds"):
        receiver.next()
    send_input("b", run)
    assert receiver.next() == "b"
    assert list(receiver) == []


def test_keys_that_were_seen_can_be_left_out() -> None:
    run = uuid4()
    send_input("a", run)
    send_input("b", run)
    [first, _] = received(str, run, with_metadata=True)
    assert first.value == "a"
    assert first.metadata.receiver == run
    assert received(str, run, exclude_keys={first.metadata.key}) == ["b"]


def test_a_timeout_can_be_raised() -> None:
    with pytest.raises(TimeoutError):
        received(str, uuid4(), raise_timeout_error=True)

    async def main() -> list[Any]:
        with pytest.raises(TimeoutError):
            async for _ in receive_input(str, flow_run_id=uuid4(), timeout=0, raise_timeout_error=True):
                pass
        return [got async for got in from_module(str, flow_run_id=uuid4(), timeout=0)]

    assert asyncio.run(main()) == []


def test_a_prefix_keeps_conversations_apart() -> None:
    run = uuid4()
    send_input("a", run, key_prefix="left")
    send_input("b", run, key_prefix="right")
    assert received(str, run, key_prefix="right") == ["b"]
    assert received(str, run) == []


def test_two_flows_talk() -> None:
    @flow
    async def squares() -> None:
        async for data in Number.receive(timeout=5, poll_interval=0.01):
            if data.number < 0:
                return
            await data.respond(Number(number=data.number**2))

    @flow
    async def asks(receiver: UUID) -> int:
        await Number(number=7).send_to(receiver)
        squared = await Number.receive(poll_interval=0.01).next()
        await asend_input(Number(number=-1), receiver)
        return int(squared.number)

    async def main() -> int:
        begun = asyncio.get_running_loop().create_future()

        @flow
        async def listens() -> None:
            begun.set_result(UUID(flow_run.id))
            await squares.fn()

        listening = asyncio.create_task(listens())
        answer = await asks(await begun)
        await listening
        return answer

    assert asyncio.run(main()) == 49


def test_a_synchronous_flow_receives_as_well() -> None:
    @flow
    def greets() -> list[str]:
        send_input("Ada", UUID(flow_run.id))
        return [str(receive_input(str, timeout=1).next()), *receive_input(str, timeout=0)]

    assert greets() == ["Ada", "Ada"]


def test_what_does_not_fit_the_type_is_said_without_its_value() -> None:
    run = uuid4()
    send_input([("a", "x")], run, key_prefix="pairs")
    with pytest.raises(pydantic.ValidationError) as caught:
        received(list[tuple[str, float]], run, key_prefix="pairs")
    assert "'x'" not in str(caught.value)


def test_secrets_travel_sealed(canary: Callable[[str], str]) -> None:
    secret = canary("an input")

    class Login(RunInput):
        token: SecretStr

    run = uuid4()
    send_input(Login(token=SecretStr(secret)), run)
    with current_ledger().reading() as session:
        [(value,)] = session.execute("SELECT value FROM inputs")
    assert secret.encode() not in bytes(value)
    assert received(Login, run)[0].token.get_secret_value() == secret


def test_an_input_that_nobody_sent_cannot_be_answered() -> None:
    run = uuid4()
    send_input("a", run)
    [got] = received(str, run, with_metadata=True)
    with pytest.raises(InvalidRunInput, match="No flow run sent this input"):
        got.respond("b")
    with pytest.raises(ValueError, match="was made here"):
        _ = Number(number=1).metadata
    with pytest.raises(MissingContextError, match="No flow runs here"):
        receive_input(str)


def test_values_under_keys(each_ledger: Ledger) -> None:
    run = uuid4()
    create_flow_run_input("answer", {"a": [1]}, flow_run_id=run)
    create_flow_run_input_from_model("list-1", Number(number=1), flow_run_id=run)
    create_flow_run_input("list-2", 2, flow_run_id=run, sender="me")
    assert read_flow_run_input("answer", flow_run_id=run) == {"a": [1]}
    assert [found.value for found in filter_flow_run_input("list", limit=5, flow_run_id=run)] == [{"number": 1}, 2]
    assert filter_flow_run_input("list", exclude_keys={"list-1"}, flow_run_id=run)[0].sender == "me"
    delete_flow_run_input("answer", flow_run_id=run)
    assert read_flow_run_input("answer", flow_run_id=run) is None


def test_a_question_is_saved_and_its_answer_loaded_under_keys() -> None:
    run, keys = uuid4(), keyset_from_base_key("mine")
    assert keys == {"description": "mine-description", "response": "mine-response", "schema": "mine-schema"}
    Number.with_initial_data(description="How many?").save(keys, run)
    assert read_flow_run_input("mine-description", run) == "How many?"
    assert read_flow_run_input("mine-schema", run)["required"] == ["number"]
    create_flow_run_input("mine-response", {"number": 5}, run)
    assert Number.load(keys, run).number == 5
    assert asyncio.run(Number.aload(keys, run)).number == 5
    assert Number.keyset_from_type()["schema"] == "number-schema"
    assert keyset_from_paused_state(Paused(pause_key="0"))["response"] == "paused-0-response"
    with pytest.raises(ValueError, match="not the state of a paused run"):
        keyset_from_paused_state(Running())
