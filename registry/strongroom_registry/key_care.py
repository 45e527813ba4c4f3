"""Looking after a workspace's keys: who wraps them, further wraps, other ones, and whether each of them works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime

from strongroom_registry import keys
from strongroom_registry.access import Access
from strongroom_registry.audit import DONE, Subject
from strongroom_registry.changes import Change
from strongroom_registry.errors import (
    IntegrityError,
    KeyInUse,
    KeyProblem,
    KeyUnavailable,
    StoreUnavailable,
    UnknownKey,
)
from strongroom_registry.heads import StateRecord
from strongroom_registry.keyring import Keyring, WrappedKey
from strongroom_registry.keys.local import RawKeyProvider
from strongroom_registry.keys.passphrase import PassphraseKey
from strongroom_registry.keys.recovery import RecoveryCode, RecoveryKey, RecoveryRecipient, is_recovery
from strongroom_registry.verification import proven_entries

_PREFIX = 8


@dataclass(frozen=True, slots=True)
class KeyWrap:
    """One wrap of a workspace key: of which epoch, by whom, with which key, since when.

    ``state`` is ``current`` (the epoch that is written with), ``older`` (still used) or ``retired``.
    """

    epoch: int
    provider: str
    fingerprint: str
    created_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class EpochUse:
    """How much of a workspace still uses an epoch's key."""

    epoch: int
    heads: int
    versions: int


@dataclass(frozen=True, slots=True)
class WrapCheck:
    """Whether a wrap of the current key opens: None where that would take a passphrase or code that was not given."""

    wrap: KeyWrap
    opens: bool | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RemovedKey:
    """A wrap that was removed: a backup from before can still be opened with its key."""

    removed_at: datetime
    provider: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What checking a workspace's keys found. ``used`` are the epochs that are not retired, the current one last."""

    used: tuple[EpochUse, ...]
    wraps: tuple[WrapCheck, ...]
    removed: tuple[RemovedKey, ...]

    @property
    def ok(self) -> bool:
        """Whether every wrap that could be tried opens, there is one, and no rotation waits to be finished."""
        return len(self.used) == 1 and bool(self.wraps) and not any(check.opens is False for check in self.wraps)


@dataclass(frozen=True, slots=True)
class WrapReport:
    """What became of the wraps of a workspace's keys. ``new_key`` says where a key lies that was made, ``former_key``
    where one lies that was replaced; ``scrubbed`` whether what was removed is gone from the store's files too."""

    added: tuple[KeyWrap, ...]
    removed: tuple[KeyWrap, ...]
    new_key: str | None = None
    former_key: str | None = None
    scrubbed: bool = True


@dataclass(frozen=True, slots=True)
class RecoveryKit:
    """A new recovery code; ``scrubbed`` says whether what the former one opened is gone from the store's files too."""

    code: RecoveryCode
    scrubbed: bool

    def shown(self) -> str:
        """The code as it is written down."""
        return self.code.shown()


def listed(access: Access) -> list[KeyWrap]:
    """All wraps of all epochs, the newest epoch first."""
    with access.viewing() as (authority, view, state):
        records = list(view.keys(authority.workspace_id))
    return [_told(record, state) for record in sorted(records, key=lambda record: -record.epoch)]


def keepers(keyring: Keyring, epoch: int) -> Iterator[tuple[keys.KeyProvider, WrappedKey]]:
    """For each wrap of an epoch's key, who can wrap another key in the same way.

    :raises SealBroken: a wrap was put there by somebody who did not have the key.
    :raises KeyProblem: one of them has another key now, or cannot be asked.
    """
    for record in keyring.records(epoch):
        keyring.prove(record)
        yield _keeper(keyring, record), record


def add(access: Access, uri: str) -> WrapReport:
    """Have the keys of a workspace wrapped by one more provider; its key is made where it is missing and can be made.

    :raises KeyProblem: the URI names none, or it cannot wrap.
    """
    provider, made = _ready(uri)
    with access.viewing() as (authority, _, state):
        wraps = _wraps_by(authority.keyring, provider, state)
    with access.changing() as change:
        _check_epochs(change, wraps)
        _put(change, wraps)
        return WrapReport(tuple(_told(wrap, change.state) for wrap in wraps), (), made)


def remove(access: Access, which: str) -> WrapReport:
    """Remove the wraps that a provider made; what was removed is overwritten in the store's files.

    :param which: the provider's URI, or its key's fingerprint or the first 8 digits of that.
    :raises UnknownKey: there is none.
    :raises KeyInUse: an epoch would have none left.
    """
    with access.changing() as change:
        live = _live(change)
        chosen = [wrap for wrap in live if _is_meant(wrap, which)]
        if not chosen:
            raise UnknownKey(f"No wrap of the workspace's key fits {which!r:.200}.", "See `strongroom keys ls`.")
        keyring = change.authority.keyring
        kept = {wrap.epoch for wrap in live if wrap not in chosen and _is_proven(keyring, wrap)}
        for epoch in sorted({wrap.epoch for wrap in chosen} - kept):
            raise KeyInUse(
                f"Nothing else would open the workspace's key of epoch {epoch}.",
                "Add another first: strongroom keys add URI",
            )
        _remove(change, chosen)
        report = WrapReport((), tuple(_told(wrap, change.state) for wrap in chosen))
    return changed(report, scrubbed=scrubbed(access))


