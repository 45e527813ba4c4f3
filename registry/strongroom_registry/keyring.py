"""Workspace keys: one per workspace and epoch, stored only wrapped by key providers, unwrapped once per process."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from strongroom_registry.derivation import CANARY, KEY_ID, KEY_SIZE, MAC, RETIRED, WORKSPACE_KEY, derive, framed
from strongroom_registry.errors import (
    EnvelopeMalformed,
    IntegrityError,
    KeyMalformed,
    KeyProblem,
    KeyUnavailable,
    SealBroken,
    StrongroomError,
    WrongKey,
)
from strongroom_registry.keys.epoch import EpochKey, epoch_of
from strongroom_registry.keys.provider import KeyProvider, RenewsKey

_SHA256 = SHA256()
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_BACKUP = "Restore the registry from a backup."


class WorkspaceKey:
    """The key of one workspace and epoch. It hands out MACs and derived keys, and itself to nobody.

    :param epoch: counts from 1, at most 2**32 - 1.
    :param material: 32 bytes.
    """

    __slots__ = ("__material", "_macs", "epoch", "key_id")

    epoch: int
    key_id: bytes
    """16 bytes derived from the key, which name it in every wrap; safe to show."""

    def __init__(self, epoch: int, material: bytes) -> None:
        self.epoch = epoch
        self.key_id = derive(material, framed(KEY_ID), length=16)
        if len(material) != KEY_SIZE:
            del material  # a traceback may show the variables of the frame that raises
            raise KeyMalformed(f"The workspace key of epoch {epoch} has not {KEY_SIZE} bytes.")
        self.__material = material
        self._macs: dict[bytes, HMAC] = {}

    def derive(self, label: bytes, *context: bytes, salt: bytes | None = None) -> bytes:
        """A 32-byte key for one purpose: HKDF-SHA512 over this key, ``info`` being the framed label and context."""
        return derive(self.__material, framed(label, *context), salt=salt)

    def mac(self, purpose: bytes, data: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) of ``data`` under the key derived for ``purpose``."""
        mac = self._mac_for(purpose)
        mac.update(data)
        return mac.finalize()

    def verify(self, purpose: bytes, data: bytes, mac: bytes) -> bool:
        """Whether ``mac`` is that of ``data``; takes the same time wherever they differ."""
        expected = self._mac_for(purpose)
        expected.update(data)
        try:
            expected.verify(mac)
        except (InvalidSignature, TypeError):  # TypeError: a column that holds no bytes
            return False
        return True

    def wrap(self, provider: KeyProvider, context: bytes) -> bytes:
        """This key, wrapped by ``provider``.

        :raises KeyProblem: the provider cannot wrap.
        """
        outcome = _outcome(provider, self.__material, context)
        if isinstance(outcome, StrongroomError):
            raise outcome
        return outcome

    def _mac_for(self, purpose: bytes) -> HMAC:
        keyed = self._macs.get(purpose)
        if keyed is None:  # two threads may both derive it: they derive the same
            keyed = self._macs[purpose] = HMAC(self.derive(MAC, purpose), _SHA256)
        return keyed.copy()

    def __repr__(self) -> str:
        return f"WorkspaceKey(epoch={self.epoch}, key_id={self.key_id.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A workspace key cannot be pickled or copied: open the keyring again where it is needed.")


