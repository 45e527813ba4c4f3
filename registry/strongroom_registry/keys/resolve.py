"""From a key URI to its provider."""

from __future__ import annotations

import re
from collections.abc import Callable

from strongroom_registry.errors import InvalidKeyUri
from strongroom_registry.keys.env import EnvKey
from strongroom_registry.keys.file import FileKey
from strongroom_registry.keys.material import TEXT_PREFIX
from strongroom_registry.keys.os_keyring import KeyringKey
from strongroom_registry.keys.passphrase import PassphraseKey
from strongroom_registry.keys.provider import KeyProvider
from strongroom_registry.keys.recovery import RecoveryKey

ENTRY_POINTS = "strongroom.key_providers"

_SCHEME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_BUILT_IN: dict[str, Callable[[str], KeyProvider]] = {
    "env": EnvKey.from_uri,
    "file": FileKey.from_uri,
    "keyring": KeyringKey.from_uri,
    "passphrase": PassphraseKey.from_uri,
    "recovery": RecoveryKey.from_uri,
}


def resolve(uri: str) -> KeyProvider:
    """The provider that a key URI names: ``file:``, ``env:``, ``passphrase:``, ``keyring:``, ``recovery:``, or a
    scheme that an installed distribution registers. Reads no key yet.

    :raises InvalidKeyUri: no provider understands it; the message shows its scheme at most.
    """
    scheme, colon, _ = uri.partition(":")
    if TEXT_PREFIX in uri:
        raise InvalidKeyUri("A key stands where its place is asked for.", "Put it into a file and name that.")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise InvalidKeyUri(
            "The key's place is no URI.", "Write file:/path, env:NAME, keyring:SERVICE/USER or passphrase:"
        )
    factory = _BUILT_IN.get(scheme) or _registered(scheme)
    return factory(uri)


def _registered(scheme: str) -> Callable[[str], KeyProvider]:
    from importlib.metadata import entry_points  # some thirty modules, which few need

    for found in entry_points(group=ENTRY_POINTS, name=scheme):
        factory: Callable[[str], KeyProvider] = found.load()
        return factory
    known = sorted({*_BUILT_IN, *(found.name for found in entry_points(group=ENTRY_POINTS))})
    raise InvalidKeyUri(
        f"No key provider is known for {scheme + ':'!r}.",
        f"Use one of {', '.join(known)}, or install the collection that has it.",
    )
