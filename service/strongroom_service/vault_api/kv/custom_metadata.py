"""What somebody writes about a secret in words: few short pairs of texts."""

from __future__ import annotations

from typing import Any

from strongroom_service.vault_api.envelope import invalid

PAIRS_MAX = 64
KEY_MAX = 128
"""The longest key, in bytes."""
VALUE_MAX = 512
"""The longest value, in bytes."""


def checked(value: Any) -> dict[str, str] | None:
    """The pairs; None where none were given.

    :raises InvalidRequest: they are too many, too long, or no texts that can be shown.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid("custom_metadata is an object of texts")
    if len(value) > PAIRS_MAX:
        raise invalid(f"custom_metadata has at most {PAIRS_MAX} pairs")
    for key, text in value.items():
        if not isinstance(text, str):
            raise invalid("the values of custom_metadata are texts")
        if not key or not _fits(key, KEY_MAX) or not _fits(text, VALUE_MAX):
            raise invalid(
                f"a key of custom_metadata has 1 to {KEY_MAX} bytes, a value at most {VALUE_MAX}, all of them printable"
            )
    return dict(value)


def _fits(text: str, longest: int) -> bool:
    return text.isprintable() and len(text.encode("utf-8", "surrogatepass")) <= longest
