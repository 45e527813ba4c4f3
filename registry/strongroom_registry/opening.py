"""From a URL and a key to a registry, the first time and every other."""

from __future__ import annotations

import getpass
import logging
import os
import socket
import sys
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from strongroom_registry import keys
from strongroom_registry.access import Access
from strongroom_registry.anchoring import Anchoring
from strongroom_registry.anchors import open_anchor_store
from strongroom_registry.audit import CHAIN_START, DONE, Subject
from strongroom_registry.authority import REMEDY, Authority
from strongroom_registry.changes import Change
from strongroom_registry.document import check_name
from strongroom_registry.embedded import EmbeddedRegistry
from strongroom_registry.errors import (
    HeadTampered,
    IntegrityError,
    KeyAbsent,
    KeyDenied,
    KeyProblem,
    KeyUnavailable,
    NameTaken,
    StoreUnavailable,
    StrongroomError,
    UnknownWorkspace,
    WrongKey,
)
from strongroom_registry.heads import StateRecord
from strongroom_registry.keyring import Keyring, WrappedKey
from strongroom_registry.keys import KeyProvider
from strongroom_registry.registry import Registry
from strongroom_registry.remote.address import is_remote
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
    """Open a registry, and make it first where there is none. What is not given comes from the settings
    (:class:`~strongroom_registry.settings.RegistrySettings`).

    A new registry gets a key: the one that ``key`` names, or a new one in
    ``~/.config/strongroom/keys/<store id>.key``, of which stderr says where it lies. A registry that exists is
    opened with the key that it was made with or not at all.

    The registry of a server is asked with the token of the settings
    (:class:`~strongroom_registry.remote.settings.RemoteSettings`); keys, actor and anchor are the server's affair.

    :param url: ``sqlite:///path``, ``postgresql://user@host/database``, ``memory:`` or a server's ``https://host``; by
        default ``registry.db`` in ``$STRONGROOM_HOME``.
    :param key: a key URI, such as ``file:/path``, ``env:NAME`` or ``passphrase:``.
    :param workspace: whose documents. A new registry has this one; another one of a registry that exists is made by
        :func:`~strongroom_registry.workspaces.new_workspace` alone, so that a mistyped name makes none.
    :param create: whether to make a registry where there is none.
    :param actor: who the audit says did it; by default ``user@host``.
    :param anchor: where the anchor of the workspace is kept, such as ``file:/path``; an empty text for nowhere.
    :raises KeyProblem: the key is absent, exposed or another one; the store stays as it was.
    :raises StoreProblem: the store cannot be opened or is none.
    :raises UnknownWorkspace: there is no such workspace that the key opens.
    :raises StoreRolledBack: the workspace is older than its anchor.
    :raises AnchorUnavailable: its anchor cannot be read, or there is none yet.
    :raises TokenRefused, AccessDenied: a server does not know who asks, or does not let him.
    :raises InvalidConfiguration: a server's address is none, or something is set that is the server's affair.
    """
    place = url or _configured_url()
    if is_remote(place):
        from strongroom_registry.remote.opening import open_remote

        return open_remote(place, key=key, workspace=workspace, actor=actor, anchor=anchor)
    opening = Opening.of(place, key=key, workspace=workspace, create=create, actor=actor, anchor=anchor)
    try:
        return opening.registry()
    except BaseException:
        opening.close()
        raise


class Mine(NamedTuple):
    """A workspace that the key opens: its row, its state, or what is wrong with that."""

    row: WorkspaceRow
    state: StateRecord | None
    problem: IntegrityError | None


