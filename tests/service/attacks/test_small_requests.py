"""What few bytes, or few requests, can cost the service."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient
from strongroom_service.durations import parse_duration
from strongroom_service.errors import InvalidRequest
from strongroom_service.service import Service
from strongroom_service.vault_api import durations, fields

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


def test_wraps_of_any_token_are_not_kept_in_the_memory(client: TestClient, service: Service) -> None:
    wrapped = client.post("/api/v1/wraps", json={"value": secrets.token_hex(MEBI // 4)}).json()
    assert client.post("/api/v1/wraps/lookup", json={"token": wrapped["token"]}).is_success
    assert all(len(row[2]) < MEBI // 8 for row, _ in service.records._opened.values())
