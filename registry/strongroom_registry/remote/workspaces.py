"""The workspaces of a registry that a server keeps."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

from strongroom_registry.document import check_name
from strongroom_registry.errors import AtTheServerOnly
from strongroom_registry.remote import wire
from strongroom_registry.remote.connection import at
from strongroom_registry.remote.opening import check_left_to_the_server, connected
from strongroom_registry.settings import RegistrySettings


def told(url: str) -> list[wire.WorkspaceTold]:
    """The workspaces that the token may list, by name."""
    found: list[wire.WorkspaceTold] = []
    after: str | None = None
    with closing(connected(url)) as connection:
        while True:
            query = {"limit": wire.PAGE_MAX, "after": after}
            page = connection.ask("GET", "/workspaces", query=query).read(wire.Workspaces)
            found += page.workspaces
            after = page.next
            if not after:
                return found


def new(
    name: str, url: str, *, key: str | None, key_of_new: str | None, actor: str | None, anchor: str | None
) -> wire.WorkspaceTold:
    """Have the server make a workspace."""
    check_left_to_the_server(RegistrySettings(), key=key, actor=actor, anchor=anchor)
    if key_of_new is not None:
        raise AtTheServerOnly("A workspace gets a key of its own where the server runs.", "Make it there, or without.")
    body = wire.NewWorkspace.model_construct(name=check_name(name))
    once = {"Idempotency-Key": str(uuid4())}
    with closing(connected(url)) as connection:
        return connection.ask("POST", "/workspaces", body=body, headers=once).read(wire.WorkspaceTold)


def remove(name: str, url: str, *, force: bool) -> wire.WorkspaceTold:
    """Have the server remove a workspace."""
    once = {"Idempotency-Key": str(uuid4())}
    path = at("workspaces", check_name(name))
    with closing(connected(url)) as connection:
        reply = connection.ask("DELETE", path, query={"force": force or None}, headers=once, again=False)
        return reply.read(wire.WorkspaceTold)
