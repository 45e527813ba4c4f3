"""A request of Vault's API: what engines and the handlers of ``sys`` are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from strongroom_service.identity.caller import Caller
from strongroom_service.service import Service


class Operation(StrEnum):
    """What a method means; a capability of the same name allows it."""

    READ = "read"
    LIST = "list"
    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"


WRITES = frozenset({Operation.CREATE, Operation.UPDATE})


@dataclass(frozen=True, slots=True)
class VaultCall:
    """One request, after its path was checked and before anything was done.

    :param operation: ``READ`` for GET and HEAD; ``LIST`` for LIST and GET with ``list=true``; ``UPDATE`` for POST and
        PUT, or ``CREATE`` where an engine says that nothing is there yet.
    :param path: what follows ``/v1/``, decoded, without a slash at either end.
    :param body: the fields of the body; empty where there was none. Never in an error.
    :param query: the fields of the query.
    :param headers: by their lower-case names.
    """

    service: Service
    caller: Caller
    operation: Operation
    path: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_head: bool = False

    @property
    def request_id(self) -> str:
        """What the answer and the audit call this request."""
        return self.caller.request_id
