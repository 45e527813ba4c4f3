"""Bodies of requests: read up to a cap, and as JSON up to a depth and a number of values."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_core import from_json
from starlette.types import Receive

from strongroom_service.errors import InvalidRequest, RequestTooLarge

VALUES_MAX = 100_000
"""The most values that the JSON of a request may hold, where it is read as it comes."""


class ClientGone(Exception):
    """Whoever sent the request does not wait for its answer."""


async def read(receive: Receive, declared: str | None, cap: int, seconds: float) -> bytes:
    """The body of a request.

    :param declared: its ``Content-Length``, where it said one.
    :param cap: the most bytes.
    :param seconds: how long it may take to arrive.
    :raises RequestTooLarge: it is larger, or says that it is.
    :raises InvalidRequest: it takes longer.
    :raises ClientGone: it ends before its end.
    """
    if declared is not None and declared.isdecimal() and int(declared) > cap:
        raise _too_large(cap)
    try:
        async with asyncio.timeout(seconds):
            return await _arrived(receive, cap)
    except TimeoutError:
        raise InvalidRequest(f"The body did not arrive within {seconds:g} seconds.", "Send it faster.") from None


async def _arrived(receive: Receive, cap: int) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > cap:
            raise _too_large(cap)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > cap:
            raise _too_large(cap)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def as_json(body: bytes, depth: int) -> Any:
    """The value of a JSON text.

    :raises InvalidRequest: it is none, is nested deeper than ``depth``, or holds more than :data:`VALUES_MAX` values.
    """
    try:
        value = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:  # its text may quote the body
        raise InvalidRequest("The body is no JSON.", "Send one JSON value in UTF-8, not nested too deep.") from None
    check_shape(value, depth)
    return value


def check_shape(value: Any, depth: int) -> None:
    """Refuse what is nested too deep or holds too many values; raises InvalidRequest."""
    level, left = [value], VALUES_MAX
    for _ in range(depth + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        left -= len(inner)
        if left < 0:
            raise InvalidRequest(f"The body holds more than {VALUES_MAX} values.", "Send less at a time.")
        if not inner:
            return
        level = inner
    raise InvalidRequest(f"The body is nested deeper than {depth} levels.", "Send a flatter value.")


def _too_large(cap: int) -> RequestTooLarge:
    return RequestTooLarge("The body of the request is too large.", f"At most {cap} bytes are possible here.")
