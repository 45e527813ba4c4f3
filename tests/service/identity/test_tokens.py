"""Tokens: who bears one, what he may do, for how long, and how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from strongroom_registry import open_registry
from strongroom_service.errors import Forbidden, InvalidRequest, Unauthenticated, UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.grant import Grant, Issued
from strongroom_service.identity.token import Token
from strongroom_service.identity.token_record import Standing, TokenRecord
from strongroom_service.identity.tokens import Tokens
from strongroom_service.state.records import Records, open_records_ledger

from .conftest import MAX_TTL, TTL, Clock

HERE = "10.0.0.7"
HOUR = timedelta(hours=1)


def caller(tokens: Tokens, issued: Issued, *, use: bool = True) -> Caller:
    return tokens.authenticate(issued.token.text, HERE, use=use)


def why(tokens: Tokens, text: str, address: str = HERE) -> str:
    """What the audit says of a token that is refused; outside it is always the same."""
    with pytest.raises(Unauthenticated) as refused:
        tokens.authenticate(text, address)
    assert str(refused.value) == (
        "The token is not valid, or not here and now. Log in with 'strongroom login', or ask for a new token."
    )
    return refused.value.why


def test_whoever_bears_a_token_is_known_by_it(tokens: Tokens) -> None:
    issued = tokens.issue(Grant(identity="approle:etl", policies=("Reader", "reader"), facts={"name": "etl"}))
    found = tokens.authenticate(issued.token.text, HERE, request_id="r1")
    assert found == Caller("approle:etl", issued.accessor, ("reader",), {"name": "etl"}, HERE, "r1")
    assert found.actor == f"approle:etl#{issued.accessor}"
    assert not found.is_root


def test_a_token_without_a_use_count_costs_one_look_at_the_database(
    tokens: Tokens, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = tokens.issue(Grant(identity="a"))
    looks: list[str] = []
    real = records._ledger.glance
    monkeypatch.setattr(records._ledger, "glance", lambda sql, *more: looks.append(sql) or real(sql, *more))
    monkeypatch.setattr(records._ledger, "changing", None)
    monkeypatch.setattr(records._ledger, "reading", None)
    for number in range(1, 4):
        assert caller(tokens, issued).identity == "a"
        assert len(looks) == number


def test_the_record_has_no_secret(tokens: Tokens, records: Records) -> None:
    issued = tokens.make_root()
    record = records.get("token", issued.accessor, TokenRecord)
    assert record is not None
    assert issued.token.text[16:59] not in record.model_dump_json()
    assert issued.token.secret.hex() not in record.model_dump_json()


def test_the_first_token_may_do_everything_for_ever(tokens: Tokens, clock: Clock) -> None:
    root = tokens.make_root()
    clock.forward(days=4000)
    assert caller(tokens, root).is_root
    assert tokens.renew(root.accessor, HOUR).expires is None


def test_a_refused_token_is_always_refused_in_the_same_words(
    tokens: Tokens, clock: Clock, standings: dict[str, Standing]
) -> None:
    good = tokens.issue(Grant(identity="approle:etl", ttl=HOUR, bounds=("10.0.0.0/8",)))
    text, accessor = good.token.text, good.accessor
    other = Token(accessor, bytes(32)).text
    assert why(tokens, text[:-1] + ("a" if text[-1] != "a" else "b")) == "token: mistyped: the checksum is another one"
    assert why(tokens, "hvs.something") == "token: not of the shape of a token"
    assert why(tokens, Token.make().text) == why(tokens, other) == "token: unknown"
    whose = f"token {accessor} of approle:etl: "
    assert why(tokens, text, "192.168.0.1") == whose + "not from this address"
    assert why(tokens, text, "testclient") == whose + "not from this address"
    standings["user.alice"] = Standing(("reader",), {})
    hers = tokens.issue(Grant(identity="user:alice", origin="user.alice"))
    del standings["user.alice"]
    assert why(tokens, hers.token.text) == f"token {hers.accessor} of user:alice: user.alice is gone or disabled"
    clock.forward(hours=1)
    assert why(tokens, text) == whose + "expired"


def test_a_revoked_and_a_used_up_token_are_told_apart_in_the_audit(tokens: Tokens) -> None:
    revoked, counted = tokens.issue(Grant(identity="a")), tokens.issue(Grant(identity="b", uses=1))
    tokens.revoke(revoked.accessor)
    caller(tokens, counted)
    assert why(tokens, revoked.token.text).endswith("of a: revoked")
    assert why(tokens, counted.token.text).endswith("of b: used up")


def test_uses_are_counted_but_for_looks(tokens: Tokens) -> None:
    issued = tokens.issue(Grant(identity="a", uses=2))
    assert caller(tokens, issued, use=False)
    assert tokens.of(issued.accessor).uses == 2
    caller(tokens, issued)
    assert tokens.of(issued.accessor).uses == 1
    caller(tokens, issued)
    with pytest.raises(UnknownThing):
        tokens.of(issued.accessor)


def test_a_counted_token_makes_no_others(tokens: Tokens) -> None:
    issued = tokens.issue(Grant(identity="a", uses=5))
    with pytest.raises(Forbidden, match="use count"):
        tokens.create(caller(tokens, issued), Grant())


def test_who_is_disabled_loses_what_he_has_at_once(tokens: Tokens, standings: dict[str, Standing]) -> None:
    standings["user.alice"] = Standing(("reader", "writer"), {"name": "alice"})
    hers = tokens.issue(Grant(identity="user:alice", origin="user.alice"))
    assert caller(tokens, hers).policies == ("reader", "writer")
    narrow = tokens.create(caller(tokens, hers), Grant(policies=("writer", "default")))
    standings["user.alice"] = Standing(("reader",), {"name": "alice"})
    assert caller(tokens, hers).policies == ("reader",)
    assert caller(tokens, narrow).policies == ("default",)
    del standings["user.alice"]
    assert "gone or disabled" in why(tokens, narrow.token.text)


@pytest.mark.parametrize(
    ("grant", "what"),
    [
        (Grant(policies=("writer",)), "A policy that your own token does not have"),
        (Grant(policies=("root",)), "The policy root"),
        (Grant(policies=("Root",)), "The policy root"),
        (Grant(policies=("ROOT", "reader")), "The policy root"),
        (Grant(identity="user:boss"), "A token of another identity"),
        (Grant(origin="user.boss"), "A token of another identity"),
        (Grant(facts={"metadata.team": "finance"}), "A token of another identity"),
        (Grant(period=HOUR), "A token that can be renewed without end"),
        (Grant(bounds=("10.0.0.0/7",)), "A network that the parent cannot be used from"),
        (Grant(bounds=("::/0",)), "A network that the parent cannot be used from"),
    ],
)
def test_nobody_gives_away_what_he_does_not_have(tokens: Tokens, grant: Grant, what: str) -> None:
    parent = tokens.issue(Grant(identity="approle:etl", policies=("reader",), bounds=("10.0.0.0/8",)))
    with pytest.raises(Forbidden, match=what):
        tokens.create(caller(tokens, parent), grant)
    assert [accessor for accessor, _ in tokens.page()] == [parent.accessor]


def test_an_administrator_of_tokens_gives_away_more_but_not_root(tokens: Tokens) -> None:
    parent = tokens.issue(Grant(identity="user:boss", policies=("admin",), bounds=("10.0.0.0/8",)))
    boss = caller(tokens, parent)
    made = tokens.create(boss, Grant(policies=("writer",), identity="account:ci", period=HOUR), beyond=True)
    assert made.record.identity == "account:ci"
    assert made.record.bounds == ("10.0.0.0/8",)
    with pytest.raises(Forbidden, match="root"):
        tokens.create(boss, Grant(policies=("root",)), beyond=True)
    with pytest.raises(Forbidden, match="without a parent"):
        tokens.create_orphan(boss, Grant())
    assert tokens.create_orphan(boss, Grant(), beyond=True).record.orphan


def test_what_was_given_besides_ones_own_policies_stays_when_these_go(
    tokens: Tokens, standings: dict[str, Standing]
) -> None:
    standings["user.boss"] = Standing(("admin",), {})
    boss = caller(tokens, tokens.issue(Grant(identity="user:boss", origin="user.boss")))
    given = tokens.create(boss, Grant(policies=("admin", "writer")), beyond=True)
    assert caller(tokens, given).policies == ("admin", "writer")
    standings["user.boss"] = Standing(("no-prod", "all"), {}, lambda policy: policy.startswith("no-"))
    assert caller(tokens, given).policies == ("writer", "no-prod")


def test_a_token_for_an_account_never_has_more_than_the_account(tokens: Tokens, standings: dict[str, Standing]) -> None:
    root = caller(tokens, tokens.make_root())
    standings["account.ci"] = Standing(("deploy",), {"name": "ci", "kind": "account"})
    grant = Grant(identity="account:ci", origin="account.ci", policies=("deploy", "writer"))
    made = caller(tokens, tokens.create(root, grant))
    assert made.policies == ("deploy",)
    assert made.facts == {"name": "ci", "kind": "account"}
    everything = caller(tokens, tokens.create(root, Grant(identity="account:ci", origin="account.ci")))
    assert everything.policies == ("deploy",)


def test_what_root_makes_for_less_is_not_called_root(tokens: Tokens) -> None:
    root = caller(tokens, tokens.make_root())
    made = tokens.create(root, Grant(policies=("reader",), name="grafana"))
    assert caller(tokens, made).identity == f"token:{made.accessor}"
    assert caller(tokens, made).facts == {"kind": "token", "name": "grafana"}
    assert caller(tokens, tokens.create(root, Grant())).is_root


def test_nobody_logs_in_as_root(tokens: Tokens) -> None:
    with pytest.raises(InvalidRequest, match="root"):
        tokens.issue(Grant(identity="approle:etl", policies=("Root",)))


def test_a_token_lives_as_long_as_it_says(tokens: Tokens, clock: Clock) -> None:
    now = clock()
    assert tokens.issue(Grant(identity="a")).record.expires == now + TTL
    assert tokens.issue(Grant(identity="a", ttl=HOUR)).record.expires == now + HOUR
    assert tokens.issue(Grant(identity="a", ttl=timedelta(days=99))).record.expires == now + MAX_TTL
    assert tokens.issue(Grant(identity="a", ttl=2 * HOUR, max_ttl=HOUR)).record.expires == now + HOUR


def test_renewals_end_at_the_maximum(tokens: Tokens, clock: Clock) -> None:
    issued = tokens.issue(Grant(identity="a", ttl=HOUR, max_ttl=2 * HOUR))
    start = clock()
    clock.forward(minutes=30)
    assert tokens.renew(issued.accessor).expires == start + timedelta(minutes=90)
    assert tokens.renew(issued.accessor, timedelta(minutes=1)).expires == start + timedelta(minutes=90)
    clock.forward(minutes=59)
    assert tokens.renew(issued.accessor, 9 * HOUR).expires == start + 2 * HOUR
    clock.forward(minutes=31)
    with pytest.raises(UnknownThing):
        tokens.renew(issued.accessor)


def test_a_periodic_token_is_renewed_without_end(tokens: Tokens, clock: Clock) -> None:
    root = caller(tokens, tokens.make_root())
    issued = tokens.create(root, Grant(policies=("reader",), period=HOUR))
    for _ in range(2000):
        clock.forward(minutes=59)
        assert tokens.renew(issued.accessor, timedelta(days=9)).expires == clock() + HOUR


def test_a_token_that_cannot_be_renewed_says_so(tokens: Tokens) -> None:
    issued = tokens.issue(Grant(identity="a", renewable=False))
    with pytest.raises(InvalidRequest, match="cannot be renewed"):
        tokens.renew(issued.accessor)


def test_a_child_never_outlives_its_parent(tokens: Tokens, clock: Clock) -> None:
    parent = tokens.issue(Grant(identity="a", ttl=HOUR))
    child = tokens.create(caller(tokens, parent), Grant(ttl=9 * HOUR))
    assert child.record.expires == parent.record.expires
    assert tokens.renew(child.accessor, 9 * HOUR).expires == parent.record.expires
    clock.forward(minutes=1)
    assert tokens.renew(child.accessor, 9 * HOUR).expires == parent.record.expires


def test_a_token_takes_all_that_were_made_with_it_along(tokens: Tokens) -> None:
    top = tokens.issue(Grant(identity="a", policies=("reader",)))
    child = tokens.create(caller(tokens, top), Grant())
    grandchildren = [tokens.create(caller(tokens, child), Grant()) for _ in range(3)]
    beside = tokens.create_orphan(caller(tokens, child), Grant(), beyond=True)
    assert tokens.revoke(top.accessor) == 5
    for one in (top, child, *grandchildren):
        assert why(tokens, one.token.text).endswith("revoked")
    assert caller(tokens, beside).identity == "a"
    with pytest.raises(UnknownThing):
        tokens.revoke(top.accessor)


def test_children_can_be_left_as_orphans(tokens: Tokens) -> None:
    top = tokens.issue(Grant(identity="a"))
    child = tokens.create(caller(tokens, top), Grant())
    grandchild = tokens.create(caller(tokens, child), Grant())
    assert tokens.revoke(top.accessor, with_children=False) == 1
    assert tokens.of(child.accessor).orphan
    assert not tokens.of(grandchild.accessor).orphan
    assert tokens.revoke(child.accessor) == 2


def test_all_tokens_of_an_identity_end_at_once(tokens: Tokens) -> None:
    hers = [tokens.issue(Grant(identity="user:alice")) for _ in range(3)]
    child = tokens.create(caller(tokens, hers[0]), Grant())
    his = tokens.issue(Grant(identity="user:alice2"))
    assert tokens.revoke_identity("user:alice") == 4
    assert tokens.revoke_identity("user:alice") == 0
    assert why(tokens, child.token.text).endswith("revoked")
    assert caller(tokens, his).identity == "user:alice2"


def test_a_token_is_found_by_its_text_without_using_it(tokens: Tokens) -> None:
    issued = tokens.issue(Grant(identity="a", uses=1, bounds=("192.168.0.0/16",)))
    assert tokens.lookup(issued.token.text) == (issued.accessor, issued.record)
    for text in ("", "x", Token.make().text, Token(issued.accessor, bytes(32)).text):
        with pytest.raises(UnknownThing):
            tokens.lookup(text)


def test_ended_tokens_are_swept_when_their_time_is_over(tokens: Tokens, records: Records, clock: Clock) -> None:
    tokens.issue(Grant(identity="a", ttl=HOUR))
    root = tokens.make_root()
    tokens.revoke(root.accessor)
    kept = tokens.make_root()
    assert tokens.tidy() == 0
    clock.forward(hours=1)
    assert tokens.tidy() == 1
    clock.forward(days=30)
    assert tokens.tidy() == 1
    with records.reading() as session:
        assert [accessor for accessor, _ in session.page("token", TokenRecord)] == [kept.accessor]


def test_tokens_are_listed_in_pages_without_those_that_ended(tokens: Tokens) -> None:
    issued = [tokens.issue(Grant(identity="a")) for _ in range(20)]
    for one in issued[::2]:
        tokens.revoke(one.accessor)
    found, after = [], ""
    while page := tokens.page(after=after, limit=3):
        assert len(page) <= 3
        found += [accessor for accessor, _ in page]
        after = page[-1][0]
    assert found == sorted(one.accessor for one in issued[1::2])


@pytest.mark.parametrize("grant", [{"ttl": timedelta()}, {"period": -HOUR}, {"max_ttl": timedelta(-1)}, {"uses": 0}])
def test_nonsense_is_refused(tokens: Tokens, grant: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        tokens.issue(Grant(identity="a", **grant))  # type: ignore[arg-type]


def test_a_token_is_believed_after_the_keys_of_the_registry_were_rotated() -> None:
    with open_registry("memory:", actor="service") as registry:
        tokens = Tokens(Records(open_records_ledger("memory:"), registry.sealer("service")), ttl=TTL, max_ttl=MAX_TTL)
        before = tokens.make_root()
        registry.rotate("workspace")
        after = tokens.make_root()
        assert before.record.digest != after.record.digest
        assert caller(tokens, before).is_root
        assert caller(tokens, after).is_root
        assert why(tokens, Token(before.accessor, bytes(32)).text) == "token: unknown"
