"""Secrets that flows read and write in Secret Manager: the block, and the tasks by name."""

from __future__ import annotations

import asyncio
import logging

import grpc
import pytest
from canaries import Plant
from servers.gcp import FakeSecretManager
from strongroom import Block, flow, redactor
from strongroom.checks import CheckAbsent, CheckDenied, CheckUnreachable
from strongroom_gcp import GcpCredentials, GcpSecret
from strongroom_gcp.errors import GcpAbsent, GcpDenied, GcpExists
from strongroom_gcp.secret_manager import (
    acreate_secret,
    adelete_secret,
    adelete_secret_version,
    aread_secret,
    aupdate_secret,
    create_secret,
    delete_secret,
    delete_secret_version,
    read_secret,
    update_secret,
)

ACME = GcpCredentials(project="acme")


@pytest.fixture
def secret(at_secret_manager: FakeSecretManager) -> GcpSecret:
    return GcpSecret(secret_name="crm-token", gcp_credentials=ACME)


def test_a_secret_is_written_read_and_deleted(secret: GcpSecret, at_secret_manager: FakeSecretManager) -> None:
    secret.save("crm")
    loaded = Block.load("crm")
    assert isinstance(loaded, GcpSecret)
    assert loaded.write_secret(secret_data=b"first of them") == "projects/123456789/secrets/crm-token/versions/1"
    assert loaded.write_secret("second of them") == "projects/123456789/secrets/crm-token/versions/2"
    assert at_secret_manager.secrets["acme/crm-token"] == [b"first of them", b"second of them"]
    assert loaded.read_secret() == b"second of them"
    assert asyncio.run(loaded.aread_secret()) == b"second of them"
    old = secret.model_copy(update={"secret_version": "1"})
    assert old.read_secret() == b"first of them"
    assert loaded.delete_secret() == "projects/acme/secrets/crm-token"
    for gone in (loaded.read_secret, loaded.delete_secret):
        with pytest.raises(GcpAbsent, match="crm-token"):
            gone()


def test_what_was_read_is_masked_from_then_on(secret: GcpSecret, canary: Plant) -> None:
    value = canary("value")
    secret.write_secret(value)
    redactor.forget()
    assert secret.read_secret() == value.encode()
    assert value not in redactor.redact(f"it is {value}")


def test_a_check_looks_the_version_up_and_not_into_it(secret: GcpSecret, at_secret_manager: FakeSecretManager) -> None:
    with pytest.raises(CheckAbsent, match="no secret projects/acme/secrets/crm-token/versions/latest"):
        secret.check(5)
    secret.write_secret(b"x")
    at_secret_manager.behaviour.seen.clear()
    assert secret.check(5) == "there is projects/123456789/secrets/crm-token/versions/1"
    assert at_secret_manager.behaviour.seen == ["Get projects/acme/secrets/crm-token/versions/latest"]
    at_secret_manager.denied.add("acme/crm-token")
    with pytest.raises(CheckDenied, match=r"secretmanager\.versions\.get"):
        secret.check(5)
    with pytest.raises(GcpDenied):
        secret.write_secret(b"y")
    at_secret_manager.behaviour.failure = grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(CheckDenied, match="does not accept"):
        secret.check(5)
    at_secret_manager.behaviour.failure = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(CheckUnreachable):
        secret.check(0.2)


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    for name in ("", "a/b", "../x", "a b"):
        with pytest.raises(ValueError, match="secret_name"):
            GcpSecret(secret_name=name)


def test_a_flow_written_for_prefect_manages_secrets(
    at_secret_manager: FakeSecretManager, canary: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    value = canary("value")

    @flow
    def manages() -> None:
        assert create_secret("token", ACME) == "projects/123456789/secrets/token"
        assert update_secret("token", value, ACME, timeout=5).endswith("/versions/1")
        assert update_secret("token", b"2", ACME, project="acme").endswith("/versions/2")
        assert read_secret("token", ACME, version_id=1) == value
        assert read_secret("token", ACME) == "2"
        assert delete_secret_version("token", 2, ACME) == "projects/acme/secrets/token/versions/2"
        assert delete_secret("token", ACME) == "projects/acme/secrets/token"

    with caplog.at_level(logging.INFO):
        manages()
    assert at_secret_manager.secrets == {}
    assert "Reading projects/acme/secrets/token/versions/1" in caplog.text
    assert value not in caplog.text


def test_the_twins_do_the_same(at_secret_manager: FakeSecretManager) -> None:
    @flow
    async def manages() -> str:
        await acreate_secret("token", ACME)
        await aupdate_secret("token", "one of them", ACME)
        found = await aread_secret("token", ACME)
        await adelete_secret_version("token", 1, ACME)
        await adelete_secret("token", ACME)
        return found

    assert asyncio.run(manages()) == "one of them"
    assert at_secret_manager.secrets == {}


def test_what_cannot_be_done_is_said(at_secret_manager: FakeSecretManager) -> None:
    @flow
    def twice() -> None:
        create_secret("token", ACME)
        create_secret("token", ACME)

    with pytest.raises(GcpExists, match="a secret projects/acme/secrets/token already"):
        twice()

    @flow
    def latest() -> None:
        delete_secret_version("token", "latest", ACME)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="by its number"):
        latest()
