"""What few bytes, or few requests, can cost the service."""

from __future__ import annotations

import base64
import secrets
import threading
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from servers.service import bearer
from starlette.testclient import TestClient
from strongroom_registry import Document, Reference
from strongroom_service import durations
from strongroom_service.durations import parse_duration
from strongroom_service.errors import InvalidRequest
from strongroom_service.http import large_answers
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service
from strongroom_service.vault_api import fields

MEBI = 1024 * 1024


class Large(BaseModel):
    text: str


class Counted:
    """Counts how much of a text a pattern is asked to look at."""

    def __init__(self) -> None:
        self.characters = 0

    def findall(self, text: str) -> list[tuple[str, str]]:
        self.characters += len(text)
        return []

    def fullmatch(self, text: str) -> None:
        self.characters += len(text)


@pytest.mark.parametrize("text", ["1h" * MEBI, "1" * MEBI, "1." * MEBI, "9" * 65])
def test_a_long_text_is_no_duration_and_is_not_looked_through(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    monkeypatch.setattr(durations, "_PART", counted)
    monkeypatch.setattr(durations, "_SECONDS", counted)
    assert parse_duration(text) is None
    assert counted.characters == 0


def test_durations_of_a_usual_length_are_read() -> None:
    assert parse_duration("1h30m0.5s") == timedelta(hours=1, minutes=30, seconds=0.5)
    assert parse_duration("0" * 11 + "9") == timedelta(seconds=9)


def test_more_commas_than_a_list_may_have_are_no_list() -> None:
    assert fields.texts({"names": "a, b,, c"}, "names", most=3) == ("a", "b", "c")
    with pytest.raises(InvalidRequest):
        fields.texts({"names": "," * MEBI}, "names")


def test_few_large_records_do_not_fill_the_memory(service: Service) -> None:
    records = service.records
    with records.changing() as session:
        session.put("thing", "small", Large(text="s"))
        for number in range(20):
            session.put("thing", f"large-{number}", Large(text=secrets.token_hex(10_000)))
    kept = records.get("thing", "small", Large)
    assert records.get("thing", "small", Large) is kept
    for number in range(20):
        assert records.get("thing", f"large-{number}", Large) is not None
    assert sum(len(row[2]) for row, _ in records._opened.values()) < 10_000


def test_a_document_that_is_large_is_put_together_where_nobody_else_waits(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/v1/workspaces/default/documents/{}"
    for name, size in {"large": 2 * large_answers.LARGE, "small": 10}.items():
        payload = base64.b64encode(b"x" * size).decode()
        assert client.put(path.format(name), json={"type": "t", "schema": "1", "payload": payload}).is_success
    threads: list[int] = []
    get = service.registry("default").get

    def got(reference: str | Reference) -> Document:
        threads.append(threading.get_ident())
        return get(reference)

    monkeypatch.setattr(service.registry("default"), "get", got)
    for name in ("small", "large", "large", "small", "large"):
        assert client.get(f"{path.format(name)}/payload").is_success
    loop = threads[0]
    assert [one == loop for one in threads] == [True, True, False, True, False]


def test_a_use_is_counted_where_nobody_else_waits(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/v1/workspaces/default/documents/d"
    assert client.put(path, json={"type": "t", "schema": "1", "payload": ""}).is_success
    rule = {"effect": "allow", "paths": ["default/d"], "verbs": ["view"]}
    assert client.put("/api/v1/policies/viewer", json={"rules": [rule]}).is_success
    counted = service.tokens.issue(Grant(identity="user:al", policies=("viewer",), uses=3)).token.text
    free = service.tokens.issue(Grant(identity="user:al", policies=("viewer",))).token.text
    threads: dict[str, set[int]] = {"decided": set(), "changed": set()}
    decide, changing = service.policies.decide, service.records.changing

    def decided(*asked: Any) -> Any:
        threads["decided"].add(threading.get_ident())
        return decide(*asked)

    def changed() -> Any:
        threads["changed"].add(threading.get_ident())
        return changing()

    monkeypatch.setattr(service.policies, "decide", decided)
    monkeypatch.setattr(service.records, "changing", changed)
    assert client.get(path, headers=bearer(free)).is_success
    (loop,) = threads["decided"]
    assert threads["changed"] == set()
    assert [client.get(path, headers=bearer(counted)).status_code for _ in range(4)] == [200, 200, 200, 401]
    assert threads["changed"]
    assert loop not in threads["changed"]


def test_so_many_large_answers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_answers, "_KEPT", 3)
    large = large_answers.LargeAnswers()
    for name in "abcd":
        large.note(name, large_answers.LARGE)
    large.note("d", 10)
    assert [name in large for name in "abcd"] == [False, True, True, False]


@pytest.mark.parametrize(
    ("path", "header"), [("v1/sys/health", "X-Vault-Wrap-TTL"), ("api/v1/auth/methods", "Strongroom-Wrap-TTL")]
)
def test_nothing_is_kept_for_nobody(client: TestClient, service: Service, path: str, header: str) -> None:
    nobody = {"Authorization": "", header: "720h"}
    assert client.get(f"/{path}", headers=nobody).status_code == 400
    with service.records.reading() as session:
        assert session.count("wrap") == 0
    assert client.get(f"/{path}", headers={header: "60"}).json()["wrap_info"]["token"]


def test_who_logs_in_may_have_the_token_wrapped_and_who_opens_a_wrap_loses_nothing(
    client: TestClient, service: Service
) -> None:
    client.put("/v1/sys/auth/userpass", json={"type": "userpass"})
    password = secrets.token_urlsafe(12)
    client.put("/v1/auth/userpass/users/al", json={"password": password})
    nobody = {"Authorization": "", "X-Vault-Wrap-TTL": "60"}
    wrapped = client.put("/v1/auth/userpass/login/al", json={"password": password}, headers=nobody)
    token = wrapped.json()["wrap_info"]["token"]
    assert client.put("/v1/sys/wrapping/unwrap", json={"token": token}, headers=nobody).status_code == 400
    opened = client.put("/v1/sys/wrapping/unwrap", json={"token": token}, headers={"Authorization": ""})
    assert opened.json()["auth"]["client_token"]


def test_wraps_of_any_token_are_not_kept_in_the_memory(client: TestClient, service: Service) -> None:
    wrapped = client.post("/api/v1/wraps", json={"value": secrets.token_hex(MEBI // 4)}).json()
    assert client.post("/api/v1/wraps/lookup", json={"token": wrapped["token"]}).is_success
    assert all(len(row[2]) < MEBI // 8 for row, _ in service.records._opened.values())
