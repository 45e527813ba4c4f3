"""What those whom tokens were made for may do now."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.people import Account, Group, User
from strongroom_service.identity.token_record import Standing
from strongroom_service.state.directory import Directory


class Revocable(BaseModel):
    """All that a standing needs to know of a role or a provider: that it is there, and in use."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    disabled: bool = False


class Standings:
    """Asks the directory, whose answer is as new as the registry: whoever is disabled or leaves a group loses at once
    what he had by it.

    :param directory: of the service.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def of(self, origin: str) -> Standing | None:
        """The standing of ``kind.name``; None where it is gone or disabled."""
        kind, _, name = origin.partition(".")
        if kind == "user":
            return self.of_person(kind, name, self._directory.get(kind, name, User))
        if kind == "account":
            return self.of_person(kind, name, self._directory.get(kind, name, Account))
        role = self._directory.get(kind, name, Revocable)
        return None if role is None or role.disabled else Standing((), {})

    def of_person(self, kind: str, name: str, person: User | Account | None) -> Standing | None:
        """The standing of a user or an account."""
        if person is None or person.disabled:
            return None
        policies = dict.fromkeys((*person.policies, *self.policies_of_groups(person.groups)))
        facts = {f"metadata.{key}": value for key, value in person.metadata.items()}
        return Standing(tuple(one for one in policies if one != ROOT), {"name": name, "kind": kind, **facts})

    def policies_of_groups(self, groups: tuple[str, ...]) -> list[str]:
        """The policies of groups, of which some may be gone."""
        found = (self._directory.get("group", name, Group) for name in groups)
        return [policy for group in found if group is not None for policy in group.policies]
