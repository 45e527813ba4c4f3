"""Secrets of key-value engines, as the import wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strongroom.interchange import Found, FoundDocument, Skipped

from strongroom_vault import kv
from strongroom_vault.credentials import VaultCredentials
from strongroom_vault.errors import VaultError, VaultRefused


def secrets(places: Sequence[str]) -> Iterator[Found]:
    """Every secret below the places, each a mount or a folder in one (``secret``, ``secret/team``).

    A secret becomes a :class:`~strongroom.Secret` that holds its fields by name, or its value where ``value`` is its
    only field. Its name is its path below the mount. The login is that of the environment, see
    :meth:`~strongroom_vault.VaultCredentials.from_environment`. Nothing is written to Vault.

    :raises VaultError: no place is named, or one cannot be listed.
    """
    if not places:
        raise VaultRefused("No engine of Vault is named to import from.", "Name a mount, or a folder in it: secret")
    session = VaultCredentials.from_environment().session()
    for place in places:
        for path, found in kv.walk(session, place):
            if isinstance(found, VaultError):
                yield Skipped(path, found.problem)
                continue
            value = found["value"] if list(found) == ["value"] else found
            mount = next((known for known in session.mounts if path.startswith(known)), "")
            yield FoundDocument(path, path.removeprefix(mount), "secret", {"value": value})
