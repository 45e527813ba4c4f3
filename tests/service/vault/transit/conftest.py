"""A transit mount of its own for each test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from strongroom_service.identity.caller import ROOT, Caller
from strongroom_service.service import Service
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.mount import Mount, new_mount
from strongroom_service.vault_api.transit.engine import Transit


@dataclass
class Asked:
    """A mount that is asked without HTTP: ``transit("encrypt/key", plaintext="…")`` is a write."""

    service: Service
    engine: Transit
    mount: Mount

    def __call__(self, rest: str, operation: Operation = Operation.UPDATE, /, **body: Any) -> Any:
        """The data of the answer; None where it has no body."""
        return (self.answer(rest, operation, **body).value or {}).get("data")

    def answer(self, rest: str, operation: Operation = Operation.UPDATE, /, **body: Any) -> Any:
        caller = Caller(ROOT, is_root=True, request_id="r-1")
        call = VaultCall(self.service, caller, operation, f"{self.mount.path}/{rest}", body)
        return self.engine.handle(call, self.mount, rest)

    def read(self, rest: str) -> Any:
        return self(rest, Operation.READ)

    def list(self, rest: str) -> Any:
        return self(rest, Operation.LIST)["keys"]

    def delete(self, rest: str) -> Any:
        return self(rest, Operation.DELETE)


@pytest.fixture
def transit_of() -> Callable[[Service], Asked]:
    """Make a transit mount of a service."""

    def make(service: Service) -> Asked:
        mount = new_mount("transit", "transit")
        service.workspaces.add(mount.workspace)
        return Asked(service, Transit(), mount)

    return make


@pytest.fixture
def transit(service: Service, transit_of: Callable[[Service], Asked]) -> Asked:
    """A transit mount."""
    return transit_of(service)
