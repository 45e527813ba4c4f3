"""Tokens that were believed before: whatever happens to them and to whom they are of, they count for exactly as much as
for a process that has never seen them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from servers.service import Clock
from strongroom_registry import Sealer
from strongroom_service.errors import Unauthenticated, UnknownThing
from strongroom_service.identity import tokens as module
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.grant import Grant
from strongroom_service.identity.people import Group, User
from strongroom_service.identity.standings import Standings
from strongroom_service.identity.token_record import Rights, Standing
from strongroom_service.identity.tokens import Tokens
from strongroom_service.policies.policies import Policies
from strongroom_service.policies.policy import Policy
from strongroom_service.policies.resource import block
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service
from strongroom_service.state.directory import Directory
from strongroom_service.state.records import Records, open_records_ledger
from strongroom_service.waiting import HasToWait

HERE, THERE = "10.0.0.7", "192.0.2.9"
_worlds = count()

INDEX = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("revoke"), INDEX, st.booleans()),
    st.tuples(st.just("renew"), INDEX),
    st.tuples(st.just("child"), INDEX),
    st.tuples(st.just("time"), st.sampled_from([0.1, 2, 9, 40])),
    st.tuples(st.just("user"), st.sampled_from(["gone", "disabled", "p", "q", "p of group", "none"])),
    st.tuples(st.just("group"), st.sampled_from(["gone", "p", "q", ""])),
    st.tuples(st.just("policy"), st.sampled_from("pq"), st.sampled_from(["gone", "allow", "deny", "other"])),
    st.tuples(st.just("rotate")),
    st.tuples(st.just("revoke all")),
    st.tuples(st.just("tidy")),
)


class World:
    """A service with somebody who has tokens of each kind, in names of its own."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service, self.clock, self.number = service, clock, next(_worlds)
        self.name = f"u{self.number}"
        self.policy("p", "allow")
        self.policy("q", "deny")
        self.group("p")
        self.user("p of group")
        origin, who = f"user.{self.name}", f"user:{self.name}"
        plain = Grant(identity=who, origin=origin, rights=Rights.INHERITED)
        grants = [
            plain,
            Grant(identity=who, origin=origin, policies=(self.of("p"), self.of("q")), rights=Rights.NARROWED),
            Grant(identity="account:x", policies=(self.of("p"),), facts={"name": "x"}),
            Grant(identity="account:x", policies=(self.of("p"),), bounds=("10.0.0.0/8",), ttl=timedelta(hours=1)),
            Grant(identity="account:y", policies=(self.of("q"), self.of("p")), period=timedelta(hours=8)),
        ]
        self.texts = [service.tokens.issue(grant).token.text for grant in grants]
        self.texts.append(service.tokens.make_root().token.text)

    def of(self, name: str) -> str:
        return f"{name}-{self.name}"

    def policy(self, name: str, what: str) -> None:
        paths = ["lake/{{identity.name}}-*" if what == "other" else "lake/*"]
        effect = "deny" if what == "deny" else "allow"
        rule = {"effect": effect, "paths": paths, "verbs": ["view", "reveal"], "when": {"addresses": ["10.0.0.0/8"]}}
        self._put("policy", self.of(name), None if what == "gone" else Policy.model_validate({"rules": [rule]}))

    def group(self, what: str) -> None:
        gone = what == "gone"
        self._put("group", self.of("g"), None if gone else Group(policies=(self.of(what),) if what else ()))

    def user(self, what: str) -> None:
        groups = (self.of("g"),) if "group" in what else ()
        user = User(
            policies=(self.of(what[0]),) if what[0] in "pq" and not groups else (),
            groups=groups,
            disabled=what == "disabled",
        )
        self._put("user", self.name, None if what == "gone" else user)

    def _put(self, kind: str, name: str, value: BaseModel | None) -> None:
        directory = self.service.directory
        if value is None:
            directory.remove(kind, name)
        else:
            directory.put(kind, name, value)

    def do(self, step: tuple[object, ...]) -> None:
        what, *more = step
        tokens = self.service.tokens
        text = self.texts[int(str(more[0])) % len(self.texts)] if what in ("revoke", "renew", "child") else ""
        accessor = module.Token.parse(text).id if text else ""
        try:
            if what == "revoke":
                tokens.revoke(accessor, with_children=bool(more[1]))
            elif what == "renew":
                tokens.renew(accessor)
            elif what == "child":
                bearer = tokens.authenticate(text, HERE, use=False)
                self.texts.append(tokens.create(bearer, Grant()).token.text)
            elif what == "time":
                self.clock.advance(hours=float(str(more[0])))
            elif what in ("user", "group", "policy"):
                getattr(self, str(what))(*more)
            elif what == "rotate":
                self.service.workspaces.own.rotate("workspace")
            elif what == "revoke all":
                tokens.revoke_identity("account:y")
            else:
                tokens.tidy()
        except (UnknownThing, Unauthenticated):
            pass


def told(tokens: Tokens, text: str, address: str) -> object:
    try:
        caller = tokens.authenticate(text, address, use=False)
    except Unauthenticated as refused:
        return refused.why
    return caller._replace(facts=dict(caller.facts))


