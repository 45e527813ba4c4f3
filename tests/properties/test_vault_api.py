"""Row 18 in short, and that it would notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from faults.figure import Work, broken

from properties import vault_api


def test_vaults_api_does_what_plain_models_do(work: Work) -> None:
    assert broken(list(vault_api.run(replace(work, scale=0.03)))) == []


def test_a_wrong_decision_is_noticed(work_in_memory: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom_service.vault_api.acl.rule import Rule

    monkeypatch.setattr(Rule, "denies", property(lambda self: False))
    with vault_api.served(work_in_memory) as asked:
        assert vault_api.cells(replace(work_in_memory, scale=0.05), *asked).failed


def test_a_secret_that_comes_back_is_noticed(work_in_memory: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom_service.vault_api.kv.secret_store import SecretStore

    def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr(SecretStore, "destroy", nothing)
    assert vault_api.steps(replace(work_in_memory, scale=0.1), "memory", vault_api.Secrets).failed
