"""Whatever happens to leases in whatever order, no credential is without a lease, and none outlives it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from servers.service import Clock
from strongroom import JSON
from strongroom_registry.current import using
from strongroom_registry.errors import StrongroomError
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.settings import RegistrySettings
from strongroom_service.errors import EngineFailed
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import LeaseRole, LeaseState
from strongroom_service.leases.lease import Lease
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings

from .conftest import caller_of
from .test_lifecycle import Killed, Memory

_OUTCOMES = st.sampled_from(["done", "done", "done", "refused", "lost", "dies before", "dies after"])


class Faulty(Memory):
    """Does what it is asked, or does not; and says so, or does not."""

    outcome = "done"

    def _do(self, what: str) -> None:
        if self.outcome == "refused":
            raise EngineFailed("No.", "")
        if self.outcome == "dies before":
            raise Killed

    def create(self, *args: Any) -> Any:
        return self._told(super().create(*args))

    def renew(self, *args: Any) -> None:
        super().renew(*args)
        self._told(None)

    def revoke(self, *args: Any) -> Any:
        return self._told(super().revoke(*args))

    def _told(self, result: Any) -> Any:
        if self.outcome == "lost":
            raise EngineFailed("Nobody knows.", "")
        if self.outcome == "dies after":
            raise Killed
        return result


class History(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        key = self.folder / "key"
        key.write_text(new_key_text())
        key.chmod(0o600)
        self.clock, self.engine = Clock(), Faulty()
        self.patches = [
            patch(f"strongroom_service.leases.{module}.engine_named", lambda _: self.engine)
            for module in ("leases", "roles", "ending")
        ]
        for one in self.patches:
            one.start()
        registry = RegistrySettings(registry=f"sqlite:///{self.folder}/r.db", key=f"file:{key}")
        self.service = Service.open(ServerSettings(), registry, clock=self.clock)
        with using(self.service.registry("default")):
            JSON(value={}).save("admin")
        self.root = caller_of(self.service)
        self.callers = [caller_of(self.service) for _ in range(2)]
        role = LeaseRole(engine="memory", block="default/admin", default_ttl=600, max_ttl=1800, max_leases=1000)
        self.service.leases.roles.put(self.root, "default", "reader", role)

    @rule(outcome=_OUTCOMES, who=st.integers(0, 1), ttl=st.integers(10, 1800))
    def create(self, outcome: str, who: int, ttl: int) -> None:
        self._do(
            outcome, lambda: self.service.leases.create(self.callers[who], "default", "reader", timedelta(seconds=ttl))
        )

    @precondition(lambda self: self.leases())
    @rule(outcome=_OUTCOMES, number=st.integers(0, 50), ttl=st.integers(1, 4000))
    def renew(self, outcome: str, number: int, ttl: int) -> None:
        self._do(outcome, lambda: self.service.leases.renew(self.root, self._id(number), timedelta(seconds=ttl)))

    @precondition(lambda self: self.leases())
    @rule(outcome=_OUTCOMES, number=st.integers(0, 50))
    def revoke(self, outcome: str, number: int) -> None:
        self._do(outcome, lambda: self.service.leases.revoke(self.root, self._id(number)))

    @rule(outcome=_OUTCOMES)
    def reap(self, outcome: str) -> None:
        self._do(outcome, self.service.leases.ending.end_due)

    @rule(seconds=st.sampled_from([1, 30, 120, 300, 600, 4000]))
    def time_goes_on(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule(who=st.integers(0, 1))
    def a_token_is_revoked(self, who: int) -> None:
        self.service.tokens.revoke(self.callers[who].accessor)
        self.callers[who] = caller_of(self.service)

    @invariant()
    def no_credential_is_without_a_lease(self) -> None:
        if hasattr(self, "service"):
            assert set(self.engine.users) <= {lease.name for lease in self.leases().values()}

    @invariant()
    def what_is_said_to_work_is_there(self) -> None:
        if hasattr(self, "service"):
            for lease in self.leases().values():
                if lease.state is LeaseState.ACTIVE:
                    assert self.engine.users[lease.name] >= lease.until
                    assert lease.until <= lease.latest

    def teardown(self) -> None:
        self.engine.outcome = "done"
        for _ in range(4):
            self.clock.advance(hours=2)
            self.service.leases.ending.end_due()
        assert not self.engine.users
        assert not self.leases()
        self.service.close()
        for one in self.patches:
            one.stop()
        shutil.rmtree(self.folder)

    def leases(self) -> dict[str, Lease]:
        found, _ = self.service.leases.page(Caller("root", is_root=True), "default", limit=1000)
        return {one.id: one.lease for one in found if one.lease is not None}

    def _id(self, number: int) -> str:
        ids = sorted(self.leases())
        return ids[number % len(ids)]

    def _do(self, outcome: str, ask: Any) -> None:
        self.engine.outcome = outcome
        with suppress(StrongroomError, Killed):
            ask()
        self.engine.outcome = "done"


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