def _outcome(provider: KeyProvider, key: bytes, context: bytes) -> bytes | StrongroomError:
    """What a provider made of a key, or its problem without the frames that hold the key."""
    try:
        return provider.wrap(key, context)
    except StrongroomError as problem:
        return type(problem)(problem.problem, problem.remedy)
    except Exception as error:
        kind = type(error).__name__
        return KeyUnavailable(f"{provider.uri} could not be asked to wrap a key ({kind}).", "Check its settings.")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A workspace key as the store holds it; nothing in it is secret, all of it is proved by the canary.

    ``provider`` is the URI of the one who wrapped it, ``fingerprint`` names the key it was wrapped with.
    """

    epoch: int
    provider: str
    fingerprint: str
    wrapped: bytes
    canary: bytes
    created_at: datetime


class Keyring:
    """All epochs of one workspace. Safe to share between threads; each epoch is unwrapped once.

    The key of the current epoch is unwrapped and proved when the keyring is opened, so that a wrong key is refused
    before anything is read; older ones when they are first needed. A key has one wrap or several, each by another
    provider; any of them will do. The key of a retired epoch is wrapped by that of a later one.
    """

    def __init__(
        self, records: Sequence[WrappedKey], provider: KeyProvider, store_id: bytes, workspace_id: bytes
    ) -> None:
        self._records = _by_epoch(records)
        self._provider = provider
        self.store_id = store_id
        self.workspace_id = workspace_id
        self._keys: dict[int, WorkspaceKey] = {}
        self._lock = RLock()

    @classmethod
    def create(cls, provider: KeyProvider, *, store_id: bytes, workspace_id: bytes) -> tuple[Keyring, WrappedKey]:
        """Make the first key of a new workspace. Only for a workspace that has none: the caller has to store the record
        before it seals anything.

        :raises KeyProblem: the provider cannot wrap.
        """
        key = WorkspaceKey(1, secrets.token_bytes(KEY_SIZE))
        record = _wrapped_by(provider, key, store_id, workspace_id)
        keyring = cls([record], provider, store_id, workspace_id)
        keyring._keys[1] = key
        return keyring, record

    @classmethod
    def open(
        cls, wrapped: Sequence[WrappedKey], provider: KeyProvider, *, store_id: bytes, workspace_id: bytes
    ) -> Keyring:
        """Open the keyring of a workspace from its stored records, and prove the current key.

        :raises WrongKey: the provider holds another key than those that wrapped; the message names all.
        :raises KeyProblem: the provider cannot hand out its key.
        :raises IntegrityError: a record was changed.
        """
        if not wrapped:
            raise KeyUnavailable("The workspace has no key of its own.", _BACKUP)
        keyring = cls(wrapped, provider, store_id, workspace_id)
        keyring.epoch(max(keyring._records))
        return keyring

    @property
    def provider(self) -> KeyProvider:
        """Who unwraps for this process."""
        return self._provider

    @property
    def current(self) -> WorkspaceKey:
        """The key of the highest epoch: the one that new documents are sealed with."""
        return self.epoch(max(self._records))

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs that this keyring knows, in order; the retired ones as well."""
        return tuple(sorted(self._records))

    @property
    def oldest(self) -> int:
        """The first epoch whose key is not kept by that of a later one: those before are retired."""
        return max((epoch for epoch, records in self._records.items() if _retired(records)), default=0) + 1

    def records(self, epoch: int) -> tuple[WrappedKey, ...]:
        """The wraps of an epoch's key, as they were read: proved by :meth:`prove` alone."""
        return self._records.get(epoch, ())

    def epoch(self, number: int) -> WorkspaceKey:
        """The key of one epoch, retired or not.

        :raises SealBroken: the workspace has no such epoch: what named it was changed, or is newer than this keyring.
        :raises WrongKey, KeyProblem, IntegrityError: as :meth:`open`, when the epoch is first needed.
        """
        key = self._keys.get(number)
        return key if key is not None else self._unwrap(number)

    def use(self, provider: KeyProvider) -> None:
        """Have keys that are not unwrapped yet be unwrapped by another provider."""
        self._provider = provider

    def check_opened_by(self, provider: KeyProvider, record: WrappedKey) -> None:
        """See whether a provider opens a wrap, and finds the key of its epoch in it.

        :raises KeyProblem, IntegrityError: it does not.
        """
        key = _unwrapped_by(provider, record, self.store_id, self.workspace_id)
        if key.key_id != self.epoch(record.epoch).key_id:
            raise SealBroken(f"A wrap of key epoch {record.epoch} holds another key.", _BACKUP)

    def prove(self, record: WrappedKey) -> None:
        """Check that a wrap was made by somebody who had the key.

        :raises SealBroken: it was changed, or put there by somebody else.
        """
        _check_canary(self.epoch(record.epoch), record, self.store_id, self.workspace_id)

    def wrapped_by(self, provider: KeyProvider, epoch: int) -> WrappedKey:
        """The key of an epoch, wrapped by another provider too.

        :raises KeyProblem: the provider cannot wrap.
        """
        return _wrapped_by(provider, self.epoch(epoch), self.store_id, self.workspace_id)

    def retired(self, epoch: int) -> WrappedKey:
        """The key of an epoch, wrapped by that of the current one."""
        later = self.current
        keeper = EpochKey(later.epoch, later.key_id, later.derive(RETIRED))
        return _wrapped_by(keeper, self.epoch(epoch), self.store_id, self.workspace_id)

    def successor(self, providers: Sequence[KeyProvider]) -> tuple[Keyring, list[WrappedKey]]:
        """A keyring with one epoch more, whose key is new and wrapped by each provider; this one stays as it is until
        :meth:`adopt`.

        :raises KeyProblem: a provider cannot wrap.
        """
        key = WorkspaceKey(max(self._records) + 1, secrets.token_bytes(KEY_SIZE))
        wraps = [_wrapped_by(provider, key, self.store_id, self.workspace_id) for provider in providers]
        known = [record for records in self._records.values() for record in records]
        keyring = Keyring([*known, *wraps], self._provider, self.store_id, self.workspace_id)
        keyring._keys = {**self._keys, key.epoch: key}
        return keyring, wraps

    def adopt(self, newer: Keyring) -> None:
        """Take over what a :meth:`successor` knows, once it is stored."""
        with self._lock:
            self._records = {**self._records, **newer._records}
            self._keys = {**self._keys, **newer._keys}

    def learn(self, wrapped: Sequence[WrappedKey]) -> None:
        """Take over the records as they are stored now; keys that are unwrapped stay so, and an epoch that was known
        stays known: a store that has none of it any more is no reason to go back to an older key.

        :raises IntegrityError: a record was changed.
        """
        with self._lock:
            self._records = {**self._records, **_by_epoch(wrapped)}

    def after_fork(self) -> None:
        """Be of use in a child process, whatever other threads did in the parent."""
        self._lock = RLock()

    def _unwrap(self, number: int) -> WorkspaceKey:
        with self._lock:
            waiting = [number]
            while (later := self._kept_by(waiting[-1])) is not None and later not in self._keys:
                waiting.append(later)
            for epoch in reversed(waiting):
                key = self._unwrapped(epoch)
            return key

    def _kept_by(self, number: int) -> int | None:
        """The later epoch whose key keeps that of this one, which is retired; else None."""
        return next((epoch for record in self._records.get(number, ()) if (epoch := _keeper_of(record))), None)

    def _unwrapped(self, number: int) -> WorkspaceKey:
        with self._lock:
            if number in self._keys:
                return self._keys[number]
            records = self._records.get(number)
            if not records:
                raise SealBroken(
                    f"Key epoch {number} is asked for, and this workspace has {', '.join(map(str, self.epochs))}.",
                    "Open the registry again if its key was rotated meanwhile, else restore from a backup.",
                )
            provider, record = self._keeper(records)
            key = _unwrapped_by(provider, record, self.store_id, self.workspace_id)
            self._keys[number] = key
            return key

    def _keeper(self, records: Sequence[WrappedKey]) -> tuple[KeyProvider, WrappedKey]:
        """Which of a key's wraps can be opened here, and by whom.

        :raises KeyProblem, IntegrityError: none can.
        """
        for record in records:
            later = _keeper_of(record)
            if later is not None:
                key = self.epoch(later)
                return EpochKey(later, key.key_id, key.derive(RETIRED)), record
        found = self._fitting(records)
        if not isinstance(found, WrappedKey) and isinstance(self._provider, RenewsKey):
            self._provider.read_again()  # another process may have put a new key in its place
            found = self._fitting(records)
        if not isinstance(found, WrappedKey):
            raise found
        return self._provider, found

    def _fitting(self, records: Sequence[WrappedKey]) -> WrappedKey | KeyProblem | IntegrityError:
        """The wrap that was made with the provider's key, or why there is none."""
        problems: list[KeyProblem | IntegrityError] = []
        ours = self._provider.uri
        for record in sorted(records, key=lambda record: record.provider != ours):
            try:
                here = self._provider.fingerprint_for(record.wrapped)
            except (KeyProblem, IntegrityError) as problem:
                problems.append(problem)
                continue
            if here == record.fingerprint:
                return record
            problems.insert(0, _wrong_key(self._provider, here, records))
        return problems[0]

    def __repr__(self) -> str:
        return f"Keyring(epochs={self.epochs}, provider={self._provider.uri!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A keyring cannot be pickled or copied: open it again where it is needed.")


