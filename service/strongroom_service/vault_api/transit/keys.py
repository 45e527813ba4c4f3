"""Where the keys of a mount lie: documents of the mount's workspace, one a key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from strongroom_registry import Registry, VersionState
from strongroom_registry.errors import NameTaken, StaleExpectation, UnknownDocument

from strongroom_service.errors import InvalidRequest
from strongroom_service.state.directory import Directory
from strongroom_service.vault_api.envelope import invalid
from strongroom_service.vault_api.transit import importing
from strongroom_service.vault_api.transit.key import TransitKey, new_version

_KIND, _WRAPPING = "key", "wrapping-key"
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,254}[A-Za-z0-9_])?")
_PLAIN = re.compile(r"[a-z0-9.-]")
_LONGEST = 110


class WrappingKey(BaseModel):
    """What keys from outside are wrapped for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    material: str = Field(repr=False, max_length=8192)


class Keys:
    """The keys of a mount. Changes of one key exclude each other, between processes too.

    :param registry: the workspace of the mount.
    :param directory: over the same workspace.
    """

    def __init__(self, registry: Registry, directory: Directory, now: Callable[[], datetime]) -> None:
        self._registry = registry
        self._directory = directory
        self._now = now

    def names(self) -> list[str]:
        """The names of all keys, sorted."""
        return sorted(self._name(record) for record in self._directory.names(_KIND))

    def exists(self, name: str) -> bool:
        """Whether there is a key of this name."""
        return self._directory.found(_KIND, record_name(name), TransitKey) is not None

    def find(self, name: str) -> TransitKey | None:
        """A key, rotated if that is due; None where there is none."""
        key = self._directory.get(_KIND, record_name(name), TransitKey)
        return self._rotated_by_itself(name, key) if key is not None and key.is_due(self._now()) else key

    def get(self, name: str) -> TransitKey:
        """A key, rotated if that is due.

        :raises InvalidRequest: there is none.
        """
        key = self.find(name)
        if key is None:
            raise _unknown()
        return key

    def add(self, key: TransitKey) -> bool:
        """Keep a new key; False where there is one of its name, which stays as it is."""
        try:
            self._directory.put(_KIND, record_name(key.name), key, expect=0)
        except (NameTaken, StaleExpectation):
            return False
        return True

    def replace(self, key: TransitKey) -> None:
        """Keep a key in the place of whatever has its name, which is gone for good."""
        self._directory.put(_KIND, record_name(key.name), key)
        self._forget_past(key.name)

    def change(self, name: str, changed: Callable[[TransitKey], TransitKey]) -> TransitKey:
        """Keep what becomes of a key; ``changed`` is asked again where another one was faster.

        :raises InvalidRequest: there is none.
        """
        while True:
            found = self._directory.found(_KIND, record_name(name), TransitKey)
            if found is None:
                raise _unknown()
            key = changed(found.value)
            try:
                self._directory.put(_KIND, record_name(name), key, expect=found.version)
            except (StaleExpectation, UnknownDocument):
                continue
            return key

    def rotate(self, name: str) -> TransitKey:
        """Give a key a new version."""
        had = self._as_it_is(name)
        fresh = new_version(had.kind, had.size, self._now())
        return self.change(name, lambda key: _same(had, key).rotated(fresh))

    def trim(self, name: str, first: int) -> TransitKey:
        """Drop the versions before ``first`` for good: also from what the registry keeps of the key's past."""
        key = self.change(name, lambda key: key.trimmed(first))
        self._forget_past(name)
        return key

    def remove(self, name: str) -> None:
        """Remove a key for good.

        :raises InvalidRequest: there is none, or it may not be removed.
        """
        if not self._as_it_is(name).deletion_allowed:
            raise invalid("deletion is not allowed for this key; set deletion_allowed in its config first")
        self._registry.destroy(f"{_KIND}.{record_name(name)}")

    def wrapping_key(self) -> str:
        """What keys from outside are wrapped for, made when it is first asked for."""
        while True:
            known = self._directory.get(_WRAPPING, "current", WrappingKey)
            if known is not None:
                return known.material
            try:
                made = WrappingKey(material=importing.new_wrapping_key())
                self._directory.put(_WRAPPING, "current", made, expect=0)
            except (NameTaken, StaleExpectation):
                continue

    def _as_it_is(self, name: str) -> TransitKey:
        key = self._directory.get(_KIND, record_name(name), TransitKey)
        if key is None:
            raise _unknown()
        return key

    def _rotated_by_itself(self, name: str, had: TransitKey) -> TransitKey:
        now = self._now()
        fresh = new_version(had.kind, had.size, now)
        return self.change(name, lambda key: key.rotated(fresh) if _same(had, key).is_due(now) else key)

    def _forget_past(self, name: str) -> None:
        document = f"{_KIND}.{record_name(name)}"
        current = self._registry.head(document).current
        for version in self._registry.history(document):
            if version.number < current and version.state is not VersionState.DESTROYED:
                self._registry.destroy(document, version.number)

    def _name(self, record: str) -> str:
        if record.startswith("k-"):
            return re.sub(r"_([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), record[2:])
        key = self._directory.get(_KIND, record, TransitKey)
        return key.name if key is not None else record


def checked(name: str) -> str:
    """The name of a key: letters, digits, ``_``, and inside ``.`` and ``-``; case counts.

    :raises InvalidRequest: it is none.
    """
    if not _NAME.fullmatch(name):
        raise invalid("the name of a key has letters, digits, '_', and inside '.' and '-', at most 256")
    return name


def record_name(name: str) -> str:
    """The name of the record of a key: what a record's name cannot have is escaped, what is too long hashed."""
    escaped = "k-" + "".join(char if _PLAIN.fullmatch(char) else f"_{ord(char):02x}" for char in name)
    return escaped if len(escaped) <= _LONGEST else f"h-{hashlib.sha256(name.encode()).hexdigest()}"


def _same(had: TransitKey, key: TransitKey) -> TransitKey:
    """The key as it is now, if a version that was made for ``had`` fits it."""
    if (key.kind, key.size) != (had.kind, had.size):
        raise invalid("the key was replaced meanwhile; try again")
    return key


def _unknown() -> InvalidRequest:
    return invalid("encryption key not found")
