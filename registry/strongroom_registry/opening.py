"""From a URL and a key to a registry, the first time and every other."""

from __future__ import annotations

import getpass
import logging
import os
import socket
import sys
from datetime import UTC, datetime
from uuid import UUID

from strongroom_registry import keys
from strongroom_registry.anchoring import Anchoring
from strongroom_registry.anchors import open_anchor_store
from strongroom_registry.audit import CHAIN_START, DONE, Subject
from strongroom_registry.authority import REMEDY, Authority
from strongroom_registry.changes import Change
from strongroom_registry.document import check_name
from strongroom_registry.errors import (
    HeadTampered,
    KeyProblem,
    KeyUnavailable,
    StoreUnavailable,
    UnknownWorkspace,
    WrongKey,
)
from strongroom_registry.heads import StateRecord
from strongroom_registry.keyring import Keyring, WrappedKey
from strongroom_registry.keys import KeyProvider
from strongroom_registry.registry import Registry
from strongroom_registry.stores import Store, open_store
from strongroom_registry.stores.store import Transaction, WorkspaceRow
from strongroom_registry.tree import EMPTY_ROOT, Trie

_log = logging.getLogger("strongroom")


def open_registry(
    url: str | None = None,
    *,
    key: str | None = None,
    workspace: str | None = None,
    create: bool = True,
    actor: str | None = None,
    anchor: str | None = None,
) -> Registry:
    """Open a registry, and make it first where there is none. What is not given comes from the environment
    (:class:`~strongroom_registry.settings.RegistrySettings`).

    A new registry gets a key: the one that ``key`` names, or a new one in
    ``~/.config/strongroom/keys/<store id>.key``, of which stderr says where it lies. A registry that exists is
    opened with the key that it was made with or not at all.

    :param url: ``sqlite:///path`` or ``memory:``; by default ``registry.db`` in ``$STRONGROOM_HOME``.
    :param key: a key URI, such as ``file:/path``, ``env:NAME`` or ``passphrase:``.
    :param workspace: whose documents; made as well where ``create`` allows.
    :param create: whether to make what does not exist.
    :param actor: who the audit says did it; by default ``user@host``.
    :param anchor: where the anchor of the workspace is kept, such as ``file:/path``; an empty text for nowhere.
    :raises KeyProblem: the key is absent, exposed or another one; the store stays as it was.
    :raises StoreProblem: the store cannot be opened or is none.
    :raises UnknownWorkspace: there is no such workspace and ``create`` is false.
    :raises StoreRolledBack: the workspace is older than its anchor.
    :raises AnchorUnavailable: its anchor cannot be read, or there is none yet.
    """
    from strongroom_registry.settings import RegistrySettings

    settings = RegistrySettings()
    workspace = check_name(workspace or settings.workspace)
    store = open_store(url or settings.url, create=create)
    try:
        opening = _Opening(
            store,
            key=key or settings.key,
            workspace=workspace,
            actor=(actor or settings.actor or _user())[:200],
            create=create,
            anchor=settings.anchor if anchor is None else anchor,
        )
        return opening.registry()
    except BaseException:
        store.close()
        raise


_Neighbour = tuple[WorkspaceRow, list[WrappedKey]]


