"""Tokens against a model of them: made, renewed, used, revoked in any order while time passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from strongroom_registry import open_registry
from strongroom_service.errors import Forbidden, Unauthenticated, UnknownThing
from strongroom_service.identity.grant import Grant, Issued
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.identity.tokens import Tokens
from strongroom_service.state.records import Records, open_records_ledger

from .conftest import MAX_TTL, TTL, Clock

REGISTRY = open_registry("memory:", actor="service")
SEALER = REGISTRY.sealer("service")
durations = st.sampled_from([timedelta(minutes=m) for m in (1, 10, 59, 60, 61, 600, 100_000)])
HERE = "127.0.0.1"


@dataclass
class Modelled:
    """What a token should be."""

    issued: Issued
    parent: Modelled | None
    created: datetime
    ttl: timedelta
    max_ttl: timedelta
    expires: datetime
    uses: int | None
    revoked: bool = False

    def lives(self, now: datetime) -> bool:
        return not self.revoked and now < self.expires and self.uses != 0

    def descends_from(self, other: Modelled) -> bool:
        return self is other or (self.parent is not None and self.parent.descends_from(other))

    def capped(self, until: datetime) -> datetime:
        until = min(until, self.created + self.max_ttl)
        return until if self.parent is None else min(until, self.parent.expires)


class Lifecycle(RuleBasedStateMachine):
    made = Bundle("made")

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.records = Records(open_records_ledger("memory:"), SEALER, clock=self.clock)
        self.tokens = Tokens(self.records, ttl=TTL, max_ttl=MAX_TTL)
        self.models: list[Modelled] = []

    def teardown(self) -> None:
        if hasattr(self, "records"):
            self.records.close()

    def remember(self, issued: Issued, parent: Modelled | None, grant: Grant) -> Modelled:
        longest = min(grant.max_ttl or MAX_TTL, MAX_TTL)
        ttl = min(grant.ttl or TTL, longest)
        now = self.clock()
        model = Modelled(issued, parent, now, ttl, longest, now, grant.uses)
        model.expires = model.capped(now + ttl)
        self.models.append(model)
        return model

    @rule(
        target=made,
        ttl=st.none() | durations,
        max_ttl=st.none() | durations,
        uses=st.none() | st.integers(1, 3),
    )
    def issue(self, ttl: timedelta | None, max_ttl: timedelta | None, uses: int | None) -> Modelled:
        grant = Grant(identity="user:a", policies=("reader",), ttl=ttl, max_ttl=max_ttl, uses=uses)
        return self.remember(self.tokens.issue(grant), None, grant)

    @rule(target=made, parent=made, ttl=st.none() | durations, max_ttl=st.none() | durations, orphan=st.booleans())
    def delegate(self, parent: Modelled, ttl: timedelta | None, max_ttl: timedelta | None, orphan: bool) -> Modelled:
        grant = Grant(ttl=ttl, max_ttl=max_ttl)
        try:
            caller = self.tokens.authenticate(parent.issued.token.text, HERE, use=False)
            if orphan:
                issued = self.tokens.create_orphan(caller, grant, beyond=True)
            else:
                issued = self.tokens.create(caller, grant)
        except Unauthenticated:
            assert not parent.lives(self.clock())
            return parent
        except Forbidden:
            assert parent.uses is not None
            return parent
        assert parent.lives(self.clock())
        return self.remember(issued, None if orphan else parent, grant)

    @rule(token=made)
    def use(self, token: Modelled) -> None:
        try:
            self.tokens.authenticate(token.issued.token.text, HERE)
        except Unauthenticated:
            assert not token.lives(self.clock())
        else:
            assert token.lives(self.clock())
            if token.uses is not None:
                token.uses -= 1

    @rule(token=made, increment=st.none() | durations)
    def renew(self, token: Modelled, increment: timedelta | None) -> None:
        try:
            record = self.tokens.renew(token.issued.accessor, increment)
        except UnknownThing:
            assert not token.lives(self.clock())
            return
        assert token.lives(self.clock())
        token.expires = max(token.expires, token.capped(self.clock() + (increment or token.ttl)))
        assert record.expires == token.expires

    @rule(token=made)
    def revoke(self, token: Modelled) -> None:
        now = self.clock()
        try:
            ended = self.tokens.revoke(token.issued.accessor)
        except UnknownThing:
            assert not token.lives(now)
            return
        assert token.lives(now)
        below = [one for one in self.models if one.descends_from(token) and not one.revoked]
        assert ended >= len([one for one in below if one.lives(now)])
        for one in below:
            one.revoked = True

    @rule(minutes=st.sampled_from([1, 9, 60, 1000, 50_000]))
    def wait(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @rule()
    def tidy(self) -> None:
        self.tokens.tidy()

    @invariant()
    def exactly_the_tokens_that_live_are_listed(self) -> None:
        if not hasattr(self, "models"):
            return
        now = self.clock()
        living = {one.issued.accessor for one in self.models if one.lives(now)}
        assert {accessor for accessor, _ in self.tokens.page(limit=1000)} == living

    @invariant()
    def no_child_outlives_its_parent(self) -> None:
        if not hasattr(self, "records"):
            return
        now = self.clock()
        for one in self.models:
            if one.parent is not None and one.lives(now):
                record = self.records.get("token", one.issued.accessor, TokenRecord)
                parent = self.records.get("token", one.parent.issued.accessor, TokenRecord)
                assert record is not None
                assert parent is not None
                assert record.expires is not None
                assert parent.expires is not None
                assert record.expires <= parent.expires


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