def renew(access: Access, to: str | None = None) -> WrapReport:
    """Wrap the keys of a workspace anew, and remove the wraps by the provider that was used so far.

    :param to: the provider that is used from now on. By default the present one with a new key: a new key file beside
        the former, or the newest version of the key that a service keeps.
    :raises KeyProblem: it cannot wrap, or not open what it wrapped, or its key cannot be renewed so that ``to`` is
        needed; nothing was changed.
    :raises KeyInUse: the key would be replaced where it lies, and opens other workspaces too.
    """
    former = access.authority.keyring.provider
    if to is not None:
        return _rewrapped(access, former, *_ready(to))
    if not isinstance(former, keys.RenewsKey):
        return _rewrapped(access, former, _renewable(former))
    with former.alone():
        former.read_again()  # another process may have renewed it: what lies there now is what is to be kept
        _check_opens_no_other(access, former)
        return _rewrapped(access, former, former.renewed(), replace=former.replace)


def _rewrapped(
    access: Access,
    former: keys.KeyProvider,
    provider: keys.KeyProvider,
    made: str | None = None,
    *,
    replace: Callable[[], str] | None = None,
) -> WrapReport:
    """Add the wraps of one provider, and remove those of another.

    :param replace: what puts the new key in the place of the former one, in between.
    """
    with access.viewing() as (authority, view, state):
        keyring = authority.keyring
        keyring.learn(view.keys(authority.workspace_id))
        old = {wrap.fingerprint for wrap in _opened_by(keyring, former, state)}
        wraps = _wraps_by(keyring, provider, state)
        for wrap in wraps:  # who may only encrypt would lock everybody out
            keyring.check_opened_by(provider, wrap)
    with access.changing() as change:
        _check_epochs(change, wraps)
        _put(change, wraps)
    kept = replace() if replace is not None else None
    new = {wrap.fingerprint for wrap in wraps}
    with access.changing() as change:
        live = _live(change)
        old |= {wrap.fingerprint for wrap in live if wrap.provider == former.uri}
        covered = {wrap.epoch for wrap in live if wrap.fingerprint in new}
        gone = [wrap for wrap in live if wrap.fingerprint in old - new and wrap.epoch in covered]
        _remove(change, gone)
        report = WrapReport(
            tuple(_told(wrap, change.state) for wrap in wraps),
            tuple(_told(wrap, change.state) for wrap in gone),
            made,
            kept,
        )
    keyring.use(former if kept else provider)
    return changed(report, scrubbed=scrubbed(access))


def recovery_kit(access: Access) -> RecoveryKit:
    """A new recovery code, which opens the keys of a workspace from now on, in the place of any code before."""
    code = RecoveryCode.new()
    with access.viewing() as (authority, _, state):
        wraps = _wraps_by(authority.keyring, RecoveryKey(code), state)
    with access.changing() as change:
        _check_epochs(change, wraps)
        _remove(change, [wrap for wrap in _live(change) if is_recovery(wrap.wrapped)])
        _put(change, wraps)
    return RecoveryKit(code, scrubbed(access))


def scrubbed(access: Access) -> bool:
    """Clean the store's files of what was replaced. What was done is done where that cannot be now: somebody reads, or
    may not clean; the next rotation, or whoever next may, cleans them of that as well."""
    try:
        access.store.scrub()
    except StoreUnavailable:
        return False
    return True


def check(access: Access) -> KeyReport:
    """Try every wrap of the current key, and count what still uses an older one."""
    with access.viewing() as (authority, view, state):
        keyring, workspace = authority.keyring, authority.workspace_id
        records = view.keys(workspace)
        keyring.learn(records)
        current = keyring.current.epoch
        used, below = [], view.backlog(workspace, state.oldest)
        for epoch in range(state.oldest, current + 1):
            upto = view.backlog(workspace, epoch + 1)
            used.append(EpochUse(epoch, upto.heads - below.heads, upto.versions - below.versions))
            below = upto
        removed = [
            RemovedKey(entry.at, entry.message, entry.label)
            for entry in proven_entries(authority, view, state)
            if entry.action == "key-remove" and entry.outcome == DONE
        ]
    wraps = [_checked(keyring, record, state) for record in records if record.epoch == current]
    return KeyReport(tuple(used), tuple(wraps), tuple(removed))


def _keeper(keyring: Keyring, record: WrappedKey) -> keys.KeyProvider:
    if is_recovery(record.wrapped):
        return RecoveryRecipient(record.wrapped)
    if _fits(keyring.provider, record):
        return keyring.provider
    provider = keys.resolve(record.provider)
    here = provider.fingerprint_for(record.wrapped)
    if here != record.fingerprint:
        raise KeyUnavailable(
            f"The key at {record.provider} has the fingerprint {here} now, and the workspace's key is wrapped with "
            f"{record.fingerprint}.",
            f"Put that key back, or remove its wrap: strongroom keys remove {record.fingerprint[:_PREFIX]}",
        )
    return provider


