"""References to secrets in flows: as arguments and results they stay such, and nothing that is kept has a value."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import Secret, SecretBytes, SecretStr
from shelf import Shelf
from strongroom import Block, flow, secret_from, task
from strongroom.journal import using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.testing import using_sources
from strongroom_registry import open_registry, using


class Crm(Block, slug="test-runtime-crm"):
    pin: Secret[int]
    token: SecretStr
    raw: SecretBytes = SecretBytes(b"")


@task(persist_result=True)
def lengths(pin: Secret[int], crm: Crm) -> tuple[int, int]:
    return pin.get_secret_value(), len(crm.token.get_secret_value())


@task(persist_result=True)
def same(secret: Any) -> Any:
    return secret


@flow(persist_result=True)
def everything(pin: Secret[int], token: SecretStr, raw: SecretBytes, crm: Crm, given: Crm) -> dict[str, Any]:
    return {
        "revealed": (pin.get_secret_value(), len(token.get_secret_value()), type(raw.get_secret_value())),
        "task": lengths(pin, crm),
        "given": given.pin.get_secret_value(),
        "results": [same(pin), same(token), same(raw)],
    }


@pytest.fixture(params=[True, False], ids=["sealed", "plain"])
def journal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryJournal]:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", str(request.param))
    with open_registry("memory:") as registry, using(registry), using_journal(MemoryJournal()) as journal:
        yield journal  # type: ignore[misc]


@pytest.fixture
def shelf(canary) -> Iterator[Shelf]:
    shelf = Shelf(pin="4711", token=canary("token"))
    with using_sources({"shelf": shelf}):
        yield shelf


@pytest.mark.parametrize("of_a_block", [True, False])
def test_arguments_and_results_stay_references(journal: MemoryJournal, shelf: Shelf, of_a_block: bool) -> None:
    token = shelf.secrets["token"]
    Crm(pin=secret_from("shelf:pin"), token=secret_from("shelf:token"), raw=secret_from("shelf:token")).save("crm")
    crm = Crm.load("crm")
    if of_a_block:
        pin, text, raw = crm.pin, crm.token, crm.raw
    else:
        pin, text, raw = secret_from("shelf:pin"), secret_from("shelf:token"), secret_from("shelf:token")
    found = everything(pin, text, raw, crm, {"pin": secret_from("shelf:pin"), "token": "x"})  # type: ignore[arg-type]
    assert found["revealed"] == (4711, len(token), bytes)
    assert found["task"] == (4711, len(token))
    assert found["given"] == 4711
    assert [repr(result) for result in found["results"]] == [
        f"secret_from('shelf:{name}')" for name in ("pin", "token", "token")
    ]
    assert len(shelf.calls) <= 2
    [run] = journal.flow_runs()
    assert token.encode() not in pickle.dumps(run)
    assert token not in repr(run)
