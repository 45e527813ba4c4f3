"""A request on its way, and what is told of it when it was answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom_service.http.route import Route
from strongroom_service.identity.caller import ANONYMOUS, Caller


@dataclass(slots=True)
class Incoming:
    """A request that was matched and read, before anything is believed of it.

    :param values: what stood in the path in the place of the route's parameters.
    :param may_wait: whether it is worked on where a wait is nobody else's.
    :param is_again: whether it was tried before where nobody may wait, and nothing was done but to count it.
    :ivar token: the token that it was sent with, empty where it has none.
    """

    id: str
    method: str
    path: str
    route: Route
    values: tuple[str, ...]
    query: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    address: str
    caller: Caller = ANONYMOUS
    may_wait: bool = True
    is_again: bool = False
    token: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.token = token_of(self.headers)


@dataclass(slots=True)
class Outgoing:
    """An answer as it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    events: AsyncIterator[str] | None = None


class Exchange(NamedTuple):
    """What is told of an answered request to access log and metrics. It holds nothing that was sent or answered.

    :param template: the path of the route, with its parameters unfilled; empty where no route answers.
    :param error: the code of the error that was answered, empty where none was.
    :param action: what the audit calls what was done, where the route says so.
    """

    id: str
    method: str
    template: str
    status: int
    seconds: float
    received: int
    sent: int
    identity: str
    accessor: str
    address: str
    error: str = ""
    action: str = ""


Observer = Callable[[Exchange], None]
"""Called on the event loop when a request was answered; quick, and raises nothing."""


Finish = Callable[[int, bytes, bytes], None]
"""Sends an answer: its status, the lines of its headers, and its body."""


def token_of(headers: Mapping[str, str]) -> str:
    """The token that stands in the headers of a request, empty where there is none."""
    bearer = headers.get("authorization", "")
    if bearer[:7].lower() == "bearer ":
        return bearer[7:].strip()
    return headers.get("x-vault-token", "")
