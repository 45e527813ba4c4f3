"""The life of a lease, with an engine that does what the test says: claims, crashes, faults, clocks, rights."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, Event
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict
from servers.service import Clock
from strongroom import JSON
from strongroom_registry.current import using
from strongroom_service.errors import Conflict, EngineFailed, Forbidden, InvalidRequest, UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import Durations, Grant, Issued, LeaseRole, LeaseState, Naming, Reaper, ending, engines
from strongroom_service.leases import leases as leases_module
from strongroom_service.leases.ending import LONGEST_PAUSE, SWEEP_AGAIN, pause
from strongroom_service.leases.lease import KIND, Lease
from strongroom_service.policies.policy import Policy
from strongroom_service.service import Service

from .conftest import caller_of


class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    color: str = "red"


class Memory:
    """An engine whose system is a set of names."""

    options: ClassVar[type[BaseModel]] = Options
    blocks: ClassVar[tuple[str, ...]] = ("json",)
    is_renewable: ClassVar[bool] = True

    def __init__(self) -> None:
        self.users: dict[str, datetime] = {}
        self.problem: BaseException | None = None
        self.before: Callable[[str], None] = lambda _: None
        self.works_until: datetime | None = None
        self.calls: list[str] = []

    def naming(self, options: Options) -> Naming:
        return Naming(40)

    def durations(self, options: Options) -> Durations:
        return Durations(timedelta(seconds=10))

    def create(self, admin: Any, options: Options, grant: Grant) -> Issued:
        self._do("create")
        self.users[grant.name] = grant.until
        return Issued({"user": grant.name}, {"color": options.color})

    def renew(self, admin: Any, options: Options, grant: Grant) -> None:
        self._do("renew")
        if grant.name not in self.users:
            raise EngineFailed("There is no such user.", "")
        self.users[grant.name] = grant.until

    def revoke(self, admin: Any, options: Options, grant: Grant) -> datetime | None:
        self._do("revoke")
        if self.works_until is None:
            self.users.pop(grant.name, None)
        return self.works_until

    def _do(self, what: str) -> None:
        self.calls.append(what)
        self.before(what)
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def memory(service: Service, root: Caller, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """The engine, and a role ``reader`` that uses it."""
    engine, real = Memory(), engines.engine_named
    for module in ("leases", "roles", "ending"):
        path = f"strongroom_service.leases.{module}.engine_named"
        monkeypatch.setattr(path, lambda name: engine if name == "memory" else real(name))
    with using(service.registry("default")):
        JSON(value={"admin": True}).save("admin")
    role = LeaseRole(engine="memory", block="default/admin", default_ttl=600, max_ttl=3600, max_leases=5)
    service.leases.roles.put(root, "default", "reader", role)
    return engine


def allow(service: Service, name: str, *verbs: str, path: str = "default/:leases/reader") -> None:
    rule = {"effect": "allow", "paths": [path], "verbs": list(verbs)}
    service.policies.write(name, Policy.model_validate({"rules": [rule]}))


def the_lease(service: Service) -> Lease:
    (listed,), _ = service.leases.page(Caller("root", is_root=True), "default")
    assert listed.lease is not None
    return listed.lease


class Killed(BaseException):
    """The process dies here."""


def test_what_was_only_intended_is_taken_back_twice(
    service: Service, clock: Clock, root: Caller, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies after its engine did the work, before it could say so."""
    with monkeypatch.context() as dying:
        dying.setattr(leases_module.Leases, "_complete", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            service.leases.create(root, "default", "reader")
    assert len(memory.users) == 1
    clock.advance(seconds=119)
    assert service.leases.ending.end_due() == 0, "somebody may still be making it"
    clock.advance(seconds=1)
    assert service.leases.ending.end_due() == 1
    assert not memory.users
    assert the_lease(service).swept
    late = the_lease(service).name
    memory.users[late] = clock.now  # its maker stood still all the time, and goes on
    clock.advance(seconds=SWEEP_AGAIN.total_seconds())
    assert service.leases.ending.end_due() == 1
    assert not memory.users
    assert service.leases.page(root, "default")[0] == []


def test_who_comes_too_late_gives_nothing_out(service: Service, clock: Clock, root: Caller, memory: Memory) -> None:
    """Its lease was taken back while it stood still."""

    def sleep(what: str) -> None:
        if what == "create":
            clock.advance(hours=2)
            for _ in range(2):
                service.leases.ending.end_due()
                clock.advance(hours=2)

    memory.before = sleep
    with pytest.raises(Conflict, match="ended meanwhile"):
        service.leases.create(root, "default", "reader")
    memory.before = lambda _: None
    assert len(memory.users) == 1
    assert service.leases.ending.end_due() == 1
    assert not memory.users


def test_a_failed_creation_is_taken_back_at_once(service: Service, root: Caller, memory: Memory) -> None:
    memory.problem = RuntimeError("with a secret in its text")
    with pytest.raises(EngineFailed, match="it raised RuntimeError") as failed:
        service.leases.create(root, "default", "reader")
    assert "secret" not in str(failed.value)
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    memory.problem = None
    assert service.leases.ending.end_due() == 1
    assert service.leases.page(root, "default")[0] == []


def test_a_lease_that_cannot_be_ended_is_tried_again_later_and_listed(
    service: Service, clock: Clock, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")
    memory.problem = EngineFailed("The database is away.", "Start it.")
    lease = service.leases.revoke(root, made.id)
    assert lease is not None
    assert lease.state is LeaseState.ENDING
    for attempts in (1, 2, 3):
        assert the_lease(service).attempts == attempts
        assert the_lease(service).is_stuck is (attempts == 3)
        assert service.leases.ending.end_due() == 0
        clock.now = the_lease(service).due
        assert service.leases.ending.end_due() == 1
    assert "The database is away" in the_lease(service).problem
    (stuck,), _ = service.leases.page(root, "default", stuck=True)
    assert stuck.id == made.id
    memory.problem = None
    assert service.leases.revoke(root, made.id) is None, "asked again it is tried at once"
    assert not memory.users


def test_pauses_grow_to_an_hour() -> None:
    pauses = [pause("x/y/00", attempts) for attempts in range(1, 100)]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=5)
    assert pauses[-1] == LONGEST_PAUSE
    assert pause("x/y/ff", 1) != pause("x/y/00", 1)


def test_a_lease_is_ended_by_one_at_a_time(service: Service, clock: Clock, root: Caller, memory: Memory) -> None:
    for _ in range(5):
        service.leases.create(root, "default", "reader")
    clock.advance(hours=1)
    start = Barrier(8)

    def end(_: int) -> int:
        start.wait()
        return service.leases.ending.end_due()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(end, range(8))) == 5
    assert memory.calls.count("revoke") == 5
    assert not memory.users


