"""``strongroom import vault``: what is below a mount becomes blocks."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from canaries import Plant
from servers.vault import FakeVault
from strongroom import Secret
from strongroom.interchange import FoundDocument, Skipped
from strongroom_vault import kv
from strongroom_vault.credentials import VaultCredentials
from strongroom_vault.errors import VaultAbsent, VaultAnswerUnusable, VaultDenied, VaultLoginMissing, VaultRefused
from strongroom_vault.importer import secrets as found_in


@pytest.fixture
def filled(at_vault: FakeVault, canary: Plant) -> FakeVault:
    """A Vault with secrets in folders of both versions."""
    at_vault.put("secret/crm", user="me", token=canary("crm"))
    at_vault.put("secret/team/lake/key", value=canary("lake"))
    at_vault.put("secret/team/odd name", a=1)
    at_vault.put("kv/old", value="v1")
    return at_vault


def test_every_secret_below_the_places_is_found_with_its_fields(filled: FakeVault) -> None:
    found = {it.source: it for it in found_in(["secret", "kv"]) if isinstance(it, FoundDocument)}
    assert list(found) == ["secret/crm", "secret/team/lake/key", "secret/team/odd name", "kv/old"]
    assert found["secret/crm"].fields["value"].keys() == {"user", "token"}
    assert found["kv/old"].fields == {"value": "v1"}
    assert [it.name for it in found.values()] == ["crm", "team/lake/key", "team/odd name", "old"]
    assert {it.type for it in found.values()} == {"secret"}
    assert [it.source for it in found_in(["secret/team/"])] == ["secret/team/lake/key", "secret/team/odd name"]
    assert filled.count("POST") == filled.count("LIST") == 0  # nothing is written, and proxies refuse LIST


def test_what_cannot_be_read_is_skipped_with_the_reason(filled: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = {
        "secret/metadata": {"list"},
        "secret/metadata/*": {"list"},
        "secret/metadata/team/lake": set[str](),
        "secret/data/crm": {"read"},
        "secret/data/team/*": {"read"},
    }
    filled.put("secret/gone", a="b")
    filled.mounts["secret/"].secrets["gone"][0].deleted = True  # type: ignore[union-attr, index, attr-defined]
    monkeypatch.setenv("VAULT_TOKEN", filled.token({it: rights for it, rights in policy.items() if "odd" not in it}))
    filled.put("secret/closed", a="b")
    found = list(found_in(["secret"]))
    skipped = {it.source: it.reason for it in found if isinstance(it, Skipped)}
    assert skipped.keys() == {"secret/closed", "secret/gone"}
    assert "denies GET secret/data/closed" in skipped["secret/closed"]
    assert len(found) == 5


def test_places_that_are_none_are_errors(at_vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VaultRefused, match="Name a mount"):
        list(found_in([]))
    for place in ("nowhere", "secret", "secret/none"):
        with pytest.raises(VaultAbsent):
            list(found_in([place]))
    for place in ("", "/", "secret/../x", "a//b"):
        with pytest.raises(VaultRefused, match="is no path in Vault"):
            list(found_in([place]))
    monkeypatch.setenv("VAULT_TOKEN", at_vault.token({}))
    with pytest.raises(VaultDenied):
        list(found_in(["secret"]))
    monkeypatch.delenv("VAULT_TOKEN")
    with pytest.raises(VaultLoginMissing):
        list(found_in(["secret"]))


@pytest.mark.parametrize("names", [["../up"], [""], ["a", 7], ["."], "text"])
def test_a_listing_that_leads_elsewhere_is_refused(
    filled: FakeVault, login: VaultCredentials, names: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = filled.mounts["secret/"]
    monkeypatch.setattr(engine, "answer", lambda *_: {"keys": names})
    with pytest.raises(VaultAnswerUnusable):
        list(kv.walk(login.session(), "secret"))


def test_folders_without_end_are_cut_off(
    filled: FakeVault, login: VaultCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filled.mounts["secret/"], "answer", lambda *_: {"keys": ["again/"]})
    [(path, problem)] = kv.walk(login.session(), "secret")
    assert path.startswith("secret/again/again/")
    assert "deeper than 32 levels" in str(problem)


def test_the_command_imports_them_once_and_shows_no_value(filled: FakeVault) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        command = ["strongroom", "import", "vault", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        return done.returncode, done.stdout + done.stderr

    subprocess.run(["strongroom", "init"], capture_output=True, check=True, env=os.environ)
    code, shown = run("secret", "--dry-run", "--json")
    assert code == 0, shown
    assert run("secret")[0] == 0
    crm = Secret.load("crm").get()
    assert crm["user"] == "me"
    before = json.dumps([version.number for version in Secret.history("crm")])
    assert run("secret")[0] == 0
    assert json.dumps([version.number for version in Secret.history("crm")]) == before
    for text in (shown, run("secret")[1]):
        assert crm["token"] not in text