def decisions(policies: Policies, found: object) -> list[bool]:
    if not isinstance(found, Caller):
        return []
    resources = [block("lake", name) for name in ("a", "x-a")]
    return [policies.decide(found, verb, resource).allowed for verb in (Verb.VIEW, Verb.LIST) for resource in resources]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Clock]]:
    folder, clock = tmp_path_factory.mktemp("believed"), Clock()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STRONGROOM_HOME", str(folder / "home"))
        environment.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        service = Service.open(clock=clock)
    yield service, clock
    service.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_who_was_believed_counts_for_as_much_as_who_was_never_seen(
    places: tuple[Service, Clock], steps: list[tuple[object, ...]]
) -> None:
    service, clock = places
    world = World(service, clock)
    for step in [("time", 0), *steps]:
        world.do(step)
        directory, policies = Directory(service.workspaces.own), Policies(Directory(service.workspaces.own))
        records = Records(service.records._ledger, service.records._sealer, clock=clock)
        standing = Standings(directory, policies.denies).of
        new = Tokens(records, ttl=timedelta(hours=8), max_ttl=timedelta(days=32), standing=standing)
        for text in world.texts:
            for address in (HERE, THERE, ""):
                expected = told(new, text, address)
                for _ in range(2):
                    found = told(service.tokens, text, address)
                    assert found == expected, step
                    assert decisions(service.policies, found) == decisions(policies, expected), step
                with service.one_moment():
                    assert [told(service.tokens, text, address) for _ in range(2)] == [expected, expected], step


# -- what is never remembered, and how much is


@pytest.fixture
def tokens(sealer: Sealer) -> Tokens:
    return Tokens(Records(open_records_ledger("memory:"), sealer), ttl=timedelta(hours=8), max_ttl=timedelta(days=32))


def test_uses_are_counted_each_time_and_nobody_waits_for_that_where_nobody_may(tokens: Tokens) -> None:
    counted = tokens.issue(Grant(identity="a", uses=2)).token.text
    for _ in range(3):
        with pytest.raises(HasToWait):
            tokens.authenticate(counted, HERE, may_wait=False)
    for _ in range(2):
        assert tokens.authenticate(counted, HERE).identity == "a"
    for may_wait in (True, False):
        with pytest.raises(Unauthenticated):
            tokens.authenticate(counted, HERE, may_wait=may_wait)
    assert not tokens._believed


def test_each_request_has_an_address_and_a_name_of_its_own(tokens: Tokens) -> None:
    text = tokens.issue(Grant(identity="a")).token.text
    for address in (HERE, THERE, HERE):
        for request in ("r1", "r2"):
            caller = tokens.authenticate(text, address, request_id=request)
            assert (caller.address, caller.request_id) == (address, request)


def test_a_token_that_differs_a_little_is_another_one(tokens: Tokens) -> None:
    text = tokens.issue(Grant(identity="a")).token.text
    assert tokens.authenticate(text, HERE)
    for other in (text + " ", " " + text, text.upper(), text[:-1], text + "A", text.replace("_", "-")):
        with pytest.raises(Unauthenticated):
            tokens.authenticate(other, HERE)
    assert tokens.authenticate(text, HERE)


def test_as_many_are_remembered_as_may_be(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SEEN_MAX", 10)
    text = tokens.issue(Grant(identity="a")).token.text
    for number in range(50):
        assert tokens.authenticate(text, f"10.0.0.{number}").address == f"10.0.0.{number}"
        assert len(tokens._believed) <= 10


def test_refused_tokens_are_not_remembered(tokens: Tokens) -> None:
    text = tokens.issue(Grant(identity="a", bounds=("10.0.0.0/8",))).token.text
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            tokens.authenticate(text, THERE)
    assert not tokens._believed


# -- standings that are asked for at two moments


class _People:
    """A directory whose answers are those of the moment that is asked at, as far as that has read them already."""

    def __init__(self) -> None:
        self.at = "before"
        self.users = {"before": User(policies=("p",)), "after": User(disabled=True)}

    def revision(self) -> bytes:
        return self.at.encode()

    def get(self, kind: str, name: str, model: type[BaseModel]) -> BaseModel | None:
        return self.users[self.at] if kind == "user" else None


class _Interrupted(Standings):
    """Somebody asks at a later moment, before the nth time that what was seen is looked at or replaced."""

    steps = -1

    @property
    def _seen(self) -> tuple[bytes, dict[str, Standing | None]]:
        self._step()
        return self._there

    @_seen.setter
    def _seen(self, value: tuple[bytes, dict[str, Standing | None]]) -> None:
        self._step()
        self._there = value

    def _step(self) -> None:
        self.steps -= 1
        if self.steps == 0:
            self._directory.at = "after"  # type: ignore[attr-defined]
            self.of("user.eve")
            self._directory.at = "before"  # type: ignore[attr-defined]


@pytest.mark.parametrize("nth", range(1, 5))
def test_who_asks_at_an_earlier_moment_leaves_nothing_for_a_later_one(nth: int) -> None:
    people = _People()
    standings = _Interrupted(people, lambda _: False)  # type: ignore[arg-type]
    standings.steps = nth
    assert standings.of("user.bob") is not None
    standings.steps, people.at = -1, "after"
    assert standings.of("user.bob") is None
