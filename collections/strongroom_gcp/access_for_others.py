"""What lets others at a bucket's objects: signed addresses, and options of libraries that read by themselves."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from strongroom import base_name, redactor
from strongroom.stores import Library, Method

from strongroom_gcp.errors import GcpLoginMissing, GcpRefused
from strongroom_gcp.storage_faults import asked

if TYPE_CHECKING:
    from strongroom_gcp.bucket import GcsBucket

_LONGEST = timedelta(days=7)  # what a signature of version 4 may last
_METHODS = ("GET", "PUT", "DELETE", "HEAD")


def presigned_url(bucket: GcsBucket, path: str, expires: timedelta | float, method: Method) -> str:
    """See :meth:`GcsBucket.presigned_url`."""
    lasting = expires if isinstance(expires, timedelta) else timedelta(seconds=expires)
    if not timedelta(seconds=1) <= lasting <= _LONGEST:
        raise ValueError(f"A signed address may last from one second to seven days, not {lasting}.")
    if method not in _METHODS:
        raise ValueError(f"A signed address is for {', '.join(_METHODS)}, not for {method!r}.")
    name = bucket._key(path)
    base_name(name)
    signer = asked(bucket.bucket, name, lambda: _signer(bucket))
    endpoint = bucket._login._storage_endpoint
    place: dict[str, Any] = {"api_access_endpoint": endpoint.url} if endpoint is not None else {}
    blob: Any = bucket._storage.client.bucket(bucket.bucket).blob(name)
    return str(
        asked(
            bucket.bucket,
            name,
            lambda: blob.generate_signed_url(
                version="v4", expiration=lasting, method=method.upper(), **place, **signer
            ),
        )
    )


def _signer(bucket: GcsBucket) -> dict[str, Any]:
    """Credentials that sign by themselves, or whose token asks Google to."""
    from google.auth.credentials import Signing
    from google.auth.transport.requests import Request

    found: Any = bucket._login.get_credentials()
    if isinstance(found, Signing):
        return {"credentials": found}
    request: Any = Request()
    found.refresh(request)
    redactor.register(str(found.token))
    email = getattr(found, "service_account_email", None)
    if not email:
        raise GcpLoginMissing(
            "The login is no service account, and so cannot sign addresses.",
            "Use a service account's key, or set impersonate_service_account.",
        )
    return {"service_account_email": email, "access_token": found.token, "credentials": found}


def storage_options(bucket: GcsBucket, library: Library) -> dict[str, Any]:
    """See :meth:`GcsBucket.storage_options`."""
    credentials, endpoint = bucket._login, bucket._login._storage_endpoint
    is_plain = endpoint is not None and endpoint.is_plain
    if library not in ("pandas", "polars", "duckdb"):
        raise ValueError(f'The library is "pandas", "polars" or "duckdb", not {library!r}.')
    if library == "polars":
        return _of_polars(bucket, endpoint.url if endpoint is not None and is_plain else None)
    options: dict[str, Any] = {"token": "anon" if is_plain else credentials.get_credentials()}
    if endpoint is not None:
        options["endpoint_url"] = endpoint.url
    if credentials.project:
        options["project"] = credentials.project
    return options


def _of_polars(bucket: GcsBucket, emulator: str | None) -> dict[str, Any]:
    if emulator is not None:
        key = {"gcs_base_url": emulator, "disable_oauth": True, "client_email": "", "private_key": ""}
        return {"service_account_key": json.dumps(key | {"private_key_id": ""})}
    login = bucket._login.login()
    if login.impersonate or login.external is not None:
        raise GcpRefused(
            "Polars opens no object of Cloud Storage with a login that acts as another account.",
            "Read through the block: polars.read_parquet(bucket.open(path)), or give it bucket.filesystem().",
        )
    if login.info is not None:
        return {"service_account_key": json.dumps(login.info)}
    return {"service_account_path": os.path.expanduser(login.file)} if login.file else {}
