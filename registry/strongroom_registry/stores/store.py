"""What a registry needs of the place where its rows lie.

A store is untrusted. It is handed sealed bytes and MACed records and hands them back; it never sees a key or a
plaintext, and nothing that it says is believed before its MAC fits. What it does promise: a transaction happens
wholly or not at all, is on the disk when it returns, and a view shows one moment.

Documents are addressed by ids of 16 bytes, workspaces likewise. Every verb states what it does where the row is
missing. A store raises only :class:`~strongroom_registry.errors.StoreProblem`. Third parties check theirs with
:class:`strongroom_registry.testing.StoreContract`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from strongroom_registry.keyring import WrappedKey


class WorkspaceRow(NamedTuple):
    """A workspace: its id and name in clear, its state record and the MAC of that."""

    id: bytes
    name: str
    record: bytes
    mac: bytes


class HeadRow(NamedTuple):
    """A document: name, id and path in the trie in clear (to find rows by), its head record and the MAC of that."""

    name: str
    document: bytes
    record: bytes
    mac: bytes
    path: str


class VersionRow(NamedTuple):
    """A version. ``wrap`` is None once destroyed; ``public`` and ``body`` are empty then."""

    number: int
    record: bytes
    mac: bytes
    note: bytes
    public: bytes
    wrap: bytes | None
    body: bytes

    @property
    def has_body(self) -> bool:
        return bool(self.body)

    def outline(self) -> VersionOutline:
        """The same version without its body."""
        return VersionOutline(*self[:-1], self.has_body)


class VersionOutline(NamedTuple):
    """A version whose body, which can be large, stays in the store; ``has_body`` says whether there is one."""

    number: int
    record: bytes
    mac: bytes
    note: bytes
    public: bytes
    wrap: bytes | None
    has_body: bool


class AuditRow(NamedTuple):
    """An audit entry as its canonical bytes and the MAC that chains it to the one before."""

    seq: int
    record: bytes
    mac: bytes


class WrapRow(NamedTuple):
    """What a new workspace key changes of a version: its record, the MAC of that, and its wrap."""

    document: bytes
    number: int
    record: bytes
    mac: bytes
    wrap: bytes | None


class UseRow(NamedTuple):
    """That a version of the document ``user`` refers to the document ``used``: where to look, no proof."""

    used: str
    user: str
    number: int


class Backlog(NamedTuple):
    """How many rows of a workspace are still MACed or wrapped with the key of an earlier epoch."""

    heads: int
    versions: int


class LoadedRows(NamedTuple):
    """All that a load needs, as one flat row: workspace, head, version (None each where there is no such one)."""

    state_record: bytes
    state_mac: bytes
    head_record: bytes
    head_mac: bytes
    record: bytes | None
    mac: bytes | None
    note: bytes | None
    public: bytes | None
    wrap: bytes | None
    body: bytes | None


NEWEST = 2**63 - 1
"""The highest number that a version can have."""


class Expected(NamedTuple):
    """What a view will be asked for first: a workspace by its name, a document of it by its own, the nodes of the trie
    on the way to that (:func:`~strongroom_registry.tree.way_to`), and the version that has the highest number up to
    ``number``; with its body, or as an outline."""

    workspace_name: str
    workspace: bytes
    name: str
    number: int = NEWEST
    with_body: bool = False


class NotAtHand(Exception):
    """A view that was opened for what was expected is asked for something else.

    :param number: which version it is asked for, where it is one of the document that was expected.
    """

    def __init__(self, number: int | None = None) -> None:
        super().__init__(number)
        self.number = number


class View(Protocol):
    """The store at one moment."""

    def expect(self, expected: Expected) -> None:
        """Be told what the next questions are. It changes no answer; a store to which each question is a journey can
        ask for all of it on one."""

    def workspace(self, name: str) -> WorkspaceRow | None:
        """The workspace of this name, or None."""

    def workspaces(self) -> Sequence[WorkspaceRow]:
        """All workspaces, by name."""

    def keys(self, workspace: bytes) -> Sequence[WrappedKey]:
        """The wrapped keys of a workspace, by epoch and fingerprint; none for an unknown workspace."""

    def head(self, workspace: bytes, name: str) -> HeadRow | None:
        """The head of a document, or None."""

    def heads(self, workspace: bytes) -> Iterator[HeadRow]:
        """All heads of a workspace, by name."""

    def heads_by_path(self, workspace: bytes, *, after: str, limit: int, before_epoch: int) -> Sequence[HeadRow]:
        """The next heads in the order of their paths, the first of them beyond ``after``: those whose record begins
        with an epoch below ``before_epoch``."""

    def versions_before(
        self, workspace: bytes, epoch: int, *, after: tuple[str, int], limit: int
    ) -> Sequence[tuple[HeadRow, VersionOutline]]:
        """The next versions whose record begins with an epoch below ``epoch``, each with the head of its document, in
        the order of path and number, the first of them beyond ``after``."""

    def backlog(self, workspace: bytes, epoch: int) -> Backlog:
        """How many heads and versions have a record that begins with an epoch below ``epoch``."""

    def uses(self, workspace: bytes, used: str) -> Sequence[UseRow]:
        """The versions that were saved with a reference to a document, by user and number."""

    def all_uses(self, workspace: bytes) -> Iterator[UseRow]:
        """All uses of a workspace, by used, user and number."""

    def search(self, workspace: bytes, text: bytes) -> Iterator[HeadRow]:
        """The heads of documents of which some version's public projection contains these bytes, by name."""

    def version(self, document: bytes, number: int) -> VersionRow | None:
        """One version of a document, or None."""

    def outlines(self, wanted: Iterable[tuple[bytes, int]]) -> Iterator[VersionOutline | None]:
        """Versions by document and number, in the order in which they are asked for; None for each that is missing.
        Bodies are not read."""

    def versions(self, document: bytes) -> Iterator[VersionOutline]:
        """All versions of a document, the newest first; none for an unknown document. Bodies are not read."""

    def nodes(self, workspace: bytes, paths: Iterable[str]) -> Iterator[bytes | None]:
        """The nodes of the workspace's trie at some paths, in the order in which they are asked for; None for each that
        is missing. Those that are not taken from the iterator need not be read."""

    def audit(self, workspace: bytes, *, newest_first: bool = False) -> Iterator[AuditRow]:
        """The audit entries of a workspace in their order."""


