"""Logging in, staying logged in, and logging in again, against a clock that tests move."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from pydantic import SecretStr
from servers.certificates import certificate_in
from servers.hostile import hanging
from servers.vault import FakeVault, fake_vault
from strongroom import Block
from strongroom.checks import CheckDenied, CheckUnreachable
from strongroom_vault import AppRoleAuth, KubernetesAuth, TokenAuth, VaultCredentials
from strongroom_vault.auth import Auth
from strongroom_vault.errors import (
    VaultAbsent,
    VaultDenied,
    VaultLoginMissing,
    VaultLoginRefused,
    VaultSealed,
    VaultUnreachable,
)
from strongroom_vault.sessions import Login, VaultSession

READ = {"secret/*": {"read", "list"}}


class Time:
    """One clock for Vault and for the session."""

    def __init__(self, vault: FakeVault) -> None:
        self.vault = vault

    def __call__(self) -> float:
        return self.vault.now

    def passes(self, seconds: float) -> None:
        self.vault.now += seconds


@pytest.fixture
def time(vault: FakeVault) -> Time:
    return Time(vault)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_in(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def crm(vault: FakeVault) -> str:
    vault.put("secret/crm", token="t")
    return "/v1/secret/data/crm"


def session_with(vault: FakeVault, auth: Auth, time: Time) -> VaultSession:
    return VaultSession(Login(vault.address, auth), clock=time)


def app_role(vault: FakeVault, **keywords: Any) -> AppRoleAuth:
    role_id, secret_id = vault.app_role(READ, **keywords)
    return AppRoleAuth(role_id=role_id, secret_id=SecretStr(secret_id))


def ask(session: VaultSession, url: str) -> str:
    answer: Any = session.client.adapter.get(url)
    return str(answer["data"]["data"]["token"])


def test_a_process_logs_in_once_whatever_its_threads_and_blocks(vault: FakeVault, crm: str) -> None:
    auth = app_role(vault)
    together = threading.Barrier(8)

    def load() -> dict[str, Any]:
        together.wait()
        return VaultCredentials(url=vault.address, auth=auth).read_secret("secret/crm")

    with ThreadPoolExecutor(8) as pool:
        assert [future.result() for future in [pool.submit(load) for _ in range(8)]] == [{"token": "t"}] * 8
    assert vault.count("POST auth/approle/login") == 1


def test_another_secret_is_another_login(vault: FakeVault, crm: str) -> None:
    credentials = VaultCredentials(url=vault.address, auth=app_role(vault))
    client = credentials.get_client()
    assert credentials.get_client() is client
    credentials.auth = app_role(vault)
    assert credentials.get_client() is not client
    assert vault.count("POST auth/approle/login") == 2


def test_a_token_is_renewed_before_it_runs_out(vault: FakeVault, crm: str, time: Time) -> None:
    session = session_with(vault, app_role(vault, ttl=900), time)
    for _ in range(13):
        assert ask(session, crm) == "t"
        time.passes(250)
    assert vault.count("POST auth/approle/login") == 1
    assert vault.count("POST auth/token/renew-self") == 4  # at 750, 1500, 2250 and 3000 seconds
    assert vault.count("GET secret/data/crm") == 13


def test_at_the_end_of_its_longest_life_a_new_token_is_asked_for(vault: FakeVault, crm: str, time: Time) -> None:
    session = session_with(vault, app_role(vault, ttl=900, max_ttl=2000), time)
    for _ in range(12):
        assert ask(session, crm) == "t"
        time.passes(650)
    assert 3 <= vault.count("POST auth/approle/login") <= 6
    assert vault.count("GET secret/data/crm") == 12  # none was refused first


def test_what_was_not_used_for_long_logs_in_anew(vault: FakeVault, crm: str, time: Time) -> None:
    session = session_with(vault, app_role(vault, ttl=900), time)
    assert ask(session, crm) == "t"
    time.passes(10_000)
    assert ask(session, crm) == "t"
    assert vault.count("POST auth/approle/login") == 2
    assert vault.count("POST auth/token/renew-self") == 0


def test_a_token_that_vault_forgot_is_replaced_once(vault: FakeVault, crm: str, time: Time) -> None:
    session = session_with(vault, app_role(vault), time)
    assert ask(session, crm) == "t"
    vault.tokens.clear()
    assert ask(session, crm) == "t"
    assert vault.count("POST auth/approle/login") == 2


def test_what_policies_forbid_is_denied_without_a_new_login(vault: FakeVault, time: Time) -> None:
    vault.put("kv/crm", token="t")
    session = session_with(vault, app_role(vault), time)
    for _ in range(5):
        with pytest.raises(VaultDenied, match="denies GET kv/crm"):
            session.client.adapter.get("/v1/kv/crm")
    assert vault.count("POST auth/approle/login") == 1


def test_a_given_token_is_renewed_and_one_that_cannot_be_is_used_while_it_lasts(
    vault: FakeVault, crm: str, time: Time
) -> None:
    renewable = session_with(vault, TokenAuth(token=vault.token(READ, ttl=900)), time)
    fixed = session_with(vault, TokenAuth(token=vault.token(READ, ttl=2000, renewable=False)), time)
    for _ in range(3):
        assert ask(renewable, crm) == ask(fixed, crm) == "t"
        time.passes(640)
    assert vault.count("POST auth/token/renew-self") == 2
    time.passes(640)
    with pytest.raises(VaultDenied, match="a token that ran out is refused with the same word"):
        ask(fixed, crm)


def test_a_token_that_may_not_ask_about_itself_works(vault: FakeVault, crm: str, time: Time) -> None:
    session = session_with(vault, TokenAuth(token=vault.token(READ | {"-default": set()})), time)
    assert ask(session, crm) == "t"


def test_a_token_in_a_file_is_read_again_when_vault_agent_changed_it(
    vault: FakeVault, crm: str, time: Time, tmp_path: Path
) -> None:
    sink = tmp_path / "sink"
    sink.write_text(vault.token(READ, ttl=900) + "\n")
    session = session_with(vault, TokenAuth(token_path=sink), time)
    assert ask(session, crm) == "t"
    vault.tokens.clear()
    with pytest.raises(VaultDenied):
        ask(session, crm)
    sink.write_text(vault.token(READ, ttl=900) + "\n")
    assert ask(session, crm) == "t"
    sink.unlink()
    time.passes(700)
    assert ask(session, crm) == "t"  # renewed: the file is not needed for it


def test_a_pod_logs_in_with_its_service_account(vault: FakeVault, crm: str, tmp_path: Path, canary: Plant) -> None:
    jwt = canary(value=vault.kubernetes_role("etl", READ))
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:  # where no planted secret is looked for
        file.write(jwt)
        file.flush()
        path = Path(file.name)
        credentials = VaultCredentials(url=vault.address, auth=KubernetesAuth(role="etl", jwt_path=path))
        assert credentials.read_secret("secret/crm") == {"token": "t"}
        wrong = VaultCredentials(url=vault.address, auth=KubernetesAuth(role="other", jwt_path=path))
        with pytest.raises(VaultLoginRefused, match="refused the login at auth/kubernetes/login: permission denied"):
            wrong.get_client()
    nobody = VaultCredentials(url=vault.address, auth=KubernetesAuth(role="etl", jwt_path=tmp_path / "none"))
    with pytest.raises(VaultLoginMissing, match=r"none cannot be read: No such file.*jwt_path"):
        nobody.get_client()


def test_a_wrong_secret_id_is_told_without_it(vault: FakeVault, canary: Plant) -> None:
    role_id, _ = vault.app_role(READ)
    auth = AppRoleAuth(role_id=role_id, secret_id=SecretStr(canary("secret-id")))
    with pytest.raises(VaultLoginRefused, match="invalid role or secret ID") as caught:
        VaultCredentials(url=vault.address, auth=auth).get_client()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert auth.secret_id
    assert auth.secret_id.get_secret_value() not in shown
    other = VaultCredentials(url=vault.address, auth=AppRoleAuth(role_id="none", mount="elsewhere"))
    with pytest.raises(VaultLoginRefused, match="auth/elsewhere/login: no handler for route"):
        other.get_client()


def test_the_certificate_of_vault_is_verified(certificate: Path) -> None:
    with fake_vault(certificate) as vault:
        vault.put("secret/crm", token="t")
        auth = TokenAuth(token=vault.root)
        trusting = VaultCredentials(url=vault.address, auth=auth, ca_cert_path=certificate.with_name("ca.pem"))
        assert trusting.read_secret("secret/crm") == {"token": "t"}
        assert trusting.environment()["VAULT_CACERT"] == str(certificate.with_name("ca.pem"))
        with pytest.raises(VaultUnreachable, match=r"could not prove who it is.*ca_cert_path"):
            VaultCredentials(url=vault.address, auth=auth).read_secret("secret/crm")


def test_certificates_that_are_not_there_are_named(vault: FakeVault, tmp_path: Path) -> None:
    with pytest.raises(VaultLoginMissing, match=r"no certificates at .*none.pem.*VAULT_CACERT"):
        VaultCredentials(
            url=vault.address, auth=TokenAuth(token=vault.root), ca_cert_path=tmp_path / "none.pem"
        ).get_client()


def test_threads_do_not_queue_for_a_login_that_hangs() -> None:
    with hanging() as address:
        credentials = VaultCredentials(url=address, auth=TokenAuth(token=secrets.token_hex()), timeout_seconds=0.3)

        def attempt() -> str:
            with pytest.raises(VaultUnreachable) as caught:
                credentials.get_client()
            return caught.value.problem

        with ThreadPoolExecutor(6) as pool:
            told = [future.result() for future in [pool.submit(attempt) for _ in range(6)]]
    assert "Another thread waits for Vault to answer its login." in told


def test_connections_are_kept(vault: FakeVault, login: VaultCredentials) -> None:
    vault.put("secret/crm", token="t")
    for _ in range(5):
        login.read_secret("secret/crm")
    assert vault.connections == 1


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_who_says_so_is_not_protected(certificate: Path) -> None:
    with fake_vault(certificate) as vault:
        vault.put("secret/crm", token="t")
        careless = VaultCredentials(url=vault.address, auth=TokenAuth(token=vault.root), verify=False)
        assert careless.read_secret("secret/crm") == {"token": "t"}


def test_a_sealed_vault_and_one_that_is_not_there_are_two_things(vault: FakeVault, nobody_there: str) -> None:
    vault.sealed = True
    with pytest.raises(VaultSealed, match="is sealed"):
        VaultCredentials(url=vault.address, auth=app_role(vault)).get_client()
    with pytest.raises(VaultUnreachable, match=f"Nobody answers at {nobody_there}"):
        VaultCredentials(url=nobody_there, auth=TokenAuth(token="t")).get_client()


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"VAULT_TOKEN": "t", "VAULT_ROLE_ID": "r"}, TokenAuth),
        ({"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s", "VAULT_KUBERNETES_ROLE": "k"}, AppRoleAuth),
        ({"VAULT_KUBERNETES_ROLE": "k"}, KubernetesAuth),
    ],
)
def test_the_environment_says_how_to_log_in(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], kind: type
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com:8200/")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    credentials = VaultCredentials.from_environment()
    assert (type(credentials.auth), credentials.url) == (kind, "https://vault.example.com:8200")


def test_the_rest_of_the_environment_is_that_of_vaults_own_tools(
    monkeypatch: pytest.MonkeyPatch, no_vault_of_this_machine: Path
) -> None:
    with pytest.raises(VaultLoginMissing, match="VAULT_ADDR"):
        VaultCredentials.from_environment()
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com")
    with pytest.raises(VaultLoginMissing, match="VAULT_TOKEN"):
        VaultCredentials.from_environment()
    (no_vault_of_this_machine / ".vault-token").write_text("of-vault-login")
    monkeypatch.setenv("VAULT_NAMESPACE", "team")
    monkeypatch.setenv("VAULT_CLIENT_TIMEOUT", "25s")
    monkeypatch.setenv("VAULT_CACERT", "/etc/ca.pem")
    credentials = VaultCredentials.from_environment()
    assert isinstance(credentials.auth, TokenAuth)
    assert credentials.auth.token_path == no_vault_of_this_machine / ".vault-token"
    assert (credentials.namespace, credentials.timeout_seconds) == ("team", 25)
    assert (credentials.verify, credentials.ca_cert_path) == (True, Path("/etc/ca.pem"))
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "true")
    assert not VaultCredentials.from_environment().verify


def test_the_block_is_saved_and_loaded_with_each_way_to_log_in(canary: Plant) -> None:
    for name, auth in {
        "token": TokenAuth(token=canary("token")),
        "approle": AppRoleAuth(role_id="r", secret_id=canary("secret-id")),
        "kubernetes": KubernetesAuth(role="k"),
    }.items():
        VaultCredentials(url="https://vault.example.com", auth=auth).save(name)
        loaded = Block.load(name)
        assert isinstance(loaded, VaultCredentials)
        assert loaded.auth == auth


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "vault.example.com"}, "http:// or https://"),
        ({"url": "https://me:password@vault"}, "belong in auth"),
        ({"verify": False, "ca_cert_path": "/x"}, "no use"),
        ({"auth": {"method": "token"}}, "and not both"),
        ({"auth": {"method": "ldap"}}, "approle"),
        ({"timeout_seconds": 0}, "greater than 0"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, Any], said: str) -> None:
    sound: dict[str, Any] = {"url": "https://vault", "auth": {"method": "token", "token": secrets.token_hex()}}
    with pytest.raises(ValueError, match=said):
        VaultCredentials(**sound | fields)


def test_the_environment_serves_vaults_own_tools(vault: FakeVault) -> None:
    credentials = VaultCredentials(url=vault.address, auth=app_role(vault), namespace=None)
    environment = credentials.environment()
    assert environment == {"VAULT_ADDR": vault.address, "VAULT_TOKEN": credentials.get_client().token}
    assert environment["VAULT_TOKEN"] in vault.tokens


async def _read(credentials: VaultCredentials) -> dict[str, Any]:
    return await credentials.aread_secret("secret/crm")


def test_reading_has_an_asynchronous_twin(login: VaultCredentials, vault: FakeVault) -> None:
    vault.put("secret/crm", token="t")
    assert asyncio.run(_read(login)) == {"token": "t"}
    with pytest.raises(VaultAbsent):
        login.read_secret("secret/other")


def test_a_check_logs_in_and_says_for_how_long(vault: FakeVault, nobody_there: str) -> None:
    credentials = VaultCredentials(url=vault.address, auth=app_role(vault, ttl=1200))
    assert credentials.check(5) == "logged in by approle, for 1200 s"
    vault.sealed = True
    with pytest.raises(CheckUnreachable, match="sealed"):
        credentials.check(5)
    vault.sealed = False
    with pytest.raises(CheckDenied, match="denies GET auth/token/lookup-self"):
        VaultCredentials(url=vault.address, auth=TokenAuth(token=secrets.token_hex())).check(5)
    with pytest.raises(CheckUnreachable, match="Nobody answers"):
        VaultCredentials(url=nobody_there, auth=TokenAuth(token=secrets.token_hex())).check(5)
    with hanging() as address, pytest.raises(CheckUnreachable, match="within the time"):
        VaultCredentials(url=address, auth=TokenAuth(token=secrets.token_hex())).check(0.2)
