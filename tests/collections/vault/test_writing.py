"""Secrets written, listed, deleted and brought back, in engines of both versions."""

from __future__ import annotations

import asyncio
import logging
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from servers.postgres import PostgresDatabase
from servers.vault import FakeVault
from strongroom import Block, PostgreSQL, flow, redactor
from strongroom.checks import CheckAbsent, CheckDenied, check
from strongroom_vault import AppRoleAuth, JWTAuth, TokenAuth, VaultCredentials, VaultSecret, tasks
from strongroom_vault.errors import (
    VaultAbsent,
    VaultDenied,
    VaultLoginMissing,
    VaultLoginRefused,
    VaultRefused,
    VaultStale,
)


class TestVersionTwo:
    def test_each_write_is_a_version(self, login: VaultCredentials) -> None:
        assert login.write_secret("secret/crm", {"user": "me", "number": 1}) == 1
        assert login.write_secret("secret/crm", {"user": "you"}) == 2
        assert login.read_secret("secret/crm") == {"user": "you"}
        assert login.read_secret("secret/crm", version=1) == {"user": "me", "number": 1}

    def test_check_and_set_lets_one_of_two_writers_win(self, login: VaultCredentials) -> None:
        assert login.write_secret("secret/crm", {"n": 1}, cas=0) == 1
        assert login.write_secret("secret/crm", {"n": 2}, cas=1) == 2
        for stale in (0, 1, 7):
            with pytest.raises(VaultStale, match=r"did not write secret/data/crm.*check-and-set.*Read the newest"):
                login.write_secret("secret/crm", {"n": 3}, cas=stale)
        assert login.read_secret("secret/crm") == {"n": 2}

    def test_versions_are_deleted_brought_back_and_destroyed(self, login: VaultCredentials) -> None:
        for number in (1, 2, 3):
            login.write_secret("secret/crm", {"n": number})
        login.delete_secret("secret/crm")
        login.delete_secret("secret/crm", [1])
        for version in (None, 1, 3):
            with pytest.raises(VaultAbsent, match="was deleted"):
                login.read_secret("secret/crm", version=version)
        login.undelete_secret("secret/crm", [1, 3])
        assert login.read_secret("secret/crm") == {"n": 3}
        login.destroy_secret("secret/crm", [1, 2])
        with pytest.raises(VaultAbsent, match="was destroyed"):
            login.read_secret("secret/crm", version=2)
        found = login.read_metadata("secret/crm")
        assert [(it.number, it.is_readable, it.destroyed) for it in found.versions] == [
            (1, False, True), (2, False, True), (3, True, False),
        ]  # fmt: skip
        login.delete_metadata("secret/crm")
        with pytest.raises(VaultAbsent):
            login.read_metadata("secret/crm")

    def test_metadata_say_which_versions_there_are_and_what_people_noted(self, login: VaultCredentials) -> None:
        login.write_metadata("secret/crm", {"custom_metadata": {"owner": "team"}, "cas_required": True})
        login.write_metadata("secret/crm", {"max_versions": 5})
        with pytest.raises(VaultStale, match="parameter required"):
            login.write_secret("secret/crm", {"n": 1})
        login.write_secret("secret/crm", {"n": 1}, cas=0)
        login.delete_secret("secret/crm")
        found = login.read_metadata("secret/crm")
        assert (found.current_version, found.max_versions, found.cas_required) == (1, 5, True)
        assert found.custom_metadata == {"owner": "team"}
        [version] = found.versions
        assert version.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert version.deleted == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        with pytest.raises(VaultRefused, match="owner is no setting of a secret"):
            login.write_metadata("secret/crm", {"owner": "me"})

    @pytest.mark.parametrize("verb", ["undelete_secret", "destroy_secret"])
    def test_versions_are_to_be_named(self, login: VaultCredentials, verb: str) -> None:
        with pytest.raises(VaultRefused, match="No version of secret/crm"):
            getattr(login, verb)("secret/crm", [])


