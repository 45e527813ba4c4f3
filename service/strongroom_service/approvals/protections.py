"""The protections of a service, asked before each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, ConfigDict
from strongroom_registry.document import is_name
from strongroom_registry.errors import StaleExpectation

from strongroom_service.approvals.protection import CHANGES, Protection
from strongroom_service.errors import InvalidRequest, ServiceRefusal
from strongroom_service.policies.path_pattern import PathPattern
from strongroom_service.policies.resource import SERVICE, Resource
from strongroom_service.policies.verbs import Verb
from strongroom_service.state.directory import Directory, Found

KIND = "protection"
_ALL = "all"
PROTECTIONS_MAX = 200

_approved: ContextVar[Approved | None] = ContextVar("strongroom_approved", default=None)


@dataclass(frozen=True, slots=True)
class Approved:
    """What was approved: changes of one thing, by so many others, who had these policies."""

    path: tuple[str, ...]
    approvals: int
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a change needs: all protections that are about it, taken together.

    :param approvers: the policies that an approver has to have, all of them; none where one of the protections leaves
        it to those who may administer what is changed.
    """

    verb: Verb
    resource: Resource
    protections: tuple[str, ...]
    approvals: int
    approvers: tuple[str, ...]
    ttl: timedelta


class ApprovalNeeded(ServiceRefusal):
    """The change needs a second person. The service answers with 202 and keeps it; where it does not, it is refused."""

    status = 403

    def __init__(self, demand: Demand) -> None:
        super().__init__(
            f"To {demand.verb} {demand.resource} takes the approval of a second person.",
            "Ask for it by a request of its own.",
        )
        self.demand = demand


class Everything(BaseModel):
    """All protections. One record holds them, so that none can be taken out of the database unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protections: dict[str, Protection] = {}


class Protections:
    """The protections of a service. Safe to use from several threads; as new as the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def all(self) -> Found[Everything]:
        """All of them by name, and the number of the version of the whole; 0 where there never was one."""
        return self._directory.found(KIND, _ALL, Everything) or Found(Everything(), 0)

    def write(self, name: str, protection: Protection, *, expect: int | None = None) -> int:
        """Make a protection, or change it; the number of the version of the whole.

        :param expect: only if this is the version of the whole; 0: only where there is none of this name.
        :raises InvalidRequest: the name is none, or there are too many.
        :raises StaleExpectation: it is another version.
        """
        if not is_name(name):
            raise InvalidRequest(f"{name!r:.140} is no name.", "Use a-z, 0-9, '-', '_', '.'.")

        def written(known: dict[str, Protection]) -> dict[str, Protection]:
            if expect == 0 and name in known:
                raise StaleExpectation(f"There is a protection {name}.", "Read it, and decide again.")
            if len(known) >= PROTECTIONS_MAX and name not in known:
                raise InvalidRequest(f"There are {PROTECTIONS_MAX} protections.", "Put several paths into one.")
            return {**known, name: protection}

        return self._change(written, expect or None)

    def remove(self, name: str) -> bool:
        """Remove a protection; whether there was one."""
        if name not in self.all().value.protections:
            return False
        self._change(lambda known: {other: one for other, one in known.items() if other != name}, None)
        return True

    def _change(self, change: Callable[[dict[str, Protection]], dict[str, Protection]], expect: int | None) -> int:
        while True:
            known, version = self.all()
            changed = Everything(protections=change(known.protections))
            try:
                return self._directory.put(KIND, _ALL, changed, expect=version if expect is None else expect)
            except StaleExpectation:
                if expect is not None:
                    raise

    def demand(self, verb: Verb, resource: Resource) -> Demand | None:
        """What the change needs; None where it is not protected."""
        if verb not in CHANGES:
            return None
        known = self.all().value.protections
        about = {name: one for name, one in known.items() if _is_about(one, verb, resource)}
        if not about:
            return None
        policies = [one.approvers for one in about.values()]
        return Demand(
            verb,
            resource,
            tuple(about),
            max(one.approvals for one in about.values()),
            tuple(dict.fromkeys(policy for policy in policies if policy is not None)) if None not in policies else (),
            timedelta(seconds=min(one.ttl_seconds for one in about.values())),
        )

    def check(self, verb: Verb, resource: Resource) -> None:
        """Let pass what is not protected, and what was approved.

        :raises ApprovalNeeded: it needs a second person.
        """
        demand = self.demand(verb, resource)
        if demand is not None and not _is_met(demand, _approved.get()):
            raise ApprovalNeeded(demand)


@contextmanager
def carrying_out(approved: Approved) -> Iterator[None]:
    """Have :meth:`Protections.check` let pass what was approved, within the block, in this thread."""
    token = _approved.set(approved)
    try:
        yield
    finally:
        _approved.reset(token)


def _is_met(demand: Demand, approved: Approved | None) -> bool:
    """One request may change a thing in more than one way: save a version and label it."""
    return (
        approved is not None
        and approved.path == demand.resource.path
        and approved.approvals >= demand.approvals
        and approved.approvers == demand.approvers
    )


def _is_about(protection: Protection, verb: Verb, resource: Resource) -> bool:
    """Who destroys a workspace destroys what is protected in it."""
    if verb not in protection.verbs:
        return False
    scopes = [PathPattern.parse(path).widest() for path in protection.paths]
    if verb is Verb.DESTROY and resource.path[:2] == (SERVICE, "workspaces") and len(resource.path) == 3:
        workspace = resource.path[2]
        if any(not scope.segments or scope.segments[0].matches(workspace) for scope in scopes):
            return True
    return any(scope.fits(resource.path) for scope in scopes)