class _Opening:
    def __init__(
        self, store: Store, *, key: str | None, workspace: str, actor: str, create: bool, anchor: str | None
    ) -> None:
        self._store = store
        self._key = key
        self._workspace = workspace
        self._actor = actor
        self._create = create
        self._anchors = open_anchor_store(anchor) if anchor and not store.is_ephemeral else None
        self._provider: KeyProvider | None = None

    def registry(self) -> Registry:
        if self._store.store_id is None:
            self._initialise()
        store_id = self._store.store_id
        assert store_id is not None  # noqa: S101
        workspace_id, wrapped = self._wrapped(store_id)
        keyring = self._open_keyring(store_id, workspace_id, wrapped)
        authority = Authority(store_id, workspace_id, self._workspace, keyring, Trie())
        return Registry(self._store, authority, actor=self._actor, anchoring=self._anchoring(authority))

    def _anchoring(self, authority: Authority) -> Anchoring | None:
        if self._anchors is None:
            return None
        return Anchoring(self._anchors, authority.store_id, authority.workspace_id)

    def _initialise(self) -> None:
        if not self._create:
            raise StoreUnavailable("The registry is empty: it was never finished.", "Finish it with `strongroom init`.")
        self._store.initialise(self._first_rows)

    def _first_rows(self, transaction: Transaction, store_id: bytes) -> None:
        """The key is on the disk before the rows that need it are; a crash between the two leaves an empty store and
        a key that nothing uses."""
        self._provider = self._provider_for_new(store_id)
        self._put_workspace(transaction, store_id, self._provider)

    def _provider_for_new(self, store_id: bytes) -> KeyProvider:
        if self._key is None and self._store.is_ephemeral:
            from strongroom_registry.keys.ephemeral import EphemeralKey

            return EphemeralKey()
        provider: KeyProvider = keys.FileKey(keys.default_key_path(UUID(bytes=store_id)))
        if self._key is not None:
            provider = keys.resolve(self._key)
        place = provider.generate() if isinstance(provider, keys.GeneratesKey) else None
        if place is not None:
            _announce(
                f"Strongroom made a new registry. Its key lies in {place}: keep a copy of it, apart from the data. "
                "Without the key nobody can read the registry again."
            )
        return provider

    def _put_workspace(self, transaction: Transaction, store_id: bytes, provider: KeyProvider) -> None:
        workspace_id = os.urandom(16)
        keyring, wrapped = Keyring.create(provider, store_id=store_id, workspace_id=workspace_id)
        authority = Authority(store_id, workspace_id, self._workspace, keyring, Trie())
        state = StateRecord(
            epoch=wrapped.epoch,
            store=store_id,
            workspace=workspace_id,
            name=self._workspace,
            seq=0,
            root=EMPTY_ROOT,
            audit_seq=0,
            audit_mac=CHAIN_START,
        )
        transaction.put_workspace(authority.signed_state(state))
        transaction.put_key(workspace_id, wrapped)
        change = Change(authority, transaction, state, actor=self._actor, now=datetime.now(UTC))
        change.audit(Subject("create", DONE, self._workspace))
        state, _ = change.finish()
        anchoring = self._anchoring(authority)
        if anchoring is not None:  # before anybody can see the workspace, and miss its anchor
            anchoring.advance(authority, state, first=True)

    def _wrapped(self, store_id: bytes) -> tuple[bytes, list[WrappedKey]]:
        with self._store.reading() as view:
            row = view.workspace(self._workspace)
            if row is not None:
                return row.id, list(view.keys(row.id))
            neighbours = [(other, list(view.keys(other.id))) for other in view.workspaces()]
        if not neighbours:
            raise HeadTampered(f"The workspaces of the registry are gone, {self._workspace!r} as well.", REMEDY)
        self._check_names(store_id, neighbours)
        if not self._create:
            raise UnknownWorkspace(f"There is no workspace {self._workspace!r}.", "Open it once with create=True.")
        return self._add_workspace(store_id, neighbours)

    def _check_names(self, store_id: bytes, neighbours: list[_Neighbour]) -> None:
        """A name that no workspace has may be that of one that was renamed by hand. Those of which this key is not that
        one cannot be looked into; where it opens none, it is not the key of this registry.

        :raises HeadTampered: a workspace is not the one that its name says.
        """
        wrong: KeyProblem | None = None
        opened = False
        for row, wrapped in neighbours:
            try:
                keyring = self._open_keyring(store_id, row.id, wrapped)
            except WrongKey as exc:
                wrong = wrong or exc
                continue
            opened = True
            Authority(store_id, row.id, row.name, keyring, Trie()).state(row)
        if wrong is not None and not opened:
            raise wrong

    def _add_workspace(self, store_id: bytes, neighbours: list[_Neighbour]) -> tuple[bytes, list[WrappedKey]]:
        """A new workspace in a store that has others gets a key only from a provider that opens one of those."""
        with self._store.writing() as transaction:
            if transaction.workspace(self._workspace) is None:
                self._put_workspace(transaction, store_id, self._provider_for_existing(store_id, neighbours[0][1]))
        return self._wrapped(store_id)

    def _open_keyring(self, store_id: bytes, workspace_id: bytes, wrapped: list[WrappedKey]) -> Keyring:
        provider = self._provider_for_existing(store_id, wrapped)
        return Keyring.open(wrapped, provider, store_id=store_id, workspace_id=workspace_id)

    def _provider_for_existing(self, store_id: bytes, wrapped: list[WrappedKey]) -> KeyProvider:
        if self._provider is None:
            self._provider = self._named_provider(store_id, wrapped)
        return self._provider

    def _named_provider(self, store_id: bytes, wrapped: list[WrappedKey]) -> KeyProvider:
        if self._key is not None:
            return keys.resolve(self._key)
        path = keys.default_key_path(UUID(bytes=store_id))
        if not os.path.lexists(path):
            sealed = f"{wrapped[-1].fingerprint} (at {wrapped[-1].provider})" if wrapped else "another key"
            raise KeyUnavailable(
                f"The registry was sealed with the key {sealed}, and there is none at {path}.",
                "Name its place in STRONGROOM_KEY, or put the file back from where you keep its copy.",
            )
        return keys.FileKey(path)


def _announce(text: str) -> None:
    print(text, file=sys.stderr)
    _log.info(text)


def _user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
