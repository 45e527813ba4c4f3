"""No Google login of whoever runs the tests, and the fakes of its services."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.gcp import FakeKms, FakeSecretManager, fake_kms, fake_secret_manager
from servers.gcs import GcsServer
from servers.google_login import GoogleLogin, fake_google_login
from strongroom_gcp import GcpCredentials, GcsBucket, clients


@pytest.fixture
def kms() -> Iterator[FakeKms]:
    """A new KMS without keys."""
    with fake_kms() as running:
        yield running


@pytest.fixture
def secret_manager() -> Iterator[FakeSecretManager]:
    """A new Secret Manager without secrets."""
    with fake_secret_manager() as running:
        yield running


@pytest.fixture(autouse=True)
def no_google_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the test; no machine's own account is looked for."""
    clients._pool.clear()
    for name in [name for name in os.environ if name.startswith(("GOOGLE_", "CLOUDSDK_", "GCE_", "STORAGE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def bucket(gcs: GcsServer) -> GcsBucket:
    """A new bucket."""
    return GcsBucket(bucket=gcs.bucket(), gcp_credentials=GcpCredentials(storage_endpoint=gcs.endpoint_url))


@pytest.fixture
def at_kms(kms: FakeKms, monkeypatch: pytest.MonkeyPatch) -> FakeKms:
    """The fake KMS, to which the environment leads."""
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", kms.address)
    return kms


@pytest.fixture
def at_secret_manager(secret_manager: FakeSecretManager, monkeypatch: pytest.MonkeyPatch) -> FakeSecretManager:
    """The fake Secret Manager, to which the environment leads."""
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", secret_manager.address)
    return secret_manager


@pytest.fixture
def google_login() -> Iterator[GoogleLogin]:
    """Where Google gives tokens, with a service account that it knows."""
    with fake_google_login() as running:
        yield running
