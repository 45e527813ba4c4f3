"""Servers that are away, slow, strange or somebody else: a client says so, and tells them nothing."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from servers.certificates import certificate_in
from servers.scripted import Said, scripted
from servers.service import serve
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import (
    AccessDenied,
    AuditUnavailable,
    InvalidConfiguration,
    RegistryRefusal,
    ServerMisspoke,
    ServerUnreachable,
    ServerUntrusted,
    StrongroomError,
    TokenRefused,
    UnknownDocument,
)
from strongroom_registry.remote import connection as connections
from strongroom_registry.remote import watching
from strongroom_registry.remote.address import Address
from strongroom_registry.remote.connection import Connection
from strongroom_registry.remote.registry import RemoteRegistry
from strongroom_registry.remote.token import Bearer, keep_token


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before he asks again."""
    monkeypatch.setattr(connections, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(connections, "_LONGEST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch, canary: Callable[[str], str]) -> str:
    """What a client is known by, which is nowhere to be seen."""
    text = canary("token")
    monkeypatch.setenv("STRONGROOM_TOKEN", text)
    return text


def told(payload: str = "cGF5bG9hZA==", **changed: object) -> bytes:
    """A document, as a server tells it."""
    version = {
        "document": "lake", "number": 1, "generation": 1, "type": "lake", "schema": "s", "state": "live",
        "created_at": datetime.now(UTC).isoformat(), "actor": "alice", "message": "", "labels": [], "public": "",
        "references": [], "expires_at": None,
    }  # fmt: skip
    return json.dumps({"id": str(uuid4()), "version": version | changed, "payload": payload}).encode()


def fault(status: int, code: str, **headers: str) -> Said:
    body = {"error": {"code": code, "message": "It is so.", "remedy": "Do that.", "request_id": "1"}}
    return Said(status, json.dumps(body).encode(), headers)


def patient(url: str, *, seconds: float) -> Registry:
    """A registry whose client waits that long."""
    address = Address.parse(url)
    return RemoteRegistry(Connection(address, Bearer(address, "t"), read_seconds=seconds), "default")


class TestAnswers:
    def test_a_cut_answer_is_asked_for_again(self) -> None:
        whole = told()
        with (
            scripted(Said(body=whole[:50], size=len(whole)), Said(body=whole)) as server,
            open_registry(server.url) as registry,
        ):
            assert registry.get("lake").payload == b"payload"
            assert len(server.paths()) == 2

    def test_an_answer_that_is_always_cut_is_none(self) -> None:
        with scripted(Said(body=b"{", size=100)) as server, open_registry(server.url) as registry:
            with pytest.raises(ServerUnreachable):
                registry.get("lake")
            assert 1 < len(server.paths()) < 10

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_a_server_that_cannot_now_is_asked_again(self, status: int) -> None:
        busy = Said(status, b"<html>", {"Retry-After": "0"})
        with scripted(busy, busy, Said(body=told())) as server, open_registry(server.url) as registry:
            assert registry.get("lake").payload == b"payload"
        with (
            scripted(busy) as server,
            open_registry(server.url) as registry,
            pytest.raises(ServerUnreachable, match=str(status)),
        ):
            registry.get("lake")

    @pytest.mark.parametrize("retry_after", ["99999999", "x", "-1", "Fri, 31 Dec 2999 23:59:59 GMT"])
    def test_a_server_does_not_say_how_long_a_client_sleeps(self, retry_after: str) -> None:
        busy = Said(503, b"", {"Retry-After": retry_after})
        with scripted(busy, Said(body=told())) as server, open_registry(server.url) as registry:
            assert registry.get("lake").payload == b"payload"

    def test_a_server_may_stand_below_a_path(self) -> None:
        with scripted(Said(body=told())) as server, open_registry(f"{server.url}/team/a/") as registry:
            registry.get("lake")
            assert server.paths() == ["/team/a/api/v1/workspaces/default/documents/lake/payload"]

    def test_errors_come_back_as_what_they_are(self) -> None:
        for answer, error in (
            (fault(404, "unknown_document"), UnknownDocument),
            (fault(503, "audit_unavailable"), AuditUnavailable),
            (fault(401, "unauthenticated"), TokenRefused),
            (fault(403, "forbidden"), AccessDenied),
            (fault(400, "something_new"), RegistryRefusal),
        ):
            with scripted(answer) as server, open_registry(server.url) as registry, pytest.raises(error) as caught:
                registry.get("lake")
            assert (caught.value.problem, caught.value.remedy) == ("It is so.", "Do that.")  # type: ignore[attr-defined]

    def test_an_answer_that_is_too_large_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("strongroom_registry.remote.registry.DOCUMENT_MAX", 1000)
        for answer in (Said(body=b"x", size=10**12), Said(body=b"x", size=10**4000), Said(body=b"x" * 1001)):
            with scripted(answer) as server, open_registry(server.url) as registry:
                with pytest.raises(ServerMisspoke, match="1000 bytes"):
                    registry.get("lake")
                assert len(server.paths()) == 1

    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"[]", b"not json", told(payload="!"), told(number="x"), b"\xff\xfe", b"[" * 100_000]
    )
    def test_an_answer_that_is_none_is_named_and_not_shown(self, body: bytes) -> None:
        with (
            scripted(Said(body=body)) as server,
            open_registry(server.url) as registry,
            pytest.raises(ServerMisspoke, match="names a server of Strongroom") as caught,
        ):
            registry.get("lake")
        assert caught.value.__cause__ is None

    def test_an_answer_in_another_encoding_is_not_unpacked(self) -> None:
        with (
            scripted(Said(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})) as server,
            open_registry(server.url) as registry,
            pytest.raises(ServerMisspoke),
        ):
            registry.get("lake")

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_the_token_goes_where_it_was_sent_and_nowhere_else(self, status: int) -> None:
        with scripted(Said(body=told())) as other:
            elsewhere = Said(status, headers={"Location": f"{other.url}/api/v1/x"})
            with scripted(elsewhere) as server, open_registry(server.url) as registry:
                with pytest.raises(ServerMisspoke, match="where the token does not go"):
                    registry.get("lake")
                with pytest.raises(ServerMisspoke):
                    registry.put("lake", type="lake", schema="s", payload=b"")
            assert other.seen == []

    def test_a_server_that_is_silent_is_not_waited_for_without_an_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "_TRIES", 1)
        with scripted(Said(body=b"{", size=100, hangs=True)) as server:
            registry = patient(server.url, seconds=0.05)
            with pytest.raises(ServerUnreachable):
                registry.get("lake")
            registry.close()

    def test_a_change_is_sent_again_under_the_same_key(self) -> None:
        version = json.dumps(json.loads(told())["version"]).encode()
        with (
            scripted(Said(503, b""), Said(body=version[:9], size=99), Said(body=version)) as server,
            open_registry(server.url) as registry,
        ):
            assert registry.put("lake", type="lake", schema="s", payload=b"payload").number == 1
            keys = [headers["idempotency-key"] for method, _, headers in server.seen if method == "PUT"]
            registry.put("lake", type="lake", schema="s", payload=b"payload", overwrite=True)
            assert len(keys) == 3
            assert len(set(keys)) == 1
            assert server.seen[-1][2]["idempotency-key"] != keys[0]

    def test_the_events_of_a_server_that_makes_no_sense_end_quietly(self) -> None:
        with scripted(Said(body=b"\xff\xff\n\n")) as server, open_registry(server.url) as registry:
            registry.watch(lambda: None)()


