"""The workspaces of a registry: each with documents, keys and an audit of its own, and blind to the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from strongroom_registry.access import Floor
from strongroom_registry.authority import Authority
from strongroom_registry.document import DocumentState, check_name
from strongroom_registry.errors import StoreUnavailable, WorkspaceInUse
from strongroom_registry.heads import StateRecord
from strongroom_registry.opening import Mine, Opening
from strongroom_registry.remote.address import is_remote
from strongroom_registry.settings import RegistrySettings
from strongroom_registry.stores.store import Store, View


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace. ``seq`` counts its changes; ``quarantine`` is the reason why it cannot be trusted, if it cannot."""

    name: str
    id: UUID
    seq: int | None
    quarantine: str | None = None


def list_workspaces(url: str | None = None, *, key: str | None = None) -> list[Workspace]:
    """The workspaces that a key opens, by name; of others nothing is said, not even that they are there.

    :param url, key: as for :func:`~strongroom_registry.open_registry`.
    :raises KeyProblem: the key opens none.
    :raises StoreProblem: the store cannot be opened or is none.
    """
    server = _server(url)
    if server is not None:
        from strongroom_registry.remote import workspaces as remote

        return [Workspace(told.name, told.id, told.seq, told.quarantine) for told in remote.told(server)]
    with _opening(url, key) as opening:
        return [_listed(found) for found in opening.mine()]


def new_workspace(
    name: str,
    url: str | None = None,
    *,
    key: str | None = None,
    key_of_new: str | None = None,
    actor: str | None = None,
    anchor: str | None = None,
) -> Workspace:
    """Make a workspace in a registry that exists. Who makes one has to open another one.

    :param url, key, actor, anchor: as for :func:`~strongroom_registry.open_registry`; ``key`` opens the other one.
    :param key_of_new: the URI of a key of its own, which is made where it is missing and that can be done; by default
        ``key`` opens the new one as well.
    :raises InvalidReference: the name is none.
    :raises NameTaken: there is such a workspace, whoever may open it.
    :raises KeyProblem: ``key`` opens no workspace, or ``key_of_new`` cannot be had.
    :raises StoreProblem: the store cannot be opened, written or is none.
    """
    server = _server(url)
    if server is not None:
        from strongroom_registry.remote import workspaces as remote

        made = remote.new(name, server, key=key, key_of_new=key_of_new, actor=actor, anchor=anchor)
        return Workspace(made.name, made.id, made.seq)
    with _opening(url, key, workspace=check_name(name), actor=actor, anchor=anchor) as opening:
        return _shape(opening.add(key_of_new))


def remove_workspace(
    name: str, url: str | None = None, *, key: str | None = None, anchor: str | None = None, force: bool = False
) -> Workspace:
    """Remove a workspace with all that belongs to it, for good: no byte of it stays in the store's files.

    :param url, key, anchor: as for :func:`~strongroom_registry.open_registry`; ``key`` opens the workspace.
    :param force: remove it though it has documents.
    :raises WorkspaceInUse: it has live documents and ``force`` is not given, or is the only one.
    :raises UnknownWorkspace: there is no such workspace that the key opens.
    :raises StoreUnavailable: it is removed, and a reader kept the files from being cleaned.
    """
    server = _server(url)
    if server is not None:
        from strongroom_registry.remote import workspaces as remote

        removed = remote.remove(name, server, force=force)
        return Workspace(removed.name, removed.id, removed.seq)
    with _opening(url, key, workspace=check_name(name), anchor=anchor) as opening:
        access = opening.access()
        floor = Floor(None, access.writable_anchor())
        with access.store.writing() as transaction:
            authority, _, state = access.believed(transaction, floor)
            _check_removable(authority, transaction, force)
            transaction.remove_workspace(authority.workspace_id)
        anchoring = opening.anchoring(authority)
        if anchoring is not None:  # one change further, so that rows that are put back are an older copy
            anchoring.follow(authority, replace(state, seq=state.seq + 1))
        _scrub(access.store, name)
    return _shape(state)


def _scrub(store: Store, name: str) -> None:
    try:
        store.scrub()
    except StoreUnavailable as exc:
        raise StoreUnavailable(
            f"The workspace {name!r} is removed, and bytes of it may still stand in the files: {exc.problem}",
            "They go when a version or a workspace is next destroyed.",
        ) from None


def _check_removable(authority: Authority, view: View, force: bool) -> None:
    name = authority.workspace
    if len(view.workspaces()) == 1:
        raise WorkspaceInUse(f"{name!r} is the only workspace of the registry.", "Remove the registry itself.")
    heads = (authority.authentic_head(row.name, row) for row in view.heads(authority.workspace_id))
    live = 0 if force else sum(head.state is DocumentState.LIVE for head in heads)
    if live:
        raise WorkspaceInUse(
            f"The workspace {name!r} has {live} live block{'' if live == 1 else 's'}.",
            "Delete them first, or remove them with it: --force.",
        )


def _server(url: str | None) -> str | None:
    """The address of the server that keeps the registry, if one does."""
    place = url or RegistrySettings().url
    return place if is_remote(place) else None


@contextmanager
def _opening(
    url: str | None,
    key: str | None,
    *,
    workspace: str | None = None,
    actor: str | None = None,
    anchor: str | None = None,
) -> Iterator[Opening]:
    opening = Opening.of(url, key=key, workspace=workspace, actor=actor, anchor=anchor)
    try:
        yield opening
    finally:
        opening.close()


def _listed(found: Mine) -> Workspace:
    if found.state is not None:
        return _shape(found.state)
    return Workspace(found.row.name, UUID(bytes=found.row.id), None, found.problem.problem if found.problem else None)


def _shape(state: StateRecord) -> Workspace:
    return Workspace(state.name, UUID(bytes=state.workspace), state.seq)