class TestVersionOne:
    def test_a_secret_is_replaced_and_gone_when_it_is_deleted(self, login: VaultCredentials) -> None:
        assert login.write_secret("kv/old", {"n": 1}) is None
        login.write_secret("kv/old", {"n": 2})
        assert login.read_secret("kv/old") == {"n": 2}
        login.delete_secret("kv/old")
        with pytest.raises(VaultAbsent):
            login.read_secret("kv/old")

    def test_what_needs_versions_is_refused(self, login: VaultCredentials, vault: FakeVault) -> None:
        vault.put("kv/old", n=1)
        for attempt in (
            lambda: login.write_secret("kv/old", {"n": 2}, cas=1),
            lambda: login.delete_secret("kv/old", [1]),
            lambda: login.undelete_secret("kv/old", [1]),
            lambda: login.read_metadata("kv/old"),
            lambda: login.delete_metadata("kv/old"),
        ):
            with pytest.raises(VaultRefused, match="keeps no versions"):
                attempt()
        assert login.read_secret("kv/old") == {"n": 1}


def test_both_are_listed_alike(login: VaultCredentials) -> None:
    for mount in ("secret", "kv", "team/kv"):
        for path in ("b", "a/deep/x", "a b/ü"):
            login.write_secret(f"{mount}/{path}", {"n": 1})
        assert login.list_secrets(mount) == ["a b/", "a/", "b"]
        assert login.list_secrets(f"/{mount}/a/") == ["deep/"]
        assert login.list_secrets(f"{mount}/a b") == ["ü"]
        assert login.list_secrets(f"{mount}/none") == []


class TestRefusals:
    def test_nothing_is_written_where_vault_does_not_say_what_the_engine_is(self, vault: FakeVault) -> None:
        vault.preflight = False
        blind = VaultCredentials(url=vault.address, auth=TokenAuth(token=vault.token({"kv/*": {"update"}})))
        with pytest.raises(VaultDenied, match="does not say in which engine kv/crm is"):
            blind.write_secret("kv/crm", {"n": 1})
        assert vault.count("POST") == 0

    def test_a_right_that_is_missing_is_named(self, vault: FakeVault) -> None:
        reader = VaultCredentials(url=vault.address, auth=TokenAuth(token=vault.token({"secret/*": {"read"}})))
        with pytest.raises(VaultDenied, match="denies POST secret/data/crm"):
            reader.write_secret("secret/crm", {"n": 1})
        with pytest.raises(VaultDenied, match=r"denies GET secret/metadata"):
            reader.list_secrets("secret")

    @pytest.mark.parametrize("path", ["", "secret/../x", "secret//x", "secret"])
    def test_what_is_no_path_of_a_secret_is_refused(self, login: VaultCredentials, path: str) -> None:
        with pytest.raises(VaultRefused):
            login.write_secret(path, {"n": 1})

    def test_what_is_read_and_written_is_masked_from_then_on(self, login: VaultCredentials, canary: Plant) -> None:
        word, other = canary("password"), canary("other")
        login.write_secret("secret/crm", {"password": word, "nested": {"list": [other]}})
        redactor.forget()
        login.read_secret("secret/crm")
        assert redactor.redact(f"{word} {other}") == "********** **********"


