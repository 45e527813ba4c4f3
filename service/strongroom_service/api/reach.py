"""Whether a workspace is there for a caller: whoever has no right in it is not to learn that."""

from __future__ import annotations

from strongroom_service.http.call import Call
from strongroom_service.policies.resource import service
from strongroom_service.policies.verbs import Verb


def require_reach(call: Call, workspace: str) -> None:
    """Let pass whoever has a right to anything in a workspace, or may view it.

    :raises Forbidden: all others, whether it is there or not.
    """
    if not _reaches(call, workspace):
        call.require(Verb.VIEW, service("workspaces", workspace))


def _reaches(call: Call, workspace: str) -> bool:
    caller = call.caller
    if caller.is_root:
        return True
    return any(
        not rule.denies
        and rule.applies_from(caller.address)
        and any(not scope.segments or scope.segments[0].matches(workspace) for scope in rule.scopes)
        for rule in call.service.policies.rights(caller).rules
    )
