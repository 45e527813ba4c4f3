"""Server-sent events as text."""

from __future__ import annotations

HEARTBEAT = ": here\n\n"
"""What says only that the server is there. A client reads it as nothing."""


def event(kind: str, data: str, id_: str = "") -> str:
    """One event; ``data`` has no line breaks."""
    named = f"id: {id_}\n" if id_ else ""
    return f"{named}event: {kind}\ndata: {data}\n\n"