class Transaction(View, Protocol):
    """The store within a change. Writes are seen by its own reads and by nobody else until it ends."""

    def put_workspace(self, row: WorkspaceRow) -> None:
        """Write or replace a workspace."""

    def remove_workspace(self, workspace: bytes) -> None:
        """Remove a workspace and every row that belongs to it; what is removed is overwritten in the file."""

    def put_key(self, workspace: bytes, key: WrappedKey) -> None:
        """Write or replace the wrap of one epoch's key that has this fingerprint."""

    def remove_key(self, workspace: bytes, epoch: int, fingerprint: str) -> None:
        """Remove one wrap; what is removed is overwritten in the file."""

    def put_heads(self, workspace: bytes, rows: Sequence[HeadRow]) -> None:
        """Write or replace the heads of their names."""

    def put_version(self, document: bytes, row: VersionRow) -> None:
        """Write or replace a version; what it replaces is overwritten in the file, not merely released."""

    def put_wraps(self, rows: Sequence[WrapRow]) -> None:
        """Replace record, MAC and wrap of versions that are there; what is replaced is overwritten in the file."""

    def put_nodes(self, workspace: bytes, nodes: Mapping[str, bytes]) -> None:
        """Write or replace nodes of the trie, by their paths."""

    def put_uses(self, workspace: bytes, rows: Sequence[UseRow]) -> None:
        """Write uses; those that are there already stay."""

    def remove_uses(self, workspace: bytes, user: str, number: int) -> None:
        """Remove the uses of one version."""

    def append_audit(self, workspace: bytes, rows: Sequence[AuditRow]) -> None:
        """Add audit entries. None of the same number must exist."""


@runtime_checkable
class Watched(Protocol):
    """What a store can do whose changes by other processes make themselves known."""

    def watch(self, changed: Callable[[bytes], None]) -> Callable[[], None]:
        """Call ``changed`` with a workspace's id, in a thread of the store, after each change of it by anybody, and
        after a time in which changes may have been missed. What is returned ends it."""


class StoreBusy(Exception):
    """Somebody else writes, and nobody was to wait for that."""


class Store(Protocol):
    """A place where registries lie. Safe to use from several threads, and from a fork after :meth:`after_fork`."""

    @property
    def store_id(self) -> bytes | None:
        """16 random bytes that name this store for good; None while it is empty."""

    @property
    def is_ephemeral(self) -> bool:
        """Whether the store ends with the process, so that a key that does the same is enough."""

    def initialise(self, fill: Callable[[Transaction, bytes], None], *, store_id: bytes | None = None) -> None:
        """Make an empty store a registry: choose its id, and have ``fill(transaction, store_id)`` write the first
        rows, all in one transaction. A crash before its end leaves the store empty. Where another was faster,
        nothing is done.

        :param store_id: the id of a store that is restored; by default random.
        """

    def state(self, workspace: bytes) -> tuple[bytes, bytes] | None:
        """Record and MAC of the state of a workspace; None where there is no such one."""

    def load(self, workspace: bytes, name: str, number: int) -> LoadedRows | None:
        """All that loading one version needs, of one moment; None where the workspace has no such document."""

    def load_all(self, workspace: bytes, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], LoadedRows | None]:
        """As :meth:`load`, of several versions by name and number, of one moment."""

    def reading(self) -> AbstractContextManager[View]:
        """A view that shows one moment for as long as it is open. Not to be nested."""

    def glancing(self, expected: Expected) -> AbstractContextManager[View]:
        """As :meth:`reading`, for what is expected: whatever else the view is asked for it may answer, or raise
        :class:`NotAtHand`. So one question is enough for a store to which each is a journey."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A change: alone in the store, kept wholly when the block ends, undone wholly when it raises. Not to be
        nested.

        :raises StoreUnavailable: the store is read-only, full, or stays locked.
        """

    def renew(
        self, before: tuple[bytes, bytes], row: WorkspaceRow, entries: Sequence[AuditRow], *, wait: bool = True
    ) -> bool:
        """Write the state of a workspace with entries of its audit, if record and MAC of its state are still those
        ``before``; whether they were. Nobody who watches is told: no document has changed.

        :param wait: for others who write. Without that nothing is tidied up behind it either: :meth:`write_back` is to
            be called every few hundred changes.
        :raises StoreBusy: somebody else writes, and is not to be waited for.
        :raises StoreUnavailable: as :meth:`writing`.
        """

    def write_back(self) -> None:
        """Write what a log of changes holds to where it belongs, as far as nobody reads it."""

    def scrub(self) -> None:
        """Leave no byte of what was replaced or removed by finished transactions in any file.

        :raises StoreUnavailable: somebody still reads a moment in which it was there.
        """

    def after_fork(self) -> None:
        """Called in a process that was just forked, which must neither touch the connections of its parent nor wait for
        locks that its parent's threads held."""

    def close(self) -> None:
        """Let go of files and connections. Closing twice is fine."""