class Opening:
    """A store that is being opened, the key that is tried, and the workspace that is meant.

    :param anchor: the URI of the place where anchors are kept; none, or an empty text, for nowhere.
    """

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

    @classmethod
    def of(
        cls,
        url: str | None,
        *,
        key: str | None,
        workspace: str | None = None,
        create: bool = False,
        actor: str | None = None,
        anchor: str | None = None,
    ) -> Opening:
        """As for :func:`open_registry`; what is not given comes from the settings."""
        from strongroom_registry.settings import RegistrySettings

        settings = RegistrySettings()
        workspace = check_name(workspace or settings.workspace)
        store = open_store(url or settings.url, create=create)
        try:
            return cls(
                store,
                key=key or settings.key,
                workspace=workspace,
                actor=(actor or settings.actor or _user())[:200],
                create=create,
                anchor=settings.anchor if anchor is None else anchor,
            )
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def registry(self) -> Registry:
        """The workspace that is meant; in a new registry where there is none and one may be made."""
        if self._store.store_id is None and self._create:
            self._store.initialise(self._first_rows)
        authority = self._authority(self._store_id())
        return EmbeddedRegistry(self._store, authority, actor=self._actor, anchoring=self.anchoring(authority))

    def access(self) -> Access:
        """The workspace that is meant, below the registry."""
        authority = self._authority(self._store_id())
        return Access(self._store, authority, actor=self._actor, anchoring=self.anchoring(authority))

    def mine(self) -> list[Mine]:
        """The workspaces that the key opens, by name.

        :raises KeyProblem: it opens none.
        :raises HeadTampered: there is none.
        """
        store_id = self._store_id()
        with self._store.reading() as view:
            rows = [(row, list(view.keys(row.id))) for row in view.workspaces()]
        if not rows:
            raise HeadTampered(f"The workspaces of the registry are gone, {self._workspace!r} as well.", REMEDY)
        refused: StrongroomError | None = None
        mine: list[Mine] = []
        for row, wrapped in rows:
            try:
                authority = self._opened(store_id, row, wrapped)
            except (KeyProblem, IntegrityError) as exc:
                if not self._is_foreign(exc, wrapped):
                    raise
                refused = refused or exc
                continue
            mine.append(_looked_at(authority, row))
        if refused is not None and not mine:
            raise refused
        return mine

    def check_names(self) -> set[str]:
        """Look at each workspace that the key opens, and return their names: one that is missed by its name may be
        another that was renamed by hand.

        :raises KeyProblem: it opens none.
        :raises HeadTampered: a workspace is not the one that its name says.
        """
        mine = self.mine()
        for found in mine:
            if found.problem is not None:
                raise found.problem
        return {found.row.name for found in mine}

    def add(self, key: str | None) -> StateRecord:
        """Make the workspace that is meant. Only who can open another one of the registry may.

        :param key: the URI of its own key, which is made where it is missing and that can be done; by default, the
            key that opens the other one.
        :raises NameTaken: there is such a workspace.
        :raises KeyProblem: the key of the settings opens no workspace, or the other one cannot be had.
        """
        self.check_names()
        taken = NameTaken(f"The name {self._workspace!r} is taken.", "Choose another name for the workspace.")
        with self._store.reading() as view:
            if view.workspace(self._workspace) is not None:
                raise taken
        assert self._provider is not None  # noqa: S101  # mine() opened something with it
        provider = self._provider if key is None else self._made(keys.resolve(key), f"a key for {self._workspace!r}")
        with self._store.writing() as transaction:
            if transaction.workspace(self._workspace) is not None:
                raise taken
            return self._put_workspace(transaction, self._store_id(), provider)

    def _store_id(self) -> bytes:
        store_id = self._store.store_id
        if store_id is None:
            raise StoreUnavailable("The registry is empty: it was never finished.", "Finish it with `strongroom init`.")
        return store_id

    def anchoring(self, authority: Authority) -> Anchoring | None:
        """What holds a workspace against its anchor, where one is to be kept."""
        if self._anchors is None:
            return None
        return Anchoring(self._anchors, authority.store_id, authority.workspace_id)

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
        return self._made(provider, "a new registry")

    def _made(self, provider: KeyProvider, what: str) -> KeyProvider:
        place = provider.generate() if isinstance(provider, keys.GeneratesKey) else None
        if place is not None:
            _announce(
                f"Strongroom made {what}. The key lies in {place}: keep a copy of it, apart from the data. "
                "Without the key nobody can read what it sealed."
            )
        return provider

    def _put_workspace(self, transaction: Transaction, store_id: bytes, provider: KeyProvider) -> StateRecord:
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
        anchoring = self.anchoring(authority)
        if anchoring is not None:  # before anybody can see the workspace, and miss its anchor
            anchoring.advance(authority, state, first=True)
        return state

    def _authority(self, store_id: bytes) -> Authority:
        """Who believes the rows of the workspace that is meant.

        One that the key does not open is not told from one that is not there, if the key opens another one: who has
        that is not to learn which others there are.
        """
        refused: StrongroomError | None = None
        with self._store.reading() as view:
            row = view.workspace(self._workspace)
            wrapped = [] if row is None else list(view.keys(row.id))
        if row is not None:
            try:
                return self._opened(store_id, row, wrapped)
            except (KeyProblem, IntegrityError) as exc:
                if not self._is_foreign(exc, wrapped):
                    raise
                refused = exc
        try:
            names = self.check_names()
        except (KeyProblem, IntegrityError) as exc:
            raise exc if refused is None or isinstance(exc, HeadTampered) else refused from None
        if self._workspace in names:  # it was made, or its key renewed, between the two looks
            return self._authority(store_id)
        raise UnknownWorkspace(
            f"There is no workspace {self._workspace!r} that this key opens.",
            "See `strongroom workspace ls`; `strongroom workspace new` makes one.",
        )

    def _opened(self, store_id: bytes, row: WorkspaceRow, wrapped: list[WrappedKey]) -> Authority:
        provider = self._provider_for_existing(store_id, wrapped)
        keyring = Keyring.open(wrapped, provider, store_id=store_id, workspace_id=row.id)
        return Authority.of(row, keyring)

    def _is_foreign(self, problem: StrongroomError, wrapped: list[WrappedKey]) -> bool:
        """Whether a workspace could not be opened because other keys than this one are for it."""
        if isinstance(problem, WrongKey | KeyDenied | KeyAbsent):
            return True
        scheme = "" if self._provider is None else self._provider.uri.partition(":")[0]
        return bool(scheme and wrapped) and all(str(key.provider).partition(":")[0] != scheme for key in wrapped)

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


def _configured_url() -> str:
    from strongroom_registry.settings import RegistrySettings

    return RegistrySettings().url


def _looked_at(authority: Authority, row: WorkspaceRow) -> Mine:
    try:
        return Mine(row, authority.state(row), None)
    except IntegrityError as problem:
        return Mine(row, None, problem)


def _announce(text: str) -> None:
    print(text, file=sys.stderr)
    _log.info(text)


def _user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
