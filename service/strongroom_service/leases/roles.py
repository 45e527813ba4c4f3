"""The roles that leases are made by: kept in the directory, checked before they are."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from strongroom import Block
from strongroom_blocks.sources.secret_reference import holds_reference
from strongroom_registry.acting import acting
from strongroom_registry.current import using
from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import EngineFailed, InvalidRequest, UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.leases.engine import Engine
from strongroom_service.leases.engines import engine_named, options_of
from strongroom_service.leases.role import ID_DIGITS, KIND, ROLE_NAME, LeaseRole, record_name
from strongroom_service.policies.resource import Resource, block, part
from strongroom_service.policies.verbs import Verb
from strongroom_service.state.directory import Found

if TYPE_CHECKING:
    from strongroom_service.service import Service


def resource_of(workspace: str, role: str) -> Resource:
    """What policies call a role and its leases: ``analytics/:leases/reader``."""
    return part(workspace, "leases", check_role_name(role))


def check_role_name(name: str) -> str:
    """The name, if it can be one of a role.

    :raises InvalidRequest: it cannot.
    """
    if not re.fullmatch(ROLE_NAME, name):
        raise InvalidRequest(
            f"{name!r:.80} is no name of a lease role.",
            "Use 1 to 48 of a-z, 0-9, '-', '_', with a letter or a digit at both ends.",
        )
    return name


class LeaseRoles:
    """The lease roles of all workspaces."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def put(self, caller: Caller, workspace: str, name: str, role: LeaseRole, *, expect: int | None = None) -> int:
        """Define a role; the number of its version. The caller has to be allowed to reveal the administrator's block,
        since whoever gets leases by it uses that block.

        :raises Forbidden: the caller may not administer the role, or not reveal the block.
        :raises InvalidRequest: the engine does not take what the role says.
        :raises StaleExpectation: another version is there.
        """
        self._service.require(caller, Verb.ADMINISTER, resource_of(workspace, name))
        self._service.require(caller, Verb.REVEAL, block(*role.admin))
        self._service.registry(workspace)
        self._check(workspace, name, role)
        with acting(caller.actor):
            return self._service.directory.put(KIND, record_name(workspace, name), role, expect=expect)

    def found(self, workspace: str, name: str) -> Found[LeaseRole]:
        """A role, and which version of it this is.

        :raises UnknownThing: there is none.
        """
        found = self._service.directory.found(KIND, record_name(workspace, check_role_name(name)), LeaseRole)
        if found is None:
            raise UnknownThing(
                f"There is no lease role {name!r:.80} in {workspace!r:.140}.", "See `strongroom lease roles`."
            )
        return found

    def names(self, workspace: str) -> list[str]:
        """The names of a workspace's roles, sorted."""
        records = (record.rpartition(".") for record in self._service.directory.names(KIND))
        return sorted(name for prefix, _, name in records if prefix == workspace)

    def remove(self, caller: Caller, workspace: str, name: str) -> None:
        """Remove a role. Its leases go on to their end.

        :raises Forbidden: the caller may not administer it.
        :raises UnknownThing: there is none.
        """
        self._service.require(caller, Verb.ADMINISTER, resource_of(workspace, name))
        self.found(workspace, name)
        with acting(caller.actor):
            self._service.directory.remove(KIND, record_name(workspace, name))

    def forget(self, workspace: str) -> None:
        """Remove the roles of a workspace that is gone: a later one of its name is not to have them. Whoever removes or
        makes it has been asked for that right."""
        for name in self.names(workspace):
            self._service.directory.remove(KIND, record_name(workspace, name))

    def administrator(self, role: LeaseRole, engine: Engine[Any]) -> Block:
        """The current version of the administrator's block. One that refers to secrets outside of the registry is
        refused: the server would fetch them for whoever wrote the block, and send them wherever that says.

        :raises EngineFailed: it is not there, or cannot be used by the engine.
        """
        workspace, name = role.admin
        try:
            with using(self._service.registry(workspace)):
                found = Block.load(name)
        except StrongroomError as error:
            problem, remedy = error.problem, error.remedy
        else:
            slug = type(found).get_block_type_slug()
            if slug in engine.blocks and not holds_reference(found):
                return found
            problem = f"it is of the type {slug}" if slug not in engine.blocks else "its secrets lie elsewhere"
            remedy = f"It has to be one of {', '.join(engine.blocks)}, with its secrets in it."
        raise EngineFailed(f"The administrator's block {role.block} cannot be used: {problem.rstrip('.')}.", remedy)

    def _check(self, workspace: str, name: str, role: LeaseRole) -> None:
        try:
            engine = engine_named(role.engine)
            self.administrator(role, engine)
        except EngineFailed as error:
            raise InvalidRequest(error.problem, error.remedy) from None
        options = options_of(engine, role.options)
        durations = engine.durations(options)
        for seconds in (role.default_ttl, role.max_ttl):
            if not durations.shortest <= timedelta(seconds=seconds) <= durations.longest:
                raise InvalidRequest(
                    f"The engine {role.engine} makes nothing that lasts {seconds} seconds.",
                    f"It takes {durations.shortest.total_seconds():.0f} to {durations.longest.total_seconds():.0f}.",
                )
        naming = engine.naming(options)
        role.name(naming, workspace=workspace, role=name, identity="i" * 64, lease="0" * ID_DIGITS)
