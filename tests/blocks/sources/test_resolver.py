"""What is kept of answers, for how long, and how often a source is asked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from shelf import Shelf
from strongroom_blocks import Block, arefresh, redactor, refresh, secret_from
from strongroom_blocks.errors import (
    CheckUnreachable,
    InvalidSecretReference,
    SecretAbsent,
    SecretDenied,
    SourceMisconfigured,
    SourceUnreachable,
)
from strongroom_blocks.sources.registered import using_sources
from strongroom_blocks.sources.resolver import REFUSAL_TTL, Resolver
from strongroom_registry import Registry


class Api(Block, slug="test-resolver-api"):
    token: SecretStr
    password: SecretStr
    other: SecretStr = SecretStr("")


class Clock:
    """Time that goes on when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shelf(canary) -> Iterator[Shelf]:
    shelf = Shelf(a=canary("a"), b=canary("b"), c=canary("c"))
    with using_sources({"shelf": shelf}):
        yield shelf


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolver(clock: Clock) -> Resolver:
    return Resolver(clock)


def test_a_secret_is_fetched_once_until_its_time_is_over(shelf: Shelf, resolver: Resolver, clock: Clock) -> None:
    for _ in range(1000):
        assert resolver.reveal("shelf:a") == shelf.secrets["a"]
    clock.now += 299
    resolver.reveal("shelf:a")
    assert len(shelf.calls) == 1
    clock.now += 1
    shelf.secrets["a"] = "changed"
    assert resolver.reveal("shelf:a") == "changed"
    assert len(shelf.calls) == 2


