"""The keys under which what a pause asks for, and its answer, are kept."""

from __future__ import annotations

from typing import Any, TypedDict

from strongroom.states import State


class Keyset(TypedDict):
    """The keys of one question: its description, the answer, and the JSON schema of the answer."""

    description: str
    response: str
    schema: str


def keyset_from_base_key(base_key: str) -> Keyset:
    """The keys that start with ``base_key``."""
    return {
        "description": f"{base_key}-description",
        "response": f"{base_key}-response",
        "schema": f"{base_key}-schema",
    }


def keyset_from_paused_state(state: State[Any]) -> Keyset:
    """The keys of what a paused run waits for. Raises ValueError for the state of a run that is not paused."""
    if not state.is_paused():
        raise ValueError(f"{state!r} is not the state of a paused run. Ask is_paused() first.")
    return keyset_of_pause(state.name, state.state_details.pause_key or "")


def keyset_of_pause(state_name: str, pause_key: str) -> Keyset:
    """The keys of what the pause of this key waits for."""
    return keyset_from_base_key(f"{state_name.lower()}-{pause_key}")
