"""Whether something is allowed, and by what."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb


@dataclass(frozen=True, slots=True)
class RuleName:
    """One rule of a policy, counted from 1."""

    policy: str
    number: int

    def __str__(self) -> str:
        return f"rule {self.number} of policy {self.policy}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to "may this caller do that with this thing?".

    :param rule: the rule that decided; None where no rule allows it, and for root, which needs none.
    """

    allowed: bool
    verb: Verb
    resource: Resource
    rule: RuleName | None = None

    @property
    def why(self) -> str:
        """One phrase for the audit: which rule decided, or that none allows it."""
        if self.rule is not None:
            return f"{'allowed' if self.allowed else 'denied'} by {self.rule}"
        return "root" if self.allowed else "no rule allows it"
