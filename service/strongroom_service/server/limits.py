"""What a connection may send, and how long it may take to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one process, all of which hold before anything of a request is looked at.

    :param connections: how many may be open at once.
    :param target_bytes: the longest path with its query.
    :param head_bytes: the longest head of a request, target included.
    :param headers: how many headers a request may have.
    :param pipelined: how many requests may wait behind the one that is being answered.
    :param head_seconds: from its first byte, or from when the connection was made, until a head has to be whole.
    :param body_seconds: from then until the body has to be whole.
    :param idle_seconds: how long a connection stays open after an answer without a further request.
    :param write_seconds: how long a client may take nothing of an answer.
    """

    connections: int = 2048
    target_bytes: int = 16 * 1024
    head_bytes: int = 64 * 1024
    headers: int = 128
    pipelined: int = 64
    head_seconds: float = 15.0
    body_seconds: float = 120.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
