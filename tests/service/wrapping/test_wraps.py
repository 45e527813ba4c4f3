"""Wraps: opened once, by one of however many try; whoever comes later learns who was first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.service import Clock
from strongroom_registry.errors import IntegrityError, StoreUnavailable
from strongroom_service.errors import InvalidRequest, RequestTooLarge, UnknownThing, WrapOpened
from strongroom_service.identity.caller import ANONYMOUS, Caller
from strongroom_service.identity.token import Token
from strongroom_service.service import Service
from strongroom_service.wrapping import KIND, VALUE_MAX, WrapRecord

MAKER = Caller("user:alice", "A" * 12, address="10.0.0.1")
READER = Caller("user:bob", "B" * 12, address="10.0.0.2")
THIEF = Caller("anonymous", address="203.0.113.9")
HOUR = timedelta(hours=1)


def entries(service: Service, action: str) -> list[str]:
    audit = service.workspaces.own.audit()
    return [f"{one.actor} {one.outcome} {one.message}" for one in audit if one.action == action]


def test_a_value_is_opened_once(each_service: Service, canary) -> None:
    value = {"password": canary("wrapped"), "n": [1, None, "ü"]}
    wraps = each_service.wraps
    info = wraps.wrap(value, HOUR, "/api/v1/x", MAKER)
    assert info.token.startswith("srw_")
    assert info.token not in repr(info)
    seen = wraps.lookup(info.token)
    assert (seen.creation_path, seen.ttl, seen.token, seen.accessor) == ("/api/v1/x", HOUR, "", info.accessor)
    assert wraps.unwrap(info.token, READER).value == value
    with pytest.raises(WrapOpened, match=r"used before, at 2026-03-04T05:06:07\+00:00 by user:bob from 10.0.0.2"):
        wraps.unwrap(info.token, THIEF)
    with pytest.raises(WrapOpened):
        wraps.lookup(info.token)
    (replayed,) = entries(each_service, "wrap_replayed")
    assert "opened by user:bob from 10.0.0.2, tried again by anonymous from 203.0.113.9" in replayed
    assert len(entries(each_service, "unwrap")) == 1


def test_of_sixty_four_one_gets_it(each_service: Service) -> None:
    info = each_service.wraps.wrap("secret", HOUR, "/x", MAKER)
    start = Barrier(64)

    def open_it(number: int) -> str:
        start.wait()
        try:
            return str(each_service.wraps.unwrap(info.token, READER._replace(address=f"10.0.0.{number}")).value)
        except WrapOpened:
            return "opened"

    with ThreadPoolExecutor(64) as threads:
        assert sorted(threads.map(open_it, range(64))) == ["opened"] * 63 + ["secret"]
    assert len(entries(each_service, "wrap_replayed")) == 63


def test_its_time_ends(service: Service, clock: Clock) -> None:
    info = service.wraps.wrap("secret", HOUR, "/x", MAKER)
    clock.advance(seconds=3600)
    for ask in (service.wraps.lookup, lambda text: service.wraps.unwrap(text, READER)):
        with pytest.raises(UnknownThing):
            ask(info.token)
    assert service.wraps.tidy() == 1
    assert service.records.get(KIND, info.accessor, WrapRecord) is None


def test_who_opened_it_is_remembered_longer_than_it_would_have_opened(service: Service, clock: Clock) -> None:
    info = service.wraps.wrap("secret", timedelta(minutes=1), "/x", MAKER)
    service.wraps.unwrap(info.token, READER)
    clock.advance(days=6)
    assert service.wraps.tidy() == 0
    with pytest.raises(WrapOpened):
        service.wraps.unwrap(info.token, THIEF)
    clock.advance(days=2)
    assert service.wraps.tidy() == 1


def test_nothing_of_the_value_stays_on_record(service: Service) -> None:
    info = service.wraps.wrap("secret", HOUR, "/x", MAKER)
    service.wraps.unwrap(info.token, READER)
    record = service.records.get(KIND, info.accessor, WrapRecord)
    assert record is not None
    assert record.value == ""


def test_rewrapping_gives_another_token_and_ends_the_first(service: Service, clock: Clock) -> None:
    first = service.wraps.wrap("secret", HOUR, "/x", MAKER)
    clock.advance(minutes=50)
    second = service.wraps.rewrap(first.token, READER)
    assert second.token != first.token
    assert second.creation_path == "/x"
    with pytest.raises(WrapOpened):
        service.wraps.unwrap(first.token, THIEF)
    clock.advance(minutes=50)
    assert service.wraps.unwrap(second.token, READER).value == "secret"


def test_what_the_audit_cannot_have_is_not_opened(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    info = service.wraps.wrap("secret", HOUR, "/x", MAKER)

    def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("The disk is full.", "Make room.")

    with monkeypatch.context() as broken:
        broken.setattr(service, "record", full)
        with pytest.raises(StoreUnavailable):
            service.wraps.unwrap(info.token, READER)
    assert service.wraps.unwrap(info.token, READER).value == "secret"


def test_a_token_opens_after_the_keys_are_rotated(service: Service) -> None:
    from strongroom_registry.rotation import Level

    info = service.wraps.wrap("secret", HOUR, "/x", MAKER)
    service.workspaces.own.rotate(Level.WORKSPACE)
    assert service.wraps.unwrap(info.token, READER).value == "secret"


def test_a_wrap_whose_row_was_changed_opens_nothing(service: Service) -> None:
    one, other = (service.wraps.wrap(text, HOUR, "/x", MAKER) for text in ("one", "other"))
    with service.records._ledger.changing() as session:
        session.execute(
            "UPDATE service_records SET sealed = (SELECT sealed FROM service_records WHERE id = ?) WHERE id = ?",
            other.accessor,
            one.accessor,
        )
    with pytest.raises(IntegrityError):
        service.wraps.unwrap(one.token, READER)
    assert service.wraps.unwrap(other.token, READER).value == "other"


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), timedelta(days=31), timedelta(milliseconds=999)])
def test_durations_that_no_wrap_has(service: Service, ttl: timedelta) -> None:
    with pytest.raises(InvalidRequest):
        service.wraps.wrap("x", ttl, "/x", MAKER)


def test_a_value_has_a_limit(service: Service) -> None:
    service.wraps.wrap("x" * (VALUE_MAX - 2), HOUR, "/x", MAKER)
    with pytest.raises(RequestTooLarge):
        service.wraps.wrap("x" * (VALUE_MAX - 1), HOUR, "/x", MAKER)


def test_tokens_of_another_kind_open_nothing(service: Service) -> None:
    info = service.wraps.wrap("secret", HOUR, "/x", MAKER)
    token = Token.parse(info.token, "srw_")
    for text in (
        service.tokens.make_root().token.text,
        Token(token.id, token.secret).text,
        Token(token.id, bytes(32), "srw_").text,
        info.token[:-1],
        "",
        info.token + "\0",
    ):
        with pytest.raises(UnknownThing):
            service.wraps.unwrap(text, ANONYMOUS)
    assert service.wraps.unwrap(info.token, ANONYMOUS).value == "secret"


@given(text=st.text(max_size=80) | st.text("0123456789abcXYZ", min_size=61, max_size=61).map("srw_".__add__))
@settings(max_examples=200)
def test_no_text_is_more_than_unknown(text: str) -> None:
    from strongroom_service.wrapping import _parsed

    with pytest.raises(UnknownThing) as refused:
        _parsed(text)
    assert not text or len(text) < 4 or text not in str(refused.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=_JSON)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_comes_out_as_it_went_in(service: Service, value: object) -> None:
    opened = service.wraps.unwrap(service.wraps.wrap(value, HOUR, "/x", MAKER).token, READER).value
    assert repr(opened) == repr(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "\ud800", {"\udfff": 1}])
def test_what_json_cannot_say_is_refused(service: Service, value: object) -> None:
    with pytest.raises(InvalidRequest):
        service.wraps.wrap(value, HOUR, "/x", MAKER)
