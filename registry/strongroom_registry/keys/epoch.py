"""Wrapping a retired workspace key under that of a later epoch, which opens the past that nothing else may open."""

from __future__ import annotations

from strongroom_registry.keys.local import METHOD_EPOCH, LocalKey, parameters_of, prefix_for


class EpochKey:
    """What keeps the key of a retired epoch: a key derived from that of a later one. Nobody names it by a URI.

    :param epoch: the later epoch.
    :param key_id: the id of its key, 16 bytes.
    :param derived: 32 bytes derived from its key for this purpose alone.
    """

    def __init__(self, epoch: int, key_id: bytes, derived: bytes) -> None:
        self.uri = uri_of(epoch)
        self._fingerprint = key_id.hex()
        self._key = LocalKey(derived)

    def fingerprint_for(self, wrapped: bytes) -> str:
        parameters_of(wrapped, METHOD_EPOCH, 0)
        return self._fingerprint

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._key.wrap(prefix_for(METHOD_EPOCH), key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        parameters_of(wrapped, METHOD_EPOCH, 0)
        return self._key.unwrap(wrapped, context)


def uri_of(epoch: int) -> str:
    """What stands as the provider of a key that the key of ``epoch`` wraps."""
    return f"epoch:{epoch}"


def epoch_of(uri: str) -> int | None:
    """The epoch that :func:`uri_of` was given, or None for the URI of a provider."""
    scheme, _, number = uri.partition(":")
    return int(number) if scheme == "epoch" and number.isascii() and number.isdigit() else None
