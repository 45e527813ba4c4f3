"""Proving that a backup can be restored, and restoring it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from strongroom_registry import keys
from strongroom_registry.anchor import Anchor
from strongroom_registry.anchoring import Anchoring
from strongroom_registry.anchors import AnchorStore
from strongroom_registry.authority import Authority
from strongroom_registry.backup import BackedUpWorkspace, BackupSummary, fill, summarise
from strongroom_registry.backup_file import BackupReader
from strongroom_registry.embedded import EmbeddedRegistry
from strongroom_registry.errors import (
    AnchorTampered,
    BackupDamaged,
    IntegrityError,
    KeyProblem,
    SealBroken,
    StoreForeign,
    StoreOccupied,
    StoreRolledBack,
    StoreUnavailable,
    WrongKey,
)
from strongroom_registry.keyring import Keyring, WrappedKey
from strongroom_registry.keys import KeyProvider
from strongroom_registry.registry import Registry
from strongroom_registry.stores import Store, open_store, shown
from strongroom_registry.stores.sqlite import SqliteStore
from strongroom_registry.stores.store import Transaction, WorkspaceRow
from strongroom_registry.verification import Problem


@dataclass(frozen=True, slots=True)
class VerifiedWorkspace:
    """What opening everything of a workspace found.

    ``key_problem`` says why it could not be opened; then nothing but the file is proven of it. ``anchor_seq`` is the
    change that an anchor of it names, None where none was looked for or found.
    """

    backed_up: BackedUpWorkspace
    problems: tuple[Problem, ...] = ()
    key_problem: KeyProblem | None = None
    anchor_seq: int | None = None

    @property
    def ok(self) -> bool:
        return not self.problems and self.key_problem is None


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """What opening everything of a backup found."""

    summary: BackupSummary
    workspaces: tuple[VerifiedWorkspace, ...]

    @property
    def ok(self) -> bool:
        return all(workspace.ok for workspace in self.workspaces)


def verify_backup(
    path: str | os.PathLike[str], *, key_uris: Sequence[str] = (), anchors: AnchorStore | None = None
) -> VerifiedBackup:
    """Restore a backup into a store of its own, in a temporary folder, and open every version of every workspace.

    :param key_uris: where the keys are; each workspace is opened with the first that fits. Where none is given, the
        key of the settings, or the file that was made with the registry.
    :param anchors: where anchors are kept, to be compared.
    :raises BackupDamaged: the file was cut short or changed.
    :raises StoreProblem: the file cannot be read, or there is no room to unpack it.
    :raises AnchorUnavailable: the anchors cannot be read.
    """
    with BackupReader(path) as reader, _Unpacked(reader, key_uris, anchors) as unpacked:
        return unpacked.verified()


def restore_backup(
    path: str | os.PathLike[str],
    url: str,
    *,
    key_uris: Sequence[str] = (),
    anchors: AnchorStore | None = None,
    reset_anchors: bool = False,
) -> VerifiedBackup:
    """Make an empty store what a backup holds, after everything in it was opened; in one transaction.

    :param url: the store, of any kind; one that holds a registry is refused.
    :param key_uris, anchors: as for :func:`verify_backup`.
    :param reset_anchors: accept that the backup is older than its anchors, and put these back.
    :raises StoreOccupied: there is a registry already.
    :raises StoreRolledBack: the backup is older than its anchor, and ``reset_anchors`` is not given.
    :raises KeyProblem: a workspace could not be opened.
    :raises IntegrityError: something in the backup is not as it was left.
    """
    with BackupReader(path) as reader:
        _check_vacant(url)
        with _Unpacked(reader, key_uris, anchors) as unpacked:
            verified = unpacked.verified()
            _raise_first(verified)
            if not reset_anchors:
                unpacked.check_anchors()
            _restore(reader, url)
            unpacked.write_anchors(reset=reset_anchors)
    return verified


def restore_sealed(path: str | os.PathLike[str], url: str, *, anchors: AnchorStore | None = None) -> BackupSummary:
    """As :func:`restore_backup`, without a key: only the file is proven whole, and nothing in it opened.

    :raises StoreRolledBack: an anchor names a later change than the backup holds.
    """
    with BackupReader(path) as reader:
        _check_vacant(url)
        summary = summarise(reader)
        for workspace in summary.workspaces:
            kept = _kept(anchors, summary.store_id, workspace.id)
            if kept is not None and kept.seq > workspace.seq:
                raise _older(workspace, kept, "Restore a newer backup, or restore this one with its key.")
        _restore(reader, url)
    return summary


class _Unpacked:
    """A backup in a store of its own, which is gone afterwards; nothing in it is in clear."""

    def __init__(self, reader: BackupReader, key_uris: Sequence[str], anchors: AnchorStore | None) -> None:
        self._reader = reader
        self._key_uris = key_uris
        self._anchors = anchors
        self._folder = tempfile.TemporaryDirectory(prefix="strongroom-")
        self._store: Store | None = None
        self._registries: list[tuple[BackedUpWorkspace, Registry]] = []

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._store is not None:
            self._store.close()
        self._folder.cleanup()

    def verified(self) -> VerifiedBackup:
        """Open everything."""
        store = self._store = SqliteStore(Path(self._folder.name) / "registry.db")
        summary = summarise(self._reader)
        try:
            _initialise(store, self._reader)
        except StoreForeign:  # two rows of one key, or a version of another document: the tables allow neither
            raise BackupDamaged(
                f"The rows of {self._reader.path} do not fit together.", "Use another backup."
            ) from None
        with store.reading() as view:
            rows = {row.id: (row, list(view.keys(row.id))) for row in view.workspaces()}
        providers = list(self._providers(summary.store_id))
        found = [self._verified(workspace, *rows[workspace.id.bytes], providers) for workspace in summary.workspaces]
        return VerifiedBackup(summary, tuple(found))

    def check_anchors(self) -> None:
        """Refuse a backup that is older than an anchor of it, or did not come of it."""
        for workspace, registry in self._registries:
            kept = self._kept(workspace)
            if kept is None:
                continue
            try:
                registry.check_anchor(kept)
            except (StoreRolledBack, AnchorTampered) as exc:
                raise type(exc)(
                    exc.problem,
                    "Restore a newer backup; or, if this is the one that you mean, add --reset-anchor.",
                ) from None

    def write_anchors(self, *, reset: bool) -> None:
        """Have the anchors say what was restored."""
        if self._anchors is not None:
            for _, registry in self._registries:
                registry.write_anchor(self._anchors, reset=reset)

    def _verified(
        self, workspace: BackedUpWorkspace, row: WorkspaceRow, wrapped: list[WrappedKey], providers: list[KeyProvider]
    ) -> VerifiedWorkspace:
        kept = self._kept(workspace)
        found = VerifiedWorkspace(workspace, anchor_seq=None if kept is None else kept.seq)
        try:
            registry = self._opened(workspace, row, wrapped, providers)
        except KeyProblem as exc:
            return replace(found, key_problem=exc)
        except IntegrityError as exc:
            return replace(found, problems=(Problem("", None, exc),))
        self._registries.append((workspace, registry))
        problems = list(registry.verify().problems)
        audit = registry.verify_audit().problem
        if audit is not None:
            problems.append(Problem("", None, audit))
        return replace(found, problems=tuple(problems))

    def _opened(
        self, workspace: BackedUpWorkspace, row: WorkspaceRow, wrapped: list[WrappedKey], providers: list[KeyProvider]
    ) -> Registry:
        store_id = self._reader.header.store_id.bytes
        why = "none was named"
        for provider in providers:
            try:
                keyring = Keyring.open(wrapped, provider, store_id=store_id, workspace_id=row.id)
            except SealBroken:
                raise
            except (KeyProblem, IntegrityError) as exc:  # IntegrityError: what another kind of provider wrapped
                why = exc.problem
                continue
            assert self._store is not None  # noqa: S101
            return EmbeddedRegistry(self._store, Authority.of(row, keyring), actor="")
        needed = " or ".join(map(str, workspace.current_keys)) or "one that is gone"
        raise WrongKey(
            f"No key at hand opens the workspace {row.name!r} of the backup. It needs {needed}. {why}",
            "Name the key with --key, or in STRONGROOM_KEY.",
        )

    def _providers(self, store_id: UUID) -> Iterator[KeyProvider]:
        from strongroom_registry.settings import RegistrySettings

        configured = RegistrySettings().key
        uris = self._key_uris or ([configured] if configured else [])
        yield from map(keys.resolve, uris)
        if not uris:
            yield keys.FileKey(keys.default_key_path(store_id))

    def _kept(self, workspace: BackedUpWorkspace) -> Anchor | None:
        return _kept(self._anchors, self._reader.header.store_id, workspace.id)


def _kept(anchors: AnchorStore | None, store_id: UUID, workspace_id: UUID) -> Anchor | None:
    return None if anchors is None else Anchoring(anchors, store_id.bytes, workspace_id.bytes).read()


def _older(workspace: BackedUpWorkspace, kept: Anchor, remedy: str) -> StoreRolledBack:
    return StoreRolledBack(
        f"The backup holds the workspace {workspace.name!r} at change {workspace.seq}, and its anchor says {kept.seq}.",
        remedy,
    )


def _raise_first(verified: VerifiedBackup) -> None:
    for workspace in verified.workspaces:
        if workspace.key_problem is not None:
            raise workspace.key_problem
        if workspace.problems:
            raise workspace.problems[0].error


def _check_vacant(url: str) -> None:
    """Refuse a store that holds a registry, and make none."""
    try:
        with _closing(open_store(url, create=False)) as store:
            if store.store_id is not None:
                raise _occupied(url)
    except StoreUnavailable:
        return  # there is none yet; what else may be wrong with it shows when it is made


def _restore(reader: BackupReader, url: str) -> None:
    with _closing(open_store(url)) as store:
        if store.is_ephemeral:
            raise StoreUnavailable(f"What is restored to {url} would be gone at once.", "Name a store that stays.")
        if not _initialise(store, reader):
            raise _occupied(url)


def _initialise(store: Store, reader: BackupReader) -> bool:
    """Fill an empty store; False where it was not empty."""
    filled = False

    def fill_once(transaction: Transaction, _: bytes) -> None:
        nonlocal filled
        fill(transaction, reader.rows())
        filled = True

    store.initialise(fill_once, store_id=reader.header.store_id.bytes)
    return filled


def _occupied(url: str) -> StoreOccupied:
    return StoreOccupied(
        f"There is a registry at {shown(url)} already, and nothing is restored over it.",
        "Name an empty place with --to, or move that registry away first.",
    )


@contextmanager
def _closing(store: Store) -> Iterator[Store]:
    try:
        yield store
    finally:
        store.close()
