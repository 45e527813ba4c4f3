"""Logging in to Google: keys of service accounts, files, Google's own rules, acting as another account."""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from google.auth import iam
from servers.gcp import FakeKms
from servers.google_login import EMAIL, GoogleLogin
from servers.hostile import hanging
from strongroom import Block
from strongroom.checks import CheckDenied, CheckUnreachable
from strongroom_gcp import GcpCredentials
from strongroom_gcp.clients import EVERYTHING
from strongroom_gcp.errors import GcpLoginMissing, GcpLoginRefused, GcpUnreachable


def test_a_service_account_gets_a_token_with_its_scopes(google_login: GoogleLogin, canary: Plant) -> None:
    for line in google_login.info["private_key"].splitlines()[1:-1]:
        canary(value=line)
    credentials = GcpCredentials(service_account_info=google_login.info)
    assert credentials.get_access_token() == google_login.tokens[-1]
    assert google_login.scopes == [EVERYTHING]
    assert asyncio.run(credentials.aget_access_token()) == google_login.tokens[-1]
    narrow = GcpCredentials(service_account_info=google_login.info, scopes=["https://www.googleapis.com/auth/cloudkms"])
    assert narrow.get_access_token() in google_login.tokens
    assert google_login.scopes[-1].endswith("/cloudkms")
    assert credentials.get_project() == "acme"
    assert GcpCredentials(service_account_info=google_login.info, project="other").get_project() == "other"


def test_the_block_keeps_the_key_secret_and_comes_back_from_the_registry(google_login: GoogleLogin) -> None:
    block = GcpCredentials(service_account_info=google_login.info)
    assert google_login.info["private_key_id"] not in repr(block) + block.model_dump_json()
    block.save("google")
    loaded = Block.load("google")
    assert isinstance(loaded, GcpCredentials)
    assert loaded.get_access_token() in google_login.tokens


def test_a_file_and_the_environment_serve_as_well(
    google_login: GoogleLogin, no_google_of_this_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = no_google_of_this_machine / "key.json"
    file.write_text(json.dumps(google_login.info))
    assert GcpCredentials(service_account_file=file).get_access_token() in google_login.tokens
    assert GcpCredentials(service_account_file=Path("~/key.json")).get_project() == "acme"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert GcpCredentials().get_access_token() in google_login.tokens
    assert GcpCredentials().get_project() == "acme"


def test_a_login_can_act_as_another_account(google_login: GoogleLogin, monkeypatch: pytest.MonkeyPatch) -> None:
    account = "{}:generateAccessToken"
    monkeypatch.setattr(iam, "_IAM_ENDPOINT", f"{google_login.address}/v1/projects/-/serviceAccounts/{account}")
    acting = GcpCredentials(
        service_account_info=google_login.info,
        scopes=["https://www.googleapis.com/auth/cloudkms"],
        impersonate_service_account="keys@acme.iam.gserviceaccount.com",
    )
    assert acting.get_access_token() == google_login.tokens[-1]
    assert google_login.seen == [
        "/token",
        "/v1/projects/-/serviceAccounts/keys@acme.iam.gserviceaccount.com:generateAccessToken",
    ]
    assert google_login.scopes == [
        f"{EVERYTHING.removesuffix('cloud-platform')}iam",
        "https://www.googleapis.com/auth/cloudkms",
    ]
    assert acting.check(5) == "Google gave a token to keys@acme.iam.gserviceaccount.com"


def test_what_google_refuses_is_told_without_the_key(google_login: GoogleLogin, canary: Plant) -> None:
    google_login.refuses = True
    credentials = GcpCredentials(service_account_info=google_login.info)
    with pytest.raises(GcpLoginRefused, match=r"RefreshError.*clock") as caught:
        credentials.get_access_token()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    middle = google_login.info["private_key"].splitlines()[3]
    assert middle not in shown.replace(repr(google_login), "")


def spoilt(info: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (info | changes).items() if value is not None}


def test_a_malformed_key_is_told_without_it(google_login: GoogleLogin, tmp_path: Path) -> None:
    info = google_login.info
    marker = secrets.token_hex(16)
    for bad in (
        spoilt(info, private_key=info["private_key"][:400] + marker),
        spoilt(info, private_key=marker),
        spoilt(info, private_key=7),
        spoilt(info, client_email=None),
        spoilt(info, token_uri=None),
        {"type": "authorized_user", "refresh_token": marker},
        {},
    ):
        with pytest.raises(GcpLoginMissing, match="malformed or incomplete") as caught:
            GcpCredentials(service_account_info=bad).get_credentials()
        assert marker not in str(caught.value)
    (tmp_path / "no.json").write_text("{" + marker)
    for file in (tmp_path / "no.json", tmp_path / "none.json", tmp_path):
        with pytest.raises(GcpLoginMissing, match=r"cannot be (used|read)") as caught:
            GcpCredentials(service_account_file=file).get_credentials()
        assert marker not in str(caught.value)


def test_no_credentials_at_all_is_said_with_the_ways_to_have_some() -> None:
    with pytest.raises(GcpLoginMissing, match="GOOGLE_APPLICATION_CREDENTIALS"):
        GcpCredentials().get_credentials()
    with pytest.raises(GcpLoginMissing):
        GcpCredentials().get_secret_manager_client()


def test_a_check_says_who_got_a_token_or_what_failed(google_login: GoogleLogin) -> None:
    credentials = GcpCredentials(service_account_info=google_login.info)
    assert credentials.check(5) == f"Google gave a token to {EMAIL}"
    google_login.refuses = True
    with pytest.raises(CheckDenied, match="did not accept"):
        credentials.check(5)
    with pytest.raises(CheckDenied, match="GOOGLE_APPLICATION_CREDENTIALS"):
        GcpCredentials().check(5)
    with hanging() as address, pytest.raises(CheckUnreachable, match="could not be asked for a token"):
        GcpCredentials(service_account_info=spoilt(google_login.info, token_uri=f"{address}/token")).check(0.1)


def test_a_token_service_that_is_not_there_is_unreachable(google_login: GoogleLogin) -> None:
    info = spoilt(google_login.info, token_uri="http://127.0.0.1:1/token")
    with pytest.raises(GcpUnreachable, match="could not be asked for a token"):
        GcpCredentials(service_account_info=info).get_access_token()


def test_clients_are_kept_by_the_values_of_the_login(google_login: GoogleLogin, kms: FakeKms) -> None:
    one = GcpCredentials(service_account_info=google_login.info)
    again = GcpCredentials(service_account_info=dict(google_login.info))
    assert one.get_kms_client() is again.get_kms_client()
    assert one.get_secret_manager_client() is not one.get_kms_client()
    other = GcpCredentials(service_account_info=spoilt(google_login.info, private_key_id="another"))
    assert other.get_kms_client() is not one.get_kms_client()
    elsewhere = GcpCredentials(service_account_info=google_login.info, kms_endpoint="kms.example.com:443")
    client: Any = elsewhere.get_kms_client()
    assert client.api_endpoint == "kms.example.com:443"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"service_account_info": {"type": "of-the-key"}, "service_account_file": "/etc/key.json"}, "and not both"),
        ({"delegates": ["somebody@example.com"]}, "impersonate_service_account"),
        ({"impersonate_service_account": "nobody"}, "impersonate_service_account"),
        ({"kms_endpoint": "http://kms.example.com"}, "kms_endpoint"),
        ({"secret_manager_endpoint": "a b"}, "secret_manager_endpoint"),
        ({"scopes": []}, "scopes"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GcpCredentials(**fields)
