"""How large what is saved may be."""

from __future__ import annotations

from strongroom_registry.document import check_name
from strongroom_registry.envelope import PAYLOAD_MAX
from strongroom_registry.errors import InvalidReference, TooLarge

MESSAGE_MAX = 4096
"""The longest message of a version, in characters."""
PUBLIC_MAX = 1024 * 1024
"""The largest public projection, in bytes."""


def check_sizes(type_: str, schema: str, payload: bytes, public: bytes, message: str) -> None:
    """Refuse what does not fit into a version.

    :raises InvalidReference: the type or the fingerprint of the schema is none.
    :raises TooLarge: the payload, the projection or the message is larger than allowed.
    """
    check_name(type_)
    check_message(message)
    if not 1 <= len(schema.encode()) <= 255:
        raise InvalidReference(f"{schema!r:.80} is no schema fingerprint.", "It has 1 to 255 bytes.")
    if len(payload) > PAYLOAD_MAX:
        raise TooLarge(f"A payload of {len(payload)} bytes is too large.", f"At most {PAYLOAD_MAX} fit into a version.")
    if len(public) > PUBLIC_MAX:
        raise TooLarge(
            f"{len(public)} bytes of public fields are too many.", f"At most {PUBLIC_MAX} fit into a version."
        )


def check_message(message: str) -> None:
    """Refuse a message that is too long or no text."""
    if len(message) > MESSAGE_MAX:
        raise TooLarge(f"A message of {len(message)} characters is too long.", f"At most {MESSAGE_MAX} are possible.")
    if not message.isascii() and any("\ud800" <= character <= "\udfff" for character in message):
        raise InvalidReference("The message holds half a character.", "Give it as text that can be written in UTF-8.")
