"""Ways to log in: which fields make one, and keys in every shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom import secret_from
from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials, private_key
from strongroom_snowflake.errors import KeyUnusable

from . import keys

MADE_UP = "-".join(["made", "up"])


def made(**fields: Any) -> SnowflakeCredentials:
    return SnowflakeCredentials(**{"account": "acme-shop", "user": "etl", **fields})


class TestKeys:
    @pytest.mark.parametrize("shape", keys.shapes(keys.pem()))
    def test_a_key_is_read_in_any_shape(self, shape: str) -> None:
        assert private_key.der(keys.shapes(keys.pem())[shape]) == keys.der()

    @pytest.mark.parametrize("shape", keys.shapes(keys.pem()))
    def test_an_encrypted_key_is_read_in_any_shape(self, shape: str) -> None:
        assert private_key.der(keys.shapes(keys.pem(MADE_UP))[shape], MADE_UP) == keys.der()

    @pytest.mark.parametrize("shape", keys.shapes(keys.pem()))
    def test_the_older_kinds_of_pem_are_read(self, shape: str) -> None:
        for passphrase in (None, MADE_UP):
            text = keys.pem(passphrase, PrivateFormat.TraditionalOpenSSL)
            assert private_key.der(keys.shapes(text)[shape], passphrase) == keys.der()

    def test_bare_base64_and_der_are_read(self) -> None:
        assert private_key.der("".join(keys.pem().splitlines()[1:-1])) == keys.der()
        assert private_key.der("".join(keys.pem(MADE_UP).splitlines()[1:-1]), MADE_UP) == keys.der()
        assert private_key.der(keys.der()) == keys.der()

    def test_a_passphrase_that_is_not_needed_is_not_used(self) -> None:
        assert private_key.der(keys.pem(), MADE_UP) == keys.der()

    def test_a_key_of_an_elliptic_curve_is_taken_and_others_are_not(self) -> None:
        curve = ec.generate_private_key(ec.SECP256R1())
        assert private_key.der(curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        other = ed25519.Ed25519PrivateKey.generate()
        with pytest.raises(KeyUnusable, match="does not take"):
            private_key.der(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def test_what_is_wrong_with_a_key_is_said(self) -> None:
        with pytest.raises(KeyUnusable, match=r"encrypted.*private_key_passphrase"):
            private_key.der(keys.pem(MADE_UP))
        with pytest.raises(KeyUnusable, match="with this passphrase"):
            private_key.der(keys.pem(MADE_UP), "another")
        with pytest.raises(KeyUnusable, match="is none"):
            private_key.der("ssh-rsa AAAA")
        with pytest.raises(KeyUnusable, match="cannot be read"):
            private_key.der(keys.pem()[:400] + keys.pem()[500:])

    @given(st.text(max_size=200) | st.binary(max_size=200))
    def test_nothing_else_escapes(self, text: str | bytes) -> None:
        with pytest.raises(KeyUnusable):
            private_key.der(text)


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "method", "authenticator"),
        [
            ({"password": MADE_UP}, "password", "snowflake"),
            ({"password": MADE_UP, "authenticator": "snowflake"}, "password", "snowflake"),
            ({"password": MADE_UP, "authenticator": "username_password_mfa"}, "mfa", "username_password_mfa"),
            ({"password": MADE_UP, "passcode": "123456"}, "mfa", "username_password_mfa"),
            ({"private_key": keys.pem()}, "key_pair", "snowflake_jwt"),
            ({"private_key": keys.pem().encode()}, "key_pair", "snowflake_jwt"),
            ({"private_key_path": "/somewhere/key.p8"}, "key_pair", "snowflake_jwt"),
            ({"authenticator": "oauth", "token": MADE_UP}, "oauth", "oauth"),
            ({"authenticator": "programmatic_access_token", "token": MADE_UP}, "access_token",
             "programmatic_access_token"),
            ({"authenticator": "externalbrowser"}, "external_browser", "externalbrowser"),
            ({"authenticator": "okta_endpoint", "endpoint": "https://acme.okta.com", "password": MADE_UP}, "okta",
             "okta_endpoint"),
            ({"authenticator": "https://acme.okta.com", "password": MADE_UP}, "okta", "okta_endpoint"),
            ({"authenticator": "workload_identity", "workload_identity_provider": "aws"}, "workload_identity",
             "workload_identity"),
        ],
    )  # fmt: skip
    def test_the_fields_of_other_tools_make_a_login(
        self, fields: dict[str, Any], method: str, authenticator: str
    ) -> None:
        credentials = made(**fields)
        assert (credentials.auth.method, credentials.authenticator) == (method, authenticator)
        for name in ("password", "token"):
            secret = getattr(credentials, name)
            assert (secret.get_secret_value() if secret else None) == fields.get(name)
        credentials.save("login")
        assert SnowflakeCredentials.load("login") == credentials
        assert MADE_UP not in repr(credentials)

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"password": MADE_UP, "private_key": keys.pem()},
            {"token": MADE_UP},
            {"authenticator": "oauth"},
            {"authenticator": "no such thing", "password": MADE_UP},
            {"password": MADE_UP, "auth": {"method": "password", "password": MADE_UP}},
            {"authenticator": "workload_identity"},
            {"authenticator": "workload_identity", "workload_identity_provider": "oidc"},
            {"authenticator": "okta_endpoint", "password": MADE_UP},
            {"private_key": "no key"},
            {"private_key": keys.pem(MADE_UP)},
            {"user": None, "password": MADE_UP},
            {"account": "not an account", "password": MADE_UP},
        ],
    )
    def test_fields_that_make_no_login_are_refused(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r".") as caught:
            made(**fields)
        assert MADE_UP not in str(caught.value)

    def test_an_account_is_its_identifier_however_it_is_written(self) -> None:
        for text in ("acme-shop", "https://acme-shop.snowflakecomputing.com/", "acme-shop.snowflakecomputing.com"):
            assert made(account=text, password=MADE_UP).account == "acme-shop"
        assert made(account="xy12345.eu-west-1", password=MADE_UP).account == "xy12345.eu-west-1"

    def test_a_secret_that_stays_elsewhere_is_not_fetched_before_it_is_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials = made(private_key=secret_from("env:SF_KEY"))
        monkeypatch.setenv("SF_KEY", keys.pem())
        assert credentials.resolve_private_key() == keys.der()

    def test_a_key_is_read_from_its_file(self, tmp_path: Path) -> None:
        file = tmp_path / "key.p8"
        credentials = made(private_key_path=file, private_key_passphrase=MADE_UP)
        with pytest.raises(KeyUnusable, match="cannot be read: No such file"):
            credentials.resolve_private_key()
        file.write_text(keys.pem(MADE_UP))
        assert credentials.resolve_private_key() == keys.der()
        with pytest.raises(KeyUnusable, match="have no private key"):
            made(password=MADE_UP).resolve_private_key()

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            ({"password": MADE_UP}, {"password": SecretStr(MADE_UP)}),
            ({"authenticator": "externalbrowser"}, {"authenticator": "externalbrowser"}),
            ({"authenticator": "oauth", "token": MADE_UP}, {"authenticator": "oauth", "token": SecretStr(MADE_UP)}),
        ],
    )
    def test_dbt_is_told_of_it(self, fields: dict[str, Any], found: dict[str, Any]) -> None:
        connector = SnowflakeConnector(credentials=made(**fields), database="SHOP", schema="PUBLIC", warehouse="WH")
        assert connector.dbt_target() == {
            "type": "snowflake",
            "account": "acme-shop",
            "user": "etl",
            "database": "SHOP",
            "schema": "PUBLIC",
            "warehouse": "WH",
            **found,
        }

    def test_the_schema_has_either_name(self) -> None:
        one = SnowflakeConnector(credentials=made(password=MADE_UP), schema="A")
        assert one.schema_ == "A"
        assert one == SnowflakeConnector(credentials=made(password=MADE_UP), schema_="A")
        one.save("warehouse")
        assert SnowflakeConnector.load("warehouse").schema_ == "A"
