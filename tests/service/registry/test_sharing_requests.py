"""One request for many who ask at once, documents that are confirmed rather than sent again, changes that are told."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers.service import Served
from servers.started import started
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import UnknownDocument
from strongroom_registry.remote.cache import DocumentCache
from strongroom_registry.remote.events import Event, events_of
from strongroom_registry.remote.flights import Flights
from strongroom_registry.remote.registry import RemoteRegistry


class TestFlights:
    def test_those_who_ask_while_one_is_under_way_share_the_next(self) -> None:
        flights: Flights[int] = Flights()
        under_way, go_on = threading.Event(), threading.Event()
        asked: list[int] = []

        def ask() -> int:
            asked.append(len(asked))
            if len(asked) == 1:
                under_way.set()
                assert go_on.wait(20)
            return len(asked)

        with ThreadPoolExecutor(9) as pool:
            first = pool.submit(flights.share, "lake", ask)
            assert under_way.wait(20)
            others = [pool.submit(flights.share, "lake", ask) for _ in range(8)]
            while not all(other.running() for other in others) or len(_waiting(flights)) < 8:
                under_way.wait(0.001)
            assert not any(other.done() for other in others)  # nobody has an answer from before he asked
            go_on.set()
            assert first.result() == 1
            assert {other.result() for other in others} == {2}
        assert not flights._lanes

    def test_what_one_is_refused_all_are_and_the_next_is_not(self) -> None:
        flights: Flights[int] = Flights()

        def refuse() -> int:
            raise UnknownDocument("There is none.", "Make one.")

        for _ in range(2):
            with pytest.raises(UnknownDocument, match="Make one"):
                flights.share("lake", refuse)
        assert flights.share("lake", lambda: 1) == 1

    def test_who_is_interrupted_takes_nobody_along(self) -> None:
        flights: Flights[int] = Flights()

        def interrupt() -> int:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            flights.share("lake", interrupt)
        assert flights.share("lake", lambda: 1) == 1


def _waiting(flights: Flights[int]) -> list[int]:
    lane = flights._lanes.get("lake")
    return list(range(lane.users - 1)) if lane else []


class TestEvents:
    def read(self, *parts: bytes) -> list[Event]:
        left = [*parts, b""]

        class Parts:
            def read1(self, amt: int | None = None) -> bytes:
                return left.pop(0)

        return list(events_of(Parts()))

    def test_events_are_read_however_they_are_cut(self) -> None:
        text = b": here\n\nid: 7\nevent: change\ndata: {\ndata: }\r\n\r\nevent: at\n\ndata:x\n\ndata: unfinished"
        whole = [Event(""), Event("change", "{\n}", "7"), Event(""), Event("message", "x")]
        assert self.read(text) == whole
        assert self.read(*(text[at : at + 1] for at in range(len(text)))) == whole

    def test_a_line_without_an_end_is_none(self) -> None:
        with pytest.raises(ValueError, match="without an end"):
            self.read(*[b"x" * 65536] * 70)


def audited(registry: Registry, name: str) -> int:
    return sum(entry.count for entry in registry.audit(name=name) if entry.action == "load")


@pytest.fixture
def other(workspace: str) -> Iterator[Registry]:
    """The same workspace as somebody else has it."""
    with open_registry() as opened:
        yield opened


def put(registry: Registry, payload: bytes, **more: object) -> None:
    registry.put("lake", type="lake", schema="s", payload=payload, overwrite=True, **more)  # type: ignore[arg-type]


def test_a_document_that_is_the_same_is_confirmed_and_the_load_is_in_the_audit(
    registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(registry, RemoteRegistry)
    replies: list[int] = []
    ask = registry._connection.ask
    monkeypatch.setattr(registry._connection, "ask", lambda *a, **k: _noted(ask(*a, **k), replies))
    put(registry, b"water")
    first = registry.get("lake")
    assert registry.get("lake") is not None
    assert registry.get("lake") == first
    assert replies[1:] == [200, 304, 304]
    other.label("lake", "stable")
    assert registry.get("lake").version.labels == ("stable",)
    put(other, b"more")
    assert registry.get("lake").payload == b"more"
    assert replies[4:] == [200, 200]
    assert audited(registry, "lake") == 5


def _noted(reply: object, replies: list[int]) -> object:
    replies.append(reply.status)  # type: ignore[attr-defined]
    return reply


def test_whoever_is_told_of_changes_asks_no_more_than_once_a_minute(registry: Registry, other: Registry) -> None:
    told = threading.Event()
    put(registry, b"water")
    stop = registry.watch(told.set)
    for _ in range(5):
        assert registry.get("lake").payload == b"water"
    assert audited(other, "lake") == 1
    put(other, b"more")
    assert told.wait(20)
    assert registry.get("lake").payload == b"more"
    put(registry, b"most")
    assert registry.get("lake").payload == b"most"
    stop()
    for _ in range(5):
        registry.get("lake")
    assert audited(other, "lake") == 8


def test_a_load_that_was_answered_before_a_change_is_not_kept_after_it() -> None:
    cache = DocumentCache(lambda: 0.0)
    from strongroom_registry.remote.wire import DocumentTold

    from .test_faults import told

    document = DocumentTold.model_validate_json(told()).document()
    era = cache.era
    cache.clear()
    cache.keep("lake", '"1"', document, era)
    assert cache.recorded("lake") is None
    cache.keep("lake", '"1"', document, cache.era)
    assert cache.recorded("lake") is document
    cache.drop_name("lake")
    assert cache.get("lake") is None


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom_registry.remote.wire import DocumentTold

    from .test_faults import told

    monkeypatch.setattr("strongroom_registry.remote.cache.BYTES_MAX", 100)
    monkeypatch.setattr("strongroom_registry.remote.cache.DOCUMENTS_MAX", 5)
    cache = DocumentCache(lambda: 0.0)
    small, large = (
        DocumentTold.model_validate_json(told(payload=payload)).document() for payload in ("eHg=", "eHh4" * 10)
    )
    for number in range(9):
        cache.keep(f"lake-{number}", '"1"', small, cache.era)
    assert [number for number in range(9) if cache.get(f"lake-{number}")] == [4, 5, 6, 7, 8]
    cache.keep("lake-8", '"1"', large, cache.era)
    assert cache.get("lake-8") is None


def test_a_forked_process_has_connections_of_its_own(registry: Registry) -> None:
    put(registry, b"water")
    registry.get("lake")
    stop = registry.watch(lambda: None)
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            try:
                payloads = {registry.get("lake").payload for _ in range(10)}
                sealed = registry.sealer("results").seal(b"%d" % number, b"")
                opened = registry.sealer("results").open(sealed, b"")
                os._exit(0 if (payloads, opened) == ({b"water"}, b"%d" % number) else 1)
            finally:
                os._exit(2)
        children.append(child)
    assert {registry.get("lake").payload for _ in range(10)} == {b"water"}
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    stop()


def test_a_watch_goes_on_when_the_server_comes_back(
    shared_server: Served, registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream is cut, and what changed meanwhile is told of."""
    assert isinstance(registry, RemoteRegistry)
    monkeypatch.setattr("strongroom_registry.remote.watching._PAUSE_SECONDS", 0.05)
    told = threading.Event()
    stop = registry.watch(told.set)
    (watch,) = registry._watches
    response = watch._response
    assert response is not None
    put(other, b"1")
    assert told.wait(20)
    told.clear()
    response.shutdown()
    put(other, b"2")
    assert told.wait(20)
    stop()


def test_a_server_that_ends_does_not_wait_for_those_who_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(tmp_path) as server:
        monkeypatch.setenv("STRONGROOM_TOKEN", server.token)
        with open_registry(server.url) as registry:
            told = threading.Event()
            stop = registry.watch(told.set)
            put(registry, b"water")
            assert told.wait(20)
            server.signal(signal.SIGTERM)
            assert server.end() == 0
            stop()
