"""A second engine for many small objects: obstore, where it is installed and everything at hand can be said to it.

It only ever succeeds. What it cannot do, and whatever goes wrong with it, is done by boto3 from the beginning, whose
retries, checks and errors are the ones there are.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from strongroom.stores import Engines, Way, obstore_is_installed, sayable

from strongroom_aws.unlogged import unlogged

if TYPE_CHECKING:
    from obstore.store import S3Credential
    from types_boto3_s3 import S3Client

_GOOD_FOR = timedelta(minutes=6)  # it asks again five minutes before the end; boto3 renews ten minutes before it
_OWN_VARIABLES = (
    "AWS_ALLOW_", "AWS_CONDITIONAL_", "AWS_COPY_", "AWS_DEFAULT_HEADERS", "AWS_PROXY_", "AWS_REQUEST_PAYER",
    "AWS_S3_EXPRESS", "AWS_SERVER_SIDE_", "AWS_SKIP_", "AWS_SSE_", "AWS_UNSIGNED_", "AWS_USER_AGENT",
)  # fmt: skip
"""What variables of the environment begin with that it heeds and boto3 does not."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One bucket, as one client of boto3 sees it. May be used by many threads.

    :param store: obstore's.
    """

    store: Any = field(repr=False)
    _up: Way = field(default_factory=Way, repr=False)
    _down: Way = field(default_factory=Way, repr=False)

    def put(self, key: str, content: bytes, extra: Mapping[str, Any]) -> bool:
        """Whether an object was written. The signature is of its content too, so what arrives damaged is refused."""
        if extra or not self._up.open or not sayable(key):
            return False
        import obstore

        try:
            obstore.put(self.store, key, content, use_multipart=False)
        except Exception:
            self._up.went(False)
            return False
        self._up.went(True)
        return True

    def get(self, key: str, extra: Mapping[str, Any], most: int) -> bytes | None:
        """The content of an object of at most so many bytes, if its ETag proves that it came whole."""
        if extra or not self._down.open or not sayable(key):
            return None
        import obstore

        try:
            found = obstore.get(self.store, key)
            if found.meta["size"] > most:
                return None
            content = bytes(found.bytes())
            proved = str(found.meta["e_tag"]).strip('"') == _md5(content)
        except Exception:
            proved = False
        self._down.went(proved)
        return content if proved else None


_engines: Engines[Engine] = Engines()


def engine(client: S3Client, bucket: str) -> Engine | None:
    """The engine that asks as ``client`` does; there is one as long as the client is there.

    None where obstore is not installed, in a forked process, and where the client has been told something that obstore
    cannot be told.
    """
    return _engines.get(client, bucket, lambda: _made(client, bucket))


def _made(client: Any, bucket: str) -> Engine | None:
    if not obstore_is_installed():
        return None
    place = credentials = None
    with suppress(AttributeError):  # not all of it is promised by boto3: where it is another one by now, there is none
        place, credentials = _place(client, bucket), client._request_signer._credentials
    if place is None or credentials is None:
        return None
    from obstore.store import S3Store

    def login() -> S3Credential:
        with unlogged():
            current = credentials.get_frozen_credentials()
        return {
            "access_key_id": current.access_key,
            "secret_access_key": current.secret_key,
            "token": current.token,
            "expires_at": datetime.now(UTC) + _GOOD_FOR,
        }

    config = client.meta.config
    if config.request_checksum_calculation == "when_supported":
        place["checksum_algorithm"] = "SHA256"  # computed for the signature anyway
    try:
        store = S3Store(
            bucket,
            credential_provider=login,
            client_options={
                "allow_http": client.meta.endpoint_url.startswith("http://"),
                "connect_timeout": timedelta(seconds=config.connect_timeout),
                "read_timeout": timedelta(seconds=config.read_timeout),
                "timeout": timedelta(seconds=config.read_timeout + config.connect_timeout),
            },
            retry_config={"max_retries": 0},
            **place,
        )
    except Exception:
        return None
    return Engine(store)


def _place(client: Any, bucket: str) -> dict[str, Any] | None:
    """Where the bucket is, in obstore's words; None where it has none."""
    config, url, region = client.meta.config, client.meta.endpoint_url, client.meta.region_name
    style = (config.s3 or {}).get("addressing_style") or "auto"
    told = (config.s3 or {}).keys() - {"addressing_style", "payload_signing_enabled"}
    told |= {name for name in ("client_cert", "proxies", "proxies_config") if getattr(config, name)}
    told |= {name for name in os.environ if name.startswith(_OWN_VARIABLES)}
    if told or config.signature_version != "s3v4" or not re.fullmatch(r"[a-z0-9-]{3,63}", bucket):
        return None
    if url.startswith("https://") and client._endpoint.http_session._verify is not True:
        return None
    if region in (None, "aws-global"):
        region = "us-east-1"
    if re.fullmatch(r"https://s3[.]([a-z0-9-]+[.])?amazonaws[.]com", url):
        return {"region": region, "virtual_hosted_style_request": style != "path"}
    return {"region": region, "endpoint": url} if style != "virtual" else None


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
