"""The path of a request, brought into one form before anything is asked of it: what cannot be is refused."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_to_bytes

from strongroom_service.errors import InvalidRequest

PATH_MAX = 4096
KEPT_MAX = 512
"""The longest path that is remembered, in bytes: anybody can ask for thousands of them."""


def segments_of(raw: bytes) -> tuple[str, ...]:
    """The segments of a path as it was sent. A slash at the end is left out.

    :raises InvalidRequest: a segment is empty, ``.`` or ``..``, or a slash, a backslash or a control character is
        written with a percent sign: two readers could take it for different things.
    """
    return _kept_segments_of(raw) if len(raw) <= KEPT_MAX else read_segments(raw)


def read_segments(raw: bytes) -> tuple[str, ...]:
    """:func:`segments_of`, each time anew."""
    if len(raw) > PATH_MAX:
        raise InvalidRequest(f"The path has {len(raw)} bytes.", f"At most {PATH_MAX} are possible.")
    path = raw.partition(b"?")[0]
    parts = path.removeprefix(b"/").removesuffix(b"/").split(b"/")
    return tuple(_segment(part) for part in parts) if path.strip(b"/") else ()


_kept_segments_of = lru_cache(maxsize=4096)(read_segments)


def _segment(part: bytes) -> str:
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The path is no UTF-8.", "Write its characters in UTF-8, with percent signs.") from None
    if text in ("", ".", ".."):
        raise InvalidRequest("A segment of the path is empty, '.' or '..'.", "Write the path as it is meant.")
    if "/" in text or "\\" in text or any(character < " " or character == "\x7f" for character in text):
        raise InvalidRequest(
            "The path holds a slash, a backslash or a control character inside a segment.",
            "Write it without.",
        )
    return text