def _by_epoch(records: Sequence[WrappedKey]) -> dict[int, tuple[WrappedKey, ...]]:
    """The records in their order, by epoch.

    :raises EnvelopeMalformed: a record is none, or there twice.
    """
    if not all(map(_is_record, records)):
        raise EnvelopeMalformed("The record of a workspace key is none.", _BACKUP)
    if len({(record.epoch, record.fingerprint) for record in records}) != len(records):
        raise EnvelopeMalformed("Two records claim the same key epoch and fingerprint.", _BACKUP)
    found: defaultdict[int, list[WrappedKey]] = defaultdict(list)
    for record in records:
        found[record.epoch].append(record)
    return {epoch: tuple(wraps) for epoch, wraps in found.items()}


def _retired(records: Sequence[WrappedKey]) -> bool:
    return any(_keeper_of(record) is not None for record in records)


def _keeper_of(record: WrappedKey) -> int | None:
    """The later epoch whose key wrapped this one, or None where a provider did."""
    later = epoch_of(record.provider)
    return later if later is not None and later > record.epoch else None


def _wrong_key(provider: KeyProvider, here: str, records: Sequence[WrappedKey]) -> WrongKey:
    sealed = " and ".join(f"{record.fingerprint} (at {record.provider})" for record in records)
    return WrongKey(
        f"The key at {provider.uri} has the fingerprint {here}, and this registry was sealed with {sealed}.",
        "Point STRONGROOM_KEY at that key. Nothing was changed.",
    )


