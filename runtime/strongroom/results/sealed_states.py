"""How a run ended, told to another process: its state with what came out of it, sealed."""

from __future__ import annotations

from typing import Any

from strongroom.errors import MissingResult, UnserializableResult
from strongroom.results.sealed_values import seal_value, unseal_value
from strongroom.states import Fetch, NotKept, State

Parts = tuple[Any, ...]


def seal_state(state: State[Any], place: str) -> bytes:
    """A record of ``state``. What it holds and cannot travel is left out, and missed when it is asked for."""
    try:
        return seal_value(_parts(state, _data(state)), place)
    except UnserializableResult as error:
        return seal_value(_parts(state, _Lost(str(error)) if state.is_completed() else None), place)


def unseal_state(record: bytes, place: str) -> State[Any]:
    """The state; raises a :class:`~strongroom.errors.ResultProblem` where the record cannot be opened."""
    kind, name, message, data, timestamp = unseal_value(record, place)
    if isinstance(data, _Lost):
        data = Fetch(data.read)
    state: State[Any] = State(kind, name, message, data, timestamp=timestamp)
    state.entered = True
    return state


class _Lost:
    """Stands for a result that could not travel."""

    def __init__(self, why: str) -> None:
        self.why = why

    def read(self) -> Any:
        raise MissingResult(f"The result did not come back: {self.why}", "Return data, or persist the result.")


def _data(state: State[Any]) -> Any:
    if isinstance(state.data, Fetch):
        return state.data.read()
    return _Lost("it was not kept.") if isinstance(state.data, NotKept) else state.data


def _parts(state: State[Any], data: Any) -> Parts:
    return (state.type.value, state.name, state.message, data, state.timestamp)