def test_the_setting_overrules_what_the_source_declares(
    shelf: Shelf, resolver: Resolver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCES_TTL", "7.5")
    resolver.reveal("shelf:a")
    clock.now += 7
    resolver.reveal("shelf:a")
    assert len(shelf.calls) == 1
    clock.now += 1
    resolver.reveal("shelf:a")
    assert len(shelf.calls) == 2


def test_zero_keeps_nothing(shelf: Shelf, resolver: Resolver) -> None:
    shelf.ttl = 0
    for value in ("one", "two"):
        shelf.secrets["a"] = value
        assert resolver.reveal("shelf:a") == value


def test_nor_does_it_keep_refusals(shelf: Shelf, resolver: Resolver) -> None:
    shelf.ttl = 0
    with pytest.raises(SecretAbsent):
        resolver.reveal("shelf:zzz")
    shelf.secrets["zzz"] = "now there"
    assert resolver.reveal("shelf:zzz") == "now there"


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e99"])
@pytest.mark.parametrize("variable", ["STRONGROOM_SOURCES_TTL", "STRONGROOM_SOURCES_TIMEOUT"])
def test_a_setting_that_is_no_time_is_named(
    shelf: Shelf, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SourceMisconfigured, match=variable):
        resolver.reveal("shelf:a")


def test_what_a_block_points_at_comes_in_one_call(shelf: Shelf) -> None:
    api = Api(token=secret_from("shelf:a"), password=secret_from("shelf:b"), other=secret_from("env:NONE_OF_IT"))
    assert api.password.get_secret_value() == shelf.secrets["b"]
    assert api.token.get_secret_value() == shelf.secrets["a"]
    assert [set(call) for call in shelf.calls] == [{"a", "b"}]


def test_thousands_of_loads_are_one_call(shelf: Shelf, registry: Registry) -> None:
    Api(token=secret_from("shelf:a"), password=secret_from("shelf:b")).save("api")
    assert not shelf.calls, "saving asks nobody"
    loaded = [Api.load("api") for _ in range(2000)]
    assert not shelf.calls, "loading asks nobody"
    assert {api.token.get_secret_value() for api in loaded} == {shelf.secrets["a"]}
    assert {api.password.get_secret_value() for api in loaded} == {shelf.secrets["b"]}
    assert len(shelf.calls) == 1


def test_threads_wait_for_one_call(shelf: Shelf, resolver: Resolver) -> None:
    shelf.gate.clear()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(resolver.reveal("shelf:a"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    assert shelf.asked.wait(30)
    shelf.gate.set()
    for thread in threads:
        thread.join()
    assert found == [shelf.secrets["a"]] * 16
    assert len(shelf.calls) == 1


def test_a_refusal_is_kept_for_a_moment(shelf: Shelf, resolver: Resolver, clock: Clock) -> None:
    for _ in range(50):
        with pytest.raises(SecretAbsent, match="shelf:zzz"):
            resolver.reveal("shelf:zzz")
    assert len(shelf.calls) == 1
    clock.now += REFUSAL_TTL
    shelf.secrets["zzz"] = "now there"
    assert resolver.reveal("shelf:zzz") == "now there"


def test_a_problem_with_one_keeps_no_other_from_arriving(shelf: Shelf) -> None:
    shelf.secrets["b"] = SecretDenied("No.", "Ask.")
    api = Api(token=secret_from("shelf:a"), password=secret_from("shelf:b"))
    assert api.token.get_secret_value() == shelf.secrets["a"]
    with pytest.raises(SecretDenied, match=r'The secret "shelf:b" could not be fetched: No\. Ask\.'):
        api.password.get_secret_value()
    assert len(shelf.calls) == 1


@pytest.mark.parametrize("refusal", [SecretAbsent, SecretDenied])
def test_a_revoked_secret_is_not_used_any_more(shelf: Shelf, resolver: Resolver, clock: Clock, refusal) -> None:
    resolver.reveal("shelf:a")
    clock.now += 300
    shelf.secrets["a"] = refusal("Gone.", "")
    with pytest.raises(refusal):
        resolver.reveal("shelf:a")
    assert resolver.known("shelf:a") is None


def test_an_unreachable_source_is_bridged_for_one_more_time_and_said(
    shelf: Shelf, resolver: Resolver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    resolver.reveal("shelf:a")
    shelf.failure = ConnectionError("refused")
    clock.now += 300
    assert resolver.reveal("shelf:a") == shelf.secrets["a"]
    assert "shelf:a" in caplog.text
    assert len(shelf.calls) == 2
    resolver.reveal("shelf:a")
    assert len(shelf.calls) == 2, "it is not asked again at once"
    clock.now += 300
    with pytest.raises(SourceUnreachable, match="shelf:a"):
        resolver.reveal("shelf:a")


def test_while_one_asks_anew_others_use_what_they_had(shelf: Shelf, resolver: Resolver, clock: Clock) -> None:
    former = resolver.reveal("shelf:a")
    clock.now += 300
    shelf.gate.clear()
    shelf.asked.clear()
    shelf.secrets["a"] = "the new one"
    found: list[object] = []
    first = threading.Thread(target=lambda: found.append(resolver.reveal("shelf:a")))
    first.start()
    assert shelf.asked.wait(30)
    assert resolver.reveal("shelf:a") == former
    shelf.gate.set()
    first.join()
    assert found == ["the new one"]
    assert resolver.reveal("shelf:a") == "the new one"


def test_a_source_that_hangs_is_named_and_not_waited_for(
    shelf: Shelf, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCES_TIMEOUT", "0.05")
    shelf.gate.clear()
    try:
        for _ in range(5):
            with pytest.raises(SourceUnreachable, match=r'"shelf:a" could not be fetched: .* within 0.05 s') as caught:
                resolver.reveal("shelf:a")
        assert caught.value.word == "unreachable"
        assert isinstance(caught.value, CheckUnreachable)
        assert len(shelf.calls) == 1, "who hangs is not asked again at once"
    finally:
        shelf.gate.set()


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit, RecursionError])
def test_a_source_that_breaks_is_told_without_its_words(shelf: Shelf, resolver: Resolver, failure, canary) -> None:
    shelf.failure = failure(canary("words"))
    with pytest.raises(SourceUnreachable, match=f"the source failed: {failure.__name__}") as caught:
        resolver.reveal("shelf:a")
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("answer", [None, 3, object(), ["x"]])
def test_an_answer_that_is_none(shelf: Shelf, resolver: Resolver, answer) -> None:
    shelf.secrets["a"] = answer
    with pytest.raises(SourceUnreachable, match="shelf:a"):
        resolver.reveal("shelf:a")


def test_an_empty_secret_is_one(shelf: Shelf, resolver: Resolver) -> None:
    shelf.secrets |= {"a": "", "b": b""}
    assert resolver.reveal("shelf:a", ["shelf:b"]) == ""
    assert resolver.reveal("shelf:b") == b""
    assert resolver.answers(["shelf:a", "shelf:b"]) == {"shelf:a": "", "shelf:b": b""}
    assert len(shelf.calls) == 1


def test_a_malformed_reference_keeps_no_other_from_arriving(shelf: Shelf, resolver: Resolver) -> None:
    found = resolver.answers(["shelf:a", "shelf:no/name", "nowhere:x"])
    assert found["shelf:a"] == shelf.secrets["a"]
    assert isinstance(found["shelf:no/name"], InvalidSecretReference)
    assert isinstance(found["nowhere:x"], InvalidSecretReference)
    with pytest.raises(InvalidSecretReference, match="shelf:no/name"):
        resolver.reveal("shelf:no/name")


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [
        ("", set()),
        ("*", set()),
        ("shelf:*", set()),
        ("shelf:a", {"shelf:b", "shelf:c"}),
        ("env:*, shelf:[ab]", {"shelf:c"}),
        ("vault:kv/*", {"shelf:a", "shelf:b", "shelf:c"}),
        ("SHELF:*", {"shelf:a", "shelf:b", "shelf:c"}),
    ],
)
def test_a_process_may_be_kept_to_what_it_needs(
    shelf: Shelf, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, allowed: str, denied: set[str]
) -> None:
    monkeypatch.setenv("STRONGROOM_SOURCES_ALLOWED", allowed)
    found = resolver.answers(["shelf:a", "shelf:b", "shelf:c"])
    assert {text for text, answer in found.items() if isinstance(answer, SecretDenied)} == denied
    assert {f"shelf:{name}" for call in shelf.calls for name in call} == set(found) - denied
    for text in denied:
        with pytest.raises(SecretDenied, match=f"{text}.* may not resolve it.*STRONGROOM_SOURCES_ALLOWED"):
            resolver.reveal(text)


def test_what_was_fetched_is_masked(shelf: Shelf, resolver: Resolver) -> None:
    secret = shelf.secrets["a"]
    assert redactor.redact(f"<{secret}>") == f"<{secret}>"
    resolver.reveal("shelf:a")
    assert redactor.redact(f"<{secret}>") == "<**********>"


def test_nothing_is_held_for_longer_than_declared(shelf: Shelf, resolver: Resolver, clock: Clock) -> None:
    resolver.reveal("shelf:a")
    clock.now += 601
    resolver.reveal("shelf:b")
    assert resolver.known("shelf:a") is None
    assert resolver.known("shelf:b") == shelf.secrets["b"]


class TestRefresh:
    def test_after_a_failed_login_the_new_secret_is_used(self, shelf: Shelf) -> None:
        api = Api(token=secret_from("shelf:a"), password="fixed")
        api.token.get_secret_value()
        shelf.secrets["a"] = "rotated"
        assert refresh(api) is True
        assert api.token.get_secret_value() == "rotated"
        assert refresh(api.token) is False
        assert len(shelf.calls) == 3

    def test_it_has_a_twin(self, shelf: Shelf) -> None:
        api = Api(token=secret_from("shelf:a"), password="fixed")
        assert asyncio.run(arefresh(api)) is False
        shelf.secrets["a"] = "rotated"
        assert asyncio.run(arefresh(api)) is True
        assert api.token.get_secret_value() == "rotated"

    def test_what_points_at_nothing_is_not_refreshed(self) -> None:
        assert refresh(Api(token="x1", password="x2")) is False

    def test_a_secret_that_is_gone_is_not_used_any_more(self, shelf: Shelf) -> None:
        api = Api(token=secret_from("shelf:a"), password="fixed")
        api.token.get_secret_value()
        del shelf.secrets["a"]
        with pytest.raises(SecretAbsent):
            refresh(api)
        with pytest.raises(SecretAbsent):
            api.token.get_secret_value()

    def test_a_source_that_is_gone_lets_nothing_be_used(self, shelf: Shelf) -> None:
        api = Api(token=secret_from("shelf:a"), password="fixed")
        api.token.get_secret_value()
        shelf.failure = OSError("down")
        with pytest.raises(SourceUnreachable):
            refresh(api)
        with pytest.raises(SourceUnreachable):
            api.token.get_secret_value()

    def test_an_answer_that_was_on_its_way_is_not_taken_for_the_new_one(self, shelf: Shelf, resolver: Resolver) -> None:
        shelf.gate.clear()
        early = threading.Thread(target=lambda: resolver.reveal("shelf:a"))
        early.start()
        assert shelf.asked.wait(30)
        resolver.forget(["shelf:a"])
        held_up, shelf.gate = shelf.gate, threading.Event()
        shelf.gate.set()
        shelf.secrets["a"] = "rotated"
        assert resolver.reveal("shelf:a") == "rotated"
        held_up.set()
        early.join()
        assert resolver.reveal("shelf:a") == "rotated"
        assert len(shelf.calls) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_asks_for_itself(shelf: Shelf) -> None:
    """A fork while another thread asks: the child has neither that thread nor its answer."""
    api = Api(token=secret_from("shelf:a"), password=secret_from("shelf:b"))
    shelf.gate.clear()
    asking = threading.Thread(target=api.token.get_secret_value)
    asking.start()
    assert shelf.asked.wait(30)
    child = os.fork()
    if child == 0:
        shelf.gate = threading.Event()
        shelf.gate.set()
        status = 1
        try:
            status = 0 if api.token.get_secret_value() == shelf.secrets["a"] else 2
        finally:
            os._exit(status)
    shelf.gate.set()
    asking.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
