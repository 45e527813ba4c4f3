"""What the collection costs before it is used, and what it says where the libraries are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from strongroom import MissingExtra
from strongroom.keys import KeyUnavailable
from strongroom_blocks import catalog
from strongroom_gcp import GcpCredentials, GcpKmsKey, GcpSecret, GcsBucket, SecretManagerSource

NAME = "projects/acme/locations/global/keyRings/ring/cryptoKeys/key"


def test_the_libraries_are_not_loaded_before_they_are_used() -> None:
    code = f"""if True:
        import sys, strongroom_gcp, strongroom_gcp.errors
        import strongroom_gcp.cloud_storage, strongroom_gcp.secret_manager
        from strongroom_gcp import GcpCredentials, GcpKmsKey, GcpSecret, GcsBucket, SecretManagerSource
        GcsBucket(bucket="b").url("a"), GcpSecret(secret_name="s")
        SecretManagerSource(GcpCredentials(project="acme")).check("acme/crm#token")
        assert GcpKmsKey.from_uri("gcpkms:{NAME}").fingerprint
        print([name for name in sys.modules if name.split(".")[0] in {{"google", "grpc", "requests", "google_crc32c"}}])
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["google.cloud.kms_v1", "google.cloud.secretmanager_v1", "google.cloud.storage"])
def test_missing_libraries_are_named_with_what_installs_them(missing: str) -> None:
    code = f"""if True:
        import sys
        sys.modules["{missing}"] = None
        from strongroom import MissingExtra
        from strongroom_gcp import GcpCredentials
        login = GcpCredentials()
        for ask in (login.get_kms_client, login.get_secret_manager_client, login.get_cloud_storage_client):
            try:
                ask()
            except MissingExtra as exc:
                print(exc)
            except Exception:
                pass
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 'pip install "strongroom[gcp]"' in done.stdout


def test_a_key_and_a_source_without_the_libraries_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith(("google.cloud.kms_v1", "google.cloud.secretmanager_v1")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "google.cloud.kms_v1", None)
    monkeypatch.setitem(sys.modules, "google.cloud.secretmanager_v1", None)
    key = GcpKmsKey(NAME, endpoint="http://127.0.0.1:1")
    with pytest.raises(KeyUnavailable, match=r'pip install "strongroom\[gcp\]"'):
        key.wrap(bytes(32), b"")
    source = SecretManagerSource(GcpCredentials(secret_manager_endpoint="http://127.0.0.1:1"))
    with pytest.raises(MissingExtra, match=r'pip install "strongroom\[gcp\]"'):
        source.fetch(["acme/crm"], timeout=1)


@pytest.mark.parametrize(
    ("slug", "kind"), [("gcp-credentials", GcpCredentials), ("gcs-bucket", GcsBucket), ("gcp-secret", GcpSecret)]
)
def test_the_types_are_found_by_their_slugs(slug: str, kind: type) -> None:
    assert catalog.find(slug).load() is kind