def _wrapped_by(provider: KeyProvider, key: WorkspaceKey, store_id: bytes, workspace_id: bytes) -> WrappedKey:
    wrapped = key.wrap(provider, _context(store_id, workspace_id, key.epoch))
    record = WrappedKey(key.epoch, provider.uri, provider.fingerprint_for(wrapped), wrapped, b"", datetime.now(UTC))
    return replace(record, canary=key.mac(CANARY, _proved(record, store_id, workspace_id)))


def _unwrapped_by(provider: KeyProvider, record: WrappedKey, store_id: bytes, workspace_id: bytes) -> WorkspaceKey:
    here = provider.fingerprint_for(record.wrapped)
    if here != record.fingerprint:
        raise _wrong_key(provider, here, [record])
    key = WorkspaceKey(record.epoch, provider.unwrap(record.wrapped, _context(store_id, workspace_id, record.epoch)))
    _check_canary(key, record, store_id, workspace_id)
    return key


def _check_canary(key: WorkspaceKey, record: WrappedKey, store_id: bytes, workspace_id: bytes) -> None:
    if not key.verify(CANARY, _proved(record, store_id, workspace_id), record.canary):
        raise SealBroken(
            f"The record {record.fingerprint!r:.40} of key epoch {record.epoch} does not fit its canary: "
            "it was changed, or belongs elsewhere.",
            _BACKUP,
        )


def _context(store_id: bytes, workspace_id: bytes, epoch: int) -> bytes:
    return framed(WORKSPACE_KEY, store_id, workspace_id, epoch.to_bytes(4, "big"))


def _proved(record: WrappedKey, store_id: bytes, workspace_id: bytes) -> bytes:
    """What the canary is computed over: every column of the record but the canary."""
    return framed(
        CANARY,
        store_id,
        workspace_id,
        record.epoch.to_bytes(4, "big"),
        record.provider.encode(),
        record.fingerprint.encode(),
        record.wrapped,
        ((record.created_at - _UNIX) // timedelta(microseconds=1)).to_bytes(8, "big"),
    )


def _is_record(record: WrappedKey) -> bool:
    """Whether a record has the shape that the format allows: a changed row can hold anything."""
    return (
        type(record.epoch) is int
        and 1 <= record.epoch < 2**32
        and _is_text(record.provider, 4096)
        and _is_text(record.fingerprint, 255)
        and type(record.wrapped) is bytes
        and 1 <= len(record.wrapped) <= 4096
        and type(record.canary) is bytes
        and len(record.canary) == 32
        and isinstance(record.created_at, datetime)
        and record.created_at.tzinfo is not None
        and record.created_at >= _UNIX
    )


def _is_text(value: object, longest: int) -> bool:
    try:
        return isinstance(value, str) and 1 <= len(value.encode()) <= longest
    except UnicodeEncodeError:
        return False