class TestBlock:
    def test_all_fields_are_read_and_written(self, login: VaultCredentials) -> None:
        login.save("our-vault")
        VaultSecret(credentials=login, path="secret/crm").save("crm")
        secret = VaultSecret.load("crm")
        assert secret.write_secret({"user": "me", "password": "p"}) == "secret/crm@1"
        assert secret.read_secret() == {"user": "me", "password": "p"}
        with pytest.raises(TypeError, match="give a mapping"):
            secret.write_secret("text")
        assert check(secret, 5)[-1].told == "secret/crm can be read"

    @pytest.mark.parametrize("mount", ["secret", "kv"])
    def test_one_field_is_written_beside_the_others(self, login: VaultCredentials, mount: str) -> None:
        secret = VaultSecret(credentials=login, path=f"{mount}/crm", field="password")
        secret.write_secret("first")
        login.write_secret(f"{mount}/crm", {"user": "me", "password": "second"})
        assert secret.write_secret(b"third") == ("secret/crm@3" if mount == "secret" else "kv/crm")
        assert login.read_secret(f"{mount}/crm") == {"user": "me", "password": "third"}
        assert secret.read_secret() == "third"
        login.delete_secret(f"{mount}/crm")
        secret.write_secret("fourth")
        assert login.read_secret(f"{mount}/crm") == {"password": "fourth"}

    def test_a_field_is_not_written_over_somebody_elses_work(
        self, login: VaultCredentials, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = VaultSecret(credentials=login, path="secret/crm", field="password")
        secret.write_secret("first")
        others = VaultSecret._others

        def and_somebody_writes(self: VaultSecret) -> Any:
            found = others(self)
            login.write_secret("secret/crm", {"user": "somebody"})
            return found

        monkeypatch.setattr(VaultSecret, "_others", and_somebody_writes)
        with pytest.raises(VaultStale):
            secret.write_secret("second")
        assert login.read_secret("secret/crm") == {"user": "somebody"}

    def test_an_old_version_and_a_missing_field(self, login: VaultCredentials) -> None:
        login.write_secret("secret/crm", {"n": 1})
        login.write_secret("secret/crm", {"m": 2})
        assert VaultSecret(credentials=login, path="secret/crm", field="n", version=1).read_secret() == 1
        with pytest.raises(VaultAbsent, match="no field 'n'"):
            VaultSecret(credentials=login, path="secret/crm", field="n").read_secret()

    def test_checks_say_what_is_wrong(self, vault: FakeVault, login: VaultCredentials) -> None:
        with pytest.raises(CheckAbsent, match="secret/data/crm"):
            VaultSecret(credentials=login, path="secret/crm").check(5)
        nobody = VaultCredentials(url=vault.address, auth=TokenAuth(token="wrong"))
        with pytest.raises(CheckDenied):
            VaultSecret(credentials=nobody, path="secret/crm").check(5)


class TestJsonWebTokens:
    def test_a_token_logs_in_from_the_block_and_from_a_file(self, vault: FakeVault, tmp_path: Path) -> None:
        vault.put("secret/crm", n=1)
        jwt = vault.jwt_role("ci", {"secret/*": {"read"}})
        file = tmp_path / "token"
        file.write_text(jwt + "\n")
        for auth in (JWTAuth(role="ci", jwt=jwt), JWTAuth(role="ci", jwt_path=file)):
            credentials = VaultCredentials(url=vault.address, auth=auth)
            assert credentials.read_secret("secret/crm") == {"n": 1}
            assert credentials.check(5) == "logged in by jwt, for 1200 s"
        assert jwt not in repr(credentials)
        VaultCredentials(url=vault.address, auth=JWTAuth(role="ci", jwt=jwt)).save("ci")
        assert Block.load("ci") == VaultCredentials(url=vault.address, auth=JWTAuth(role="ci", jwt=jwt))

    def test_what_does_not_log_in_says_why(self, vault: FakeVault, tmp_path: Path, canary: Plant) -> None:
        wrong = VaultCredentials(url=vault.address, auth=JWTAuth(role="ci", jwt=canary("jwt")))
        with pytest.raises(VaultLoginRefused, match="refused the login at auth/jwt/login"):
            wrong.get_client()
        missing = VaultCredentials(url=vault.address, auth=JWTAuth(jwt_path=tmp_path / "none"))
        with pytest.raises(VaultLoginMissing, match="jwt_path"):
            missing.get_client()
        for given in ({}, {"jwt": "a", "jwt_path": "b"}):
            with pytest.raises(ValueError, match="and not both"):
                JWTAuth(**given)


class TestDatabaseLogins:
    def test_a_user_is_lent_and_taken_back(
        self, vault: FakeVault, login: VaultCredentials, postgres: PostgresDatabase
    ) -> None:
        vault.databases.make = lambda user, word: postgres.administer(f"create role {user} login password '{word}'")
        vault.databases.drop = lambda user: postgres.administer(f"drop role {user}")
        place = postgres.server
        with login.database_login("reader") as lent:
            database = PostgreSQL(
                host=place.host, port=place.port, database=postgres.name, user=lent.username, password=lent.password
            )
            assert database.fetch_one("select current_user") == (lent.username,)
            assert lent.password.get_secret_value() not in repr(lent)
            assert (lent.seconds, lent.renewable) == (3600, True)
        assert not vault.databases.leases
        with pytest.raises(Exception, match=r"(?i)does not exist|authentication failed"):
            PostgreSQL(**{**dict(database), "connect_timeout": 9}).execute("select 1")

    def test_a_lease_is_renewed_until_it_cannot_be(self, vault: FakeVault, login: VaultCredentials) -> None:
        lent = login.database_login("reader")
        vault.now += 3000
        assert lent.renew() == 3600
        assert lent.renew(60) == lent.seconds == 60
        vault.now += 61
        with pytest.raises(VaultRefused, match="lease not found"):
            lent.renew()
        lent.revoke()
        lent.revoke()
        with pytest.raises(VaultRefused, match="unknown role: none"):
            login.database_login("none")

    def test_what_failed_first_is_told_and_not_that_the_lease_stays(
        self, vault: FakeVault, login: VaultCredentials
    ) -> None:
        def work_that_fails() -> None:
            vault.sealed = True
            raise KeyError("on purpose")

        with pytest.raises(KeyError, match="on purpose"), login.database_login("reader"):
            work_that_fails()
        assert len(vault.databases.leases) == 1

    def test_in_asynchronous_code(self, vault: FakeVault, login: VaultCredentials) -> None:
        async def work() -> None:
            async with await login.adatabase_login("reader") as lent:
                assert await lent.arenew() == 3600

        asyncio.run(work())
        assert not vault.databases.leases


class TestTasks:
    def test_a_flow_reads_and_writes(
        self, login: VaultCredentials, caplog: pytest.LogCaptureFixture, canary: Plant
    ) -> None:
        caplog.set_level(logging.INFO)
        word = canary("password")

        @flow
        def rotating() -> list[str]:
            assert tasks.write_secret(login, "secret/crm", {"password": word}, cas=0) == 1
            assert tasks.read_secret(login, "secret/crm")["password"] == word
            tasks.write_secret(login, "secret/crm", {"password": "other"}, cas=1)
            tasks.delete_secret(login, "secret/crm", [1])
            tasks.undelete_secret(login, "secret/crm", [1])
            tasks.destroy_secret(login, "secret/crm", [1])
            tasks.write_metadata(login, "secret/crm", {"max_versions": 3})
            assert tasks.read_metadata(login, "secret/crm").current_version == 2
            listed = tasks.list_secrets(login, "secret")
            tasks.delete_metadata(login, "secret/crm")
            return listed

        assert rotating() == ["crm"]
        assert "Wrote secret/crm, version 1" in caplog.text
        assert word not in caplog.text

    def test_every_task_has_a_twin(self, login: VaultCredentials) -> None:
        @flow
        async def rotating() -> list[str]:
            await tasks.awrite_secret(login, "secret/crm", {"n": 1})
            assert await tasks.aread_secret(login, "secret/crm") == {"n": 1}
            await tasks.adelete_secret(login, "secret/crm")
            await tasks.aundelete_secret(login, "secret/crm", [1])
            await tasks.awrite_metadata(login, "secret/crm", {"max_versions": 3})
            assert (await tasks.aread_metadata(login, "secret/crm")).max_versions == 3
            await tasks.adestroy_secret(login, "secret/crm", [1])
            listed = await tasks.alist_secrets(login, "secret")
            await tasks.adelete_metadata(login, "secret/crm")
            return listed

        assert asyncio.run(rotating()) == ["crm"]


def test_a_long_writing_flow_stays_logged_in(vault: FakeVault) -> None:
    role_id, secret_id = vault.app_role({"secret/*": {"update", "read"}}, ttl=900)
    login = VaultCredentials(url=vault.address, auth=AppRoleAuth(role_id=role_id, secret_id=secret_id))
    login.write_secret("secret/crm", {"n": secrets.token_hex()})
    vault.tokens.clear()
    assert login.write_secret("secret/crm", {"n": secrets.token_hex()}) == 2
    assert vault.count("POST auth/approle/login") == 2
