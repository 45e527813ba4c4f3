"""What the pages about Vault and Google Cloud find there: a key, a few secrets, and a login to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from servers.vault import fake_vault


@contextmanager
def vault_of_the_pages() -> Iterator[dict[str, str]]:
    """Runs a fake Vault; the variables that lead to it."""
    with fake_vault() as vault:
        vault.transit.create("strongroom")
        vault.put("secret/crm", user="etl", password="made-up-for-the-page")
        vault.put("secret/team/lake", key="made-up-as-well")
        yield {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.root}


@contextmanager
def google_of_the_pages() -> Iterator[dict[str, str]]:
    """Runs a fake KMS and a fake Secret Manager; the variables that lead to them."""
    from servers.gcp import fake_kms, fake_secret_manager  # load Google's clients

    with fake_kms() as kms, fake_secret_manager() as manager:
        kms.keys["projects/acme/locations/europe-west1/keyRings/strongroom/cryptoKeys/registry"] = []
        kms.rotate(*kms.keys)
        manager.put("acme/crm", '{"user": "etl", "password": "made-up-for-the-page"}')
        yield {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS": kms.address,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": manager.address,
        }


@contextmanager
def google_storage_of_the_pages() -> Iterator[dict[str, str]]:
    """Runs an emulator of Cloud Storage besides; the variables that lead to all of them."""
    from servers.gcs import gcs_server

    with gcs_server() as storage, google_of_the_pages() as others:
        yield others | {"STORAGE_EMULATOR_HOST": storage.endpoint_url}