class TestTokens:
    def test_without_a_token_nobody_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("STRONGROOM_TOKEN")
        with scripted(Said()) as server:
            with pytest.raises(TokenRefused, match="strongroom login"):
                open_registry(server.url)
            assert server.seen == []

    def test_a_token_that_was_kept_is_used_and_one_that_was_renewed_is_looked_for(
        self, monkeypatch: pytest.MonkeyPatch, canary: Callable[[str], str]
    ) -> None:
        monkeypatch.delenv("STRONGROOM_TOKEN")
        first, second = canary("first"), canary("second")
        with scripted(Said(body=told()), fault(401, "unauthenticated"), Said(body=told())) as server:
            address = Address.parse(server.url)
            place = keep_token(address, first)
            assert place.stat().st_mode & 0o777 == 0o600
            with open_registry(server.url) as registry:
                registry.get("lake")
                keep_token(address, second)
                registry.get("lake")
            place.unlink()
        assert [headers["authorization"] for _, path, headers in server.seen][-3:] == [
            f"Bearer {first}", f"Bearer {first}", f"Bearer {second}"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "answer", [fault(401, "unauthenticated"), Said(503, b""), Said(body=b"{", size=99), Said(302), Said(body=b"?")]
    )
    def test_no_error_shows_the_token_even_with_the_variables_of_every_frame(self, token: str, answer: Said) -> None:
        with scripted(answer) as server, open_registry(server.url) as registry:
            calls = [lambda: registry.get("lake"), lambda: registry.delete("lake"), lambda: registry.watch(print)]
            for call in calls if answer.status != 200 else calls[:2]:
                with pytest.raises(StrongroomError) as caught:
                    call()
                lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
                assert not [line for line in lines if token in line and "test_faults" not in line]

    def test_a_watch_goes_on_with_a_token_that_was_renewed(
        self, monkeypatch: pytest.MonkeyPatch, canary: Callable[[str], str]
    ) -> None:
        monkeypatch.delenv("STRONGROOM_TOKEN")
        with scripted(fault(401, "unauthenticated"), Said(body=b"event: at\ndata: {}\n\n")) as server:
            address = Address.parse(server.url)
            keep_token(address, canary("first"))
            with open_registry(server.url) as registry:
                place = keep_token(address, canary("second"))
                registry.watch(lambda: None)()
            place.unlink()

    def test_a_token_that_expired_is_named_as_such(self) -> None:
        with scripted(fault(401, "unauthenticated")) as server, open_registry(server.url) as registry:
            with pytest.raises(TokenRefused):
                registry.get("lake")
            assert len(server.paths()) == 1

    def test_a_token_of_several_lines_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STRONGROOM_TOKEN", "a\r\nHost: b")
        with scripted(Said()) as server, pytest.raises(TokenRefused):
            open_registry(server.url)


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "match"),
        [
            ("http://registry.example.com", "everybody on the way"),
            ("http://10.0.0.1:8200", "everybody on the way"),
            ("https://", "is none"),
            ("https://host:99999", "is none"),
            ("https://user@host", "more than host"),
            ("https://host?x=1", "more than host"),
            ("https://h\u00f6st", "is none"),
        ],
    )
    def test_what_is_no_address_or_shows_the_token_is_refused(self, url: str, match: str) -> None:
        with pytest.raises(InvalidConfiguration, match=match):
            open_registry(url)

    def test_plain_http_to_another_machine_has_to_be_meant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert (
            str(Address.parse("http://registry.example.com/team/", insecure=True)) == "http://registry.example.com/team"
        )
        monkeypatch.setenv("STRONGROOM_INSECURE", "true")
        monkeypatch.setattr(connections, "_TRIES", 0)
        with pytest.raises(ServerUnreachable, match="nobody knows its name"):
            open_registry("http://registry.invalid")

    @pytest.mark.parametrize("setting", ["KEY", "ACTOR", "ANCHOR"])
    def test_what_is_the_servers_affair_is_not_set_in_vain(self, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
        monkeypatch.setenv(f"STRONGROOM_{setting}", "file:/nowhere")
        with scripted(Said()) as server, pytest.raises(InvalidConfiguration, match=f"Unset STRONGROOM_{setting}"):
            open_registry(server.url)

    def test_a_server_that_is_away_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with scripted(Said()) as server:
            url = server.url
        with pytest.raises(ServerUnreachable, match=f"^{url} cannot be reached: nobody answers there. See"):
            open_registry(url)


class TestCertificates:
    def test_a_certificate_of_the_right_authority_is_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STRONGROOM_CA", str(tmp_path / "ca.pem"))
        with (
            scripted(Said(body=told()), certificate=certificate_in(tmp_path)) as server,
            open_registry(server.url) as registry,
        ):
            assert registry.get("lake").payload == b"payload"

    def test_any_other_certificate_is_refused_before_anything_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "other").mkdir()
        certificate_in(tmp_path / "other")
        with scripted(Said(body=told()), certificate=certificate_in(tmp_path)) as server:
            for authority in (None, tmp_path / "other" / "ca.pem"):
                if authority is not None:
                    monkeypatch.setenv("STRONGROOM_CA", str(authority))
                with pytest.raises(ServerUntrusted, match="STRONGROOM_CA"):
                    open_registry(server.url)
            assert server.seen == []

    def test_who_speaks_no_tls_is_told_from_who_cannot_prove_who_he_is(self) -> None:
        with scripted(Said(body=told())) as server, pytest.raises(ServerUntrusted, match="speaks no TLS"):
            open_registry(server.url.replace("http://", "https://"))
        assert server.seen == []

    def test_authorities_that_are_none_are_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for place in (tmp_path / "absent", tmp_path):
            monkeypatch.setenv("STRONGROOM_CA", str(place))
            with pytest.raises(InvalidConfiguration, match="STRONGROOM_CA"):
                open_registry("https://127.0.0.1:1")


class TestRestarting:
    def test_a_server_that_comes_back_goes_on_where_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        server = serve()
        port = int(server.url.rpartition(":")[2])
        monkeypatch.setenv("STRONGROOM_TOKEN", server.token)
        try:
            with open_registry(server.url) as registry:
                registry.put("lake", type="lake", schema="s", payload=b"water")
                registry.get("lake")
                server.stop()
                with pytest.raises(ServerUnreachable):
                    registry.get("lake")
                with pytest.raises(ServerUnreachable):
                    registry.put("lake", type="lake", schema="s", payload=b"more", overwrite=True)
                server = serve(port=port)
                assert registry.get("lake").payload == b"water"
                assert registry.put("lake", type="lake", schema="s", payload=b"more", expect=1).number == 2
        finally:
            server.stop()