def test_one_that_died_at_work_is_succeeded(service: Service, clock: Clock, root: Caller, memory: Memory) -> None:
    service.leases.create(root, "default", "reader")
    clock.advance(hours=1)
    memory.before = lambda _: (_ for _ in ()).throw(Killed())
    with pytest.raises(Killed):
        service.leases.ending.end_due()
    memory.before = lambda _: None
    assert service.leases.ending.end_due() == 0
    clock.advance(minutes=5)
    assert service.leases.ending.end_due() == 1
    assert not memory.users


def test_renewal_against_the_end(service: Service, clock: Clock, root: Caller, memory: Memory) -> None:
    """The end comes while the renewal is on its way: whoever is second does nothing, and the credential goes."""
    made = service.leases.create(root, "default", "reader")

    def end_meanwhile(what: str) -> None:
        if what == "renew":
            memory.before = lambda _: None
            clock.advance(seconds=600)
            assert service.leases.ending.end_due() == 1

    memory.before = end_meanwhile
    with pytest.raises(EngineFailed):
        service.leases.renew(root, made.id)
    assert not memory.users
    assert service.leases.page(root, "default")[0] == []


def test_a_renewal_does_not_bring_back_what_was_revoked_meanwhile(
    service: Service, clock: Clock, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")

    def revoke_in_vain(what: str) -> None:
        if what == "renew":
            memory.before = lambda _: None
            memory.problem = EngineFailed("The database is away.", "")
            service.leases.revoke(root, made.id)
            memory.problem = None

    memory.before = revoke_in_vain
    with pytest.raises(Conflict, match="ended meanwhile"):
        service.leases.renew(root, made.id)
    assert the_lease(service).state is LeaseState.ENDING
    clock.advance(minutes=1)
    assert service.leases.ending.end_due() == 1
    assert not memory.users


def test_a_renewal_that_died_leaves_the_lease_as_it_was(
    service: Service, clock: Clock, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")
    memory.before = lambda _: (_ for _ in ()).throw(Killed())
    with pytest.raises(Killed):
        service.leases.renew(root, made.id)
    assert service.leases.show(root, made.id).until == made.lease.until
    memory.before = lambda _: None
    assert service.leases.renew(root, made.id).state is LeaseState.ACTIVE


def test_two_renewals_do_not_cross(service: Service, root: Caller, memory: Memory) -> None:
    made = service.leases.create(root, "default", "reader")
    entered, go_on = Event(), Event()

    def hold(what: str) -> None:
        entered.set()
        go_on.wait(30)

    memory.before = hold
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(service.leases.renew, root, made.id, timedelta(minutes=20))
        assert entered.wait(30)
        with pytest.raises(Conflict, match="Somebody else renews"):
            service.leases.renew(root, made.id)
        go_on.set()
        assert first.result().until == made.lease.created + timedelta(minutes=20)


def test_what_the_system_takes_back_only_in_time_is_listed_until_then(
    service: Service, clock: Clock, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")
    memory.works_until = made.lease.until
    lease = service.leases.revoke(root, made.id)
    assert lease is not None
    assert (lease.state, lease.until) == (LeaseState.LAPSING, made.lease.until)
    with pytest.raises(Conflict, match="over"):
        service.leases.renew(root, made.id)
    clock.now = made.lease.until
    service.leases.ending.end_due()
    assert service.leases.page(root, "default")[0] == []


def test_a_lease_dies_with_its_token(service: Service, root: Caller, memory: Memory) -> None:
    allow(service, "leasing", "reveal")
    caller = caller_of(service, "leasing")
    service.leases.create(caller, "default", "reader")
    kept = service.leases.create(root, "default", "reader")
    service.tokens.revoke(caller.accessor)
    assert service.leases.ending.end_due() == 1
    assert list(memory.users) == [kept.credential["user"]]


def test_a_token_that_ends_while_its_lease_is_made(service: Service, clock: Clock, memory: Memory) -> None:
    allow(service, "leasing", "reveal")
    caller = caller_of(service, "leasing")
    memory.before = lambda what: service.tokens.revoke(caller.accessor) and None if what == "create" else None
    with pytest.raises(Conflict, match="ended meanwhile"):
        service.leases.create(caller, "default", "reader")
    assert service.leases.ending.end_due() == 1
    assert not memory.users


def test_a_lease_ends_with_its_token_in_time_unless_that_is_renewed(
    service: Service, clock: Clock, memory: Memory
) -> None:
    allow(service, "leasing", "reveal")
    caller = caller_of(service, "leasing", ttl=timedelta(seconds=300))
    service.leases.create(caller, "default", "reader")
    clock.advance(seconds=200)
    service.tokens.renew(caller.accessor, timedelta(seconds=300))
    clock.advance(seconds=100)
    assert service.leases.ending.end_due() == 0
    assert len(memory.users) == 1
    clock.advance(seconds=200)
    assert service.leases.ending.end_due() == 1
    assert not memory.users


def test_a_token_that_is_used_up_makes_no_lease(service: Service, memory: Memory) -> None:
    allow(service, "leasing", "reveal")
    issued = service.tokens.issue(grant_with_uses(1))
    caller = service.tokens.authenticate(issued.token.text, "127.0.0.1")
    with pytest.raises(Conflict, match="ends with its token"):
        service.leases.create(caller, "default", "reader")
    assert not memory.calls


def grant_with_uses(uses: int) -> Any:
    from strongroom_service.identity.grant import Grant as TokenGrant

    return TokenGrant(identity="account:x", policies=("leasing",), uses=uses)


def test_there_are_no_more_than_the_role_allows(service: Service, root: Caller, memory: Memory) -> None:
    start = Barrier(12)

    def make(_: int) -> bool:
        start.wait()
        try:
            service.leases.create(root, "default", "reader")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(make, range(12))) == 5
    assert len(memory.users) == 5


def test_rights(service: Service, root: Caller, memory: Memory) -> None:
    for verb in ("reveal", "list", "view", "delete", "administer", "destroy"):
        allow(service, verb, verb, "view") if verb in ("delete", "destroy", "administer") else allow(
            service, verb, verb
        )
    maker, stranger = caller_of(service, "reveal"), caller_of(service, "default", identity="user:mallory")
    with pytest.raises(Forbidden):
        service.leases.create(stranger, "default", "reader")
    made = service.leases.create(maker, "default", "reader")
    assert service.leases.show(maker, made.id).identity == "account:tester"
    for refused in (service.leases.show, service.leases.renew, service.leases.revoke):
        with pytest.raises(UnknownThing):
            refused(stranger, made.id)  # type: ignore[operator]
        if refused != service.leases.show:
            with pytest.raises(Forbidden):
                refused(caller_of(service, "view"), made.id)  # type: ignore[operator]
    with pytest.raises(Forbidden):
        service.leases.forget(maker, made.id)
    assert service.leases.page(stranger, "default")[0] == []
    for other in (maker, caller_of(service, "list")):
        assert [one.id for one in service.leases.page(other, "default")[0]] == [made.id]
    assert service.leases.renew(caller_of(service, "administer"), made.id).until >= made.lease.until
    assert service.leases.renew(maker, made.id).state is LeaseState.ACTIVE
    assert service.leases.revoke(caller_of(service, "delete"), made.id) is None
    forgotten = service.leases.create(maker, "default", "reader")
    service.leases.forget(caller_of(service, "destroy"), forgotten.id)
    assert list(memory.users) == [forgotten.credential["user"]]


def test_who_defines_a_role_has_to_be_allowed_to_reveal_its_administrator(service: Service, memory: Memory) -> None:
    allow(service, "definer", "administer", path="default/:leases/*")
    role = LeaseRole(engine="memory", block="default/admin")
    with pytest.raises(Forbidden, match="may not reveal default/admin"):
        service.leases.roles.put(caller_of(service, "definer"), "default", "mine", role)


def test_a_changed_row_hides_and_hinders_no_other(service: Service, clock: Clock, root: Caller, memory: Memory) -> None:
    made = [service.leases.create(root, "default", "reader") for _ in range(3)]
    bad = sorted(one.id for one in made)[1]
    with service.records._ledger.changing() as session:
        session.execute("UPDATE service_records SET expires = 0 WHERE kind = ? AND id = ?", KIND, bad)
    listed, _ = service.leases.page(root, "default")
    assert [one.id for one in listed if one.quarantine] == [bad]
    assert len(listed) == 3
    clock.advance(hours=1)
    assert service.leases.ending.end_due() == 2
    service.tokens.revoke(root.accessor)
    service.leases.forget(Caller("root", is_root=True), bad)
    assert service.leases.page(Caller("root", is_root=True), "default")[0] == []


def test_many_changed_rows_do_not_starve_the_others(
    service: Service, clock: Clock, root: Caller, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_LOOKED_AT_FIRST", 2)
    made = [service.leases.create(root, "default", "reader") for _ in range(5)]
    with service.records._ledger.changing() as session:
        for one in made[:4]:
            session.execute("UPDATE service_records SET expires = 0 WHERE id = ?", one.id)
    clock.advance(hours=1)
    assert service.leases.ending.end_due() == 1
    assert made[4].credential["user"] not in memory.users


def test_a_cursor_tells_nothing_of_leases_that_one_may_not_see(
    service: Service, root: Caller, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases_module, "PAGE_MAX", 2)
    allow(service, "leasing", "reveal")
    own = caller_of(service, "leasing")
    for caller in (root, root, own, root, root):
        service.leases.create(caller, "default", "reader")
    found, after = service.leases.page(own, "default", limit=1)
    assert (len(found), after) == (1, "")
    assert service.leases.page(caller_of(service, "default"), "default", limit=1) == ([], "")


def test_a_role_that_changed_or_went_does_not_hinder_the_end(
    service: Service, clock: Clock, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")
    service.leases.roles.remove(root, "default", "reader")
    with pytest.raises(UnknownThing):
        service.leases.create(root, "default", "reader")
    assert service.leases.revoke(root, made.id) is None
    assert not memory.users


def test_a_role_that_went_or_allows_less_by_now_prolongs_nothing_beyond_that(
    service: Service, clock: Clock, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")
    role = service.leases.roles.found("default", "reader").value
    shorter = role.model_copy(update={"max_ttl": 900})
    service.leases.roles.put(root, "default", "reader", shorter)
    assert service.leases.renew(root, made.id, timedelta(hours=1)).until == made.lease.created + timedelta(seconds=900)
    service.leases.roles.remove(root, "default", "reader")
    clock.advance(seconds=60)
    with pytest.raises(Conflict, match="was removed"):
        service.leases.renew(root, made.id)
    assert memory.calls.count("renew") == 1
    assert the_lease(service).until == made.lease.created + timedelta(seconds=900)


def test_an_administrator_that_went_leaves_the_lease_stuck_until_he_is_back(
    service: Service, root: Caller, memory: Memory
) -> None:
    made = service.leases.create(root, "default", "reader")
    service.registry("default").delete("admin")
    lease = service.leases.revoke(root, made.id)
    assert lease is not None
    assert "default/admin cannot be used" in lease.problem
    service.registry("default").undelete("admin")
    assert service.leases.revoke(root, made.id) is None
    assert not memory.users


def test_pages(service: Service, root: Caller, memory: Memory) -> None:
    ids = sorted(service.leases.create(root, "default", "reader").id for _ in range(5))
    found, after = service.leases.page(root, "default", limit=2)
    seen = [one.id for one in found]
    while after:
        found, after = service.leases.page(root, "default", limit=2, after=after)
        seen += [one.id for one in found]
    assert seen == ids
    assert service.leases.page(root, "defaul")[0] == service.leases.page(root, "default", role="read")[0] == []


@pytest.mark.parametrize("ttl", [0, 9, 3601, 10**8])
def test_durations_that_the_role_does_not_make(service: Service, root: Caller, memory: Memory, ttl: int) -> None:
    with pytest.raises(InvalidRequest, match="It takes 10 to 3600"):
        service.leases.create(root, "default", "reader", timedelta(seconds=ttl))
    assert not memory.calls


@pytest.mark.parametrize(
    "id", ["", "x", "default/reader", "default/reader/x/y", "../../..", "default/reader/\0", "a" * 5000]
)
def test_ids_that_are_none(service: Service, root: Caller, memory: Memory, id: str) -> None:
    for ask in (service.leases.show, service.leases.renew, service.leases.revoke, service.leases.forget):
        with pytest.raises((UnknownThing, ValueError)):
            ask(root, id)  # type: ignore[operator]


def test_all_of_a_role_are_revoked(service: Service, root: Caller, memory: Memory) -> None:
    for _ in range(4):
        service.leases.create(root, "default", "reader")
    assert service.leases.revoke_all(root, "default", "reader") == 4
    assert service.leases.ending.end_due() == 4
    assert not memory.users


def test_the_reaper_works_by_itself(service: Service, root: Caller, memory: Memory) -> None:
    gone = Event()
    memory.before = lambda what: gone.set() if what == "revoke" else None
    with Reaper(service.leases.ending, interval=3600):
        service.leases.create(root, "default", "reader")
        service.leases.revoke_all(root, "default", "reader")
        assert gone.wait(30)
    assert not memory.users


def test_the_reaper_outlives_a_database_that_is_away(
    service: Service, root: Caller, memory: Memory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from strongroom_service.errors import RecordsUnavailable

    failed, real = Event(), service.leases.ending.end_due

    def away(**_: Any) -> int:
        failed.set()
        raise RecordsUnavailable("The database is away.", "")

    monkeypatch.setattr(service.leases.ending, "end_due", away)
    with Reaper(service.leases.ending, interval=0.001, threads=1):
        service.leases.create(root, "default", "reader")
        assert failed.wait(30)
        monkeypatch.setattr(service.leases.ending, "end_due", real)
        ended = Event()
        memory.before = lambda what: ended.set()
        service.leases.revoke_all(root, "default", "reader")
        assert ended.wait(30)
    assert caplog.text.count("Leases cannot be looked after now") == 1


def test_the_audit_has_who_leased_what(service: Service, root: Caller, memory: Memory) -> None:
    made = service.leases.create(root, "default", "reader")
    service.leases.renew(root, made.id)
    service.leases.revoke(root, made.id)
    found = [
        (one.action, one.outcome) for one in service.registry("default").audit() if one.name == f"leases/{made.id}"
    ]
    assert sorted(found) == [
        ("lease", "done"),
        ("lease-end", "done"),
        ("lease-renew", "done"),
        ("lease-revoke", "done"),
    ]