def _fits(provider: keys.KeyProvider, record: WrappedKey) -> bool:
    try:
        return provider.fingerprint_for(record.wrapped) == record.fingerprint
    except (KeyProblem, IntegrityError):
        return False


def _is_proven(keyring: Keyring, record: WrappedKey) -> bool:
    """Whether a wrap was made by somebody who had the key: one that somebody else put there is no way in."""
    try:
        keyring.prove(record)
    except (KeyProblem, IntegrityError):
        return False
    return True


def _ready(uri: str) -> tuple[keys.KeyProvider, str | None]:
    """The provider that a URI names, and where its key lies if it was made just now."""
    provider = keys.resolve(uri)
    return provider, provider.generate() if isinstance(provider, keys.GeneratesKey) else None


def _check_opens_no_other(access: Access, provider: keys.KeyProvider) -> None:
    """A key that is replaced where it lies is gone from there for every workspace that it opens."""
    with access.viewing() as (authority, view, state):
        authority.keyring.learn(view.keys(authority.workspace_id))
        ours = {wrap.fingerprint for wrap in _opened_by(authority.keyring, provider, state)}
        rows = [row for row in view.workspaces() if row.id != authority.workspace_id]
        others = [row.name for row in rows if any(wrap.fingerprint in ours for wrap in view.keys(row.id))]
    if others:
        names = ", ".join(f"{name!r:.80}" for name in others[:5]) + (" and others" if len(others) > 5 else "")
        raise KeyInUse(
            f"The key at {provider.uri} opens the workspaces {names} too, and they would not find it any more.",
            "Move each workspace to another key: strongroom keys rotate --level provider --to URI",
        )


def _renewable(provider: keys.KeyProvider) -> keys.KeyProvider:
    if isinstance(provider, RawKeyProvider | PassphraseKey | RecoveryKey):  # once more would be with the same key
        raise KeyUnavailable(
            f"The key at {provider.uri} is what it is.", "Name the place of another one: --to URI. Nothing was changed."
        )
    return provider


def _wraps_by(keyring: Keyring, provider: keys.KeyProvider, state: StateRecord) -> list[WrappedKey]:
    return [keyring.wrapped_by(provider, epoch) for epoch in range(state.oldest, keyring.current.epoch + 1)]


def _opened_by(keyring: Keyring, provider: keys.KeyProvider, state: StateRecord) -> Iterator[WrappedKey]:
    for epoch in range(state.oldest, keyring.current.epoch + 1):
        yield from (record for record in keyring.records(epoch) if _fits(provider, record))


def _check_epochs(change: Change, wraps: Sequence[WrappedKey]) -> None:
    """Nobody began a rotation meanwhile, of whose key there would be no such wrap."""
    if [wrap.epoch for wrap in wraps] != [*range(change.state.oldest, change.authority.keyring.current.epoch + 1)]:
        raise KeyUnavailable("Another process rotated the keys of the workspace just now.", "Try again.")


def _live(change: Change) -> list[WrappedKey]:
    wraps = change.transaction.keys(change.authority.workspace_id)
    return [wrap for wrap in wraps if wrap.epoch >= change.state.oldest]


def _put(change: Change, wraps: Sequence[WrappedKey]) -> None:
    for wrap in wraps:
        change.transaction.put_key(change.authority.workspace_id, wrap)
    _audit(change, "key-add", wraps)


def _remove(change: Change, wraps: Sequence[WrappedKey]) -> None:
    for wrap in wraps:
        change.transaction.remove_key(change.authority.workspace_id, wrap.epoch, wrap.fingerprint)
    _audit(change, "key-remove", wraps)


def _audit(change: Change, action: str, wraps: Sequence[WrappedKey]) -> None:
    for provider, fingerprint in sorted({(wrap.provider, wrap.fingerprint) for wrap in wraps}):
        change.audit(Subject(action, DONE, change.authority.workspace, label=fingerprint, message=provider))


def _is_meant(wrap: WrappedKey, which: str) -> bool:
    is_prefix = len(which) >= _PREFIX and wrap.fingerprint.startswith(which)
    return which in (wrap.provider, wrap.fingerprint) or is_prefix


def _told(record: WrappedKey, state: StateRecord) -> KeyWrap:
    word = "current" if record.epoch == state.epoch else "older" if record.epoch >= state.oldest else "retired"
    return KeyWrap(record.epoch, record.provider, record.fingerprint, record.created_at, word)


def _checked(keyring: Keyring, record: WrappedKey, state: StateRecord) -> WrapCheck:
    told = _told(record, state)
    try:
        keyring.prove(record)
        provider = keyring.provider if _fits(keyring.provider, record) else keys.resolve(record.provider)
        if provider is not keyring.provider and isinstance(provider, keys.AsksSomebody) and not provider.has_answer():
            return WrapCheck(told, None)
        keyring.check_opened_by(provider, record)
    except (KeyProblem, IntegrityError) as problem:
        return WrapCheck(told, False, str(problem))
    return WrapCheck(told, True)
