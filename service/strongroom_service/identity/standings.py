"""What those whom tokens were made for may do now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pydantic import BaseModel, ConfigDict

from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.people import Account, Group, User
from strongroom_service.identity.token_record import DEFAULT, Standing
from strongroom_service.state.directory import Directory

_KEPT = 8192


class Revocable(BaseModel):
    """All that a standing needs to know of a role or a provider: that it is there and in use, and what a role gives."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    disabled: bool = False
    token_policies: tuple[str, ...] = ()


class Standings:
    """Asks the directory, whose answer is as new as the registry: whoever is disabled or leaves a group loses at once
    what he had by it.

    :param directory: of the service.
    :param denies: whether a policy denies something.
    """

    def __init__(self, directory: Directory, denies: Callable[[str], bool]) -> None:
        self._directory = directory
        self._denies = denies
        self._seen: tuple[bytes, dict[str, Standing | None]] = (b"", {})

    def of(self, origin: str) -> Standing | None:
        """The standing of ``kind.name``; None where it is gone or disabled."""
        revision, seen = self._directory.revision(), self._seen
        if seen[0] != revision or len(seen[1]) >= _KEPT:
            self._seen = seen = (revision, {})
        known = seen[1]  # whatever others, who may be at another moment, put in its place meanwhile
        if origin not in known:
            known[origin] = self._looked_up(origin)
        return known[origin]

    def _looked_up(self, origin: str) -> Standing | None:
        kind, _, name = origin.partition(".")
        if kind == "user":
            return self.of_person(kind, name, self._directory.get(kind, name, User))
        if kind == "account":
            return self.of_person(kind, name, self._directory.get(kind, name, Account))
        role = self._directory.get(kind, name, Revocable)
        return None if role is None or role.disabled else Standing(role.token_policies, {}, self._denies)

    def of_person(self, kind: str, name: str, person: User | Account | None) -> Standing | None:
        """The standing of a user or an account."""
        if person is None or person.disabled:
            return None
        policies = dict.fromkeys((DEFAULT, *person.policies, *policies_of_groups(self._directory, person.groups)))
        plain = tuple(policy for policy in policies if policy != ROOT)
        return Standing(plain, facts_of_person(kind, name, person), self._denies)


def facts_of_person(kind: str, name: str, person: User | Account) -> dict[str, str]:
    """What policies may say of a user or an account."""
    return {"name": name, "kind": kind, **{f"metadata.{key}": value for key, value in person.metadata.items()}}


def policies_of_groups(directory: Directory, groups: Iterable[str]) -> list[str]:
    """The policies of groups, of which some may be gone."""
    found = (directory.get("group", name, Group) for name in groups)
    return [policy for group in found if group is not None for policy in group.policies]
