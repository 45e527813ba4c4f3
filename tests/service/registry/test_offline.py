"""What a client serves while the server is away: what it loaded, as long as was declared, and never after."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.scripted import Said, scripted
from strongroom_registry import Registry
from strongroom_registry.errors import ServerUnreachable, TokenRefused, UnknownDocument
from strongroom_registry.remote import connection as connections
from strongroom_registry.remote.address import Address
from strongroom_registry.remote.connection import Connection
from strongroom_registry.remote.registry import RemoteRegistry
from strongroom_registry.remote.snapshot import Snapshot
from strongroom_registry.remote.token import Bearer
from strongroom_registry.remote.wire import Whereabouts, WorkspaceTold

from .test_faults import fault, told

AWAY = Said(503, b"")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_TRIES", 1)
    monkeypatch.setattr(connections, "_PAUSE_SECONDS", 0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


Opened = Callable[..., Registry]


@pytest.fixture
def opened(folder: Path, clock: Clock, canary: Callable[[str], str]) -> Iterator[Opened]:
    """Opens the registry of a server, with a snapshot that is good for an hour."""
    first = canary("token")
    registries: list[Registry] = []

    def open_(url: str, token: str = first) -> Registry:
        address = Address.parse(url)
        connection = Connection(address, Bearer(address, token))
        snapshot = Snapshot(folder, f"{url} default", connection.token, 3600, clock=clock)
        registries.append(RemoteRegistry(connection, "default", snapshot=snapshot))
        return registries[-1]

    yield open_
    for registry in registries:
        registry.close()


def test_what_was_loaded_is_served_while_the_server_is_away(
    opened: Opened, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted(Said(body=told()), AWAY) as server:
        registry = opened(server.url)
        document = registry.get("lake")
        clock.now += 3599
        with caplog.at_level(logging.WARNING, "strongroom"):
            assert registry.get("lake") == document
        assert "default/lake was loaded 3599 seconds ago" in caplog.text
        with pytest.raises(ServerUnreachable):
            registry.get("river")
        with pytest.raises(ServerUnreachable):
            registry.head("lake")
        with pytest.raises(ServerUnreachable):
            registry.put("lake", type="lake", schema="s", payload=b"")


def test_a_server_that_was_away_is_not_asked_each_time_and_is_asked_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(Said(body=told()), AWAY) as server:
        registry = opened(server.url)
        registry.get("lake")
        registry.get("lake")
        asked = len(server.paths())
        assert [registry.get("lake").payload for _ in range(5)] == [b"payload"] * 5
        assert len(server.paths()) == asked
        with pytest.raises(ServerUnreachable):
            registry.get("river")
        assert len(server.paths()) > asked
        monkeypatch.setattr("strongroom_registry.remote.registry.AWAY_SECONDS", 0.0)
        server.answers = [Said(body=told("bmV3ZXI="))]
        assert registry.get("lake").payload == b"newer"


def test_a_new_process_opens_the_registry_of_a_server_that_is_away(opened: Opened, clock: Clock) -> None:
    with scripted(Said(body=told())) as server:
        url = server.url
        document = opened(url).get("lake")
    again = opened(url)
    assert (again.get("lake"), again.store_id) == (document, again.store_id)


def test_after_the_declared_age_nothing_is_served_and_nothing_is_left(
    opened: Opened, clock: Clock, folder: Path
) -> None:
    with scripted(Said(body=told()), AWAY) as server:
        registry = opened(server.url)
        registry.get("lake")
        clock.now += 3601
        with pytest.raises(ServerUnreachable):
            registry.get("lake")
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 1  # where the workspace is
        with pytest.raises(ServerUnreachable):
            registry.get("lake")


def test_what_is_from_the_future_is_not_served(opened: Opened, clock: Clock) -> None:
    with scripted(Said(body=told()), AWAY) as server:
        registry = opened(server.url)
        registry.get("lake")
        clock.now -= 120
        with pytest.raises(ServerUnreachable):
            registry.get("lake")


def test_another_token_opens_nothing(opened: Opened, canary: Callable[[str], str]) -> None:
    with scripted(Said(body=told())) as server:
        url = server.url
        opened(url).get("lake")
    with pytest.raises(ServerUnreachable):
        opened(url, canary("another"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [(fault(401, "unauthenticated"), TokenRefused), (fault(404, "unknown_document"), UnknownDocument)],
)
def test_a_server_that_says_no_is_believed_and_what_was_kept_is_removed(
    opened: Opened, folder: Path, answer: Said, error: type[Exception]
) -> None:
    with scripted(Said(body=told()), answer, AWAY) as server:
        registry = opened(server.url)
        registry.get("lake")
        with pytest.raises(error):
            registry.get("lake")
        with pytest.raises(ServerUnreachable):
            registry.get("lake")


def test_what_is_confirmed_is_good_for_as_long_again(opened: Opened, clock: Clock) -> None:
    tagged = {"ETag": '"1-aa"'}
    with scripted(Said(body=told(), headers=tagged), Said(304, headers=tagged), AWAY) as server:
        registry = opened(server.url)
        registry.get("lake")
        clock.now += 3000
        registry.get("lake")
        assert server.seen[-1][2]["if-none-match"] == '"1-aa"'
        clock.now += 3000
        assert registry.get("lake").payload == b"payload"


def test_without_the_setting_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Callable[[str], str]
) -> None:
    from strongroom_registry import open_registry

    monkeypatch.setenv("STRONGROOM_TOKEN", canary("token"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    with scripted(Said(body=told()), AWAY) as server:
        with open_registry(server.url) as registry:
            registry.get("lake")
            with pytest.raises(ServerUnreachable):
                registry.get("lake")
        assert not (tmp_path / "xdg").exists()
        server.answers = [Said(body=told()), AWAY]
        monkeypatch.setenv("STRONGROOM_OFFLINE_MAX_AGE", "60")
        with open_registry(server.url) as registry:
            registry.get("lake")
            assert registry.get("lake").payload == b"payload"
    kept = [path for path in (tmp_path / "xdg" / "strongroom" / "offline").rglob("*") if path.is_file()]
    assert len(kept) == 2
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert all(b"payload" not in path.read_bytes() and "lake" not in path.name for path in kept)


def value(name: str) -> WorkspaceTold:
    return WorkspaceTold.model_validate_json(
        json.dumps({"name": name, "id": "00000000-0000-0000-0000-000000000001", "seq": 1})
    )


def test_every_bit_counts(folder: Path, clock: Clock) -> None:
    snapshot = Snapshot(folder, "place", lambda: "token", 60, clock=clock)
    snapshot.keep("lake", value("lake"))
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        path.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        assert snapshot.get("lake", WorkspaceTold) is None
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert snapshot.get("lake", WorkspaceTold) is None
    path.write_bytes(whole)
    assert snapshot.get("lake", WorkspaceTold) == (value("lake"), 0.0)
    assert snapshot.get("lake", Whereabouts) is None  # what another version of Strongroom wrote


def test_an_answer_does_not_stand_in_the_place_of_another(folder: Path, clock: Clock) -> None:
    snapshot = Snapshot(folder, "place", lambda: "token", 60, clock=clock)
    elsewhere = Snapshot(folder, "elsewhere", lambda: "token", 60, clock=clock)
    snapshot.keep("lake", value("lake"))
    snapshot.keep("river", value("river"))
    first, second = sorted(path for path in folder.rglob("*") if path.is_file())
    swapped = first.read_bytes(), second.read_bytes()
    first.write_bytes(swapped[1])
    second.write_bytes(swapped[0])
    assert snapshot.get("lake", WorkspaceTold) is None
    assert snapshot.get("river", WorkspaceTold) is None
    assert elsewhere.get("lake", WorkspaceTold) is None


@settings(max_examples=30)
@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_whatever_is_kept_comes_back(tmp_path_factory: pytest.TempPathFactory, what: str, name: str) -> None:
    snapshot = Snapshot(tmp_path_factory.mktemp("kept"), "place", lambda: "token", 60)
    snapshot.keep(what, value(name))
    found = snapshot.get(what, WorkspaceTold)
    assert found is not None
    assert found[0] == value(name)


def test_a_disk_that_takes_nothing_is_named_and_in_nobodys_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    snapshot = Snapshot(tmp_path / "file", "place", lambda: "token", 60)
    snapshot.keep("lake", value("lake"))
    assert "not kept" in caplog.text
    assert snapshot.get("lake", WorkspaceTold) is None
    snapshot.drop("lake")
