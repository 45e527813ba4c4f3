"""A second engine for many small objects on their way down: obstore, where it is installed and knows the way.

It only ever succeeds. What it cannot do, and whatever goes wrong with it, is done by Google's client from the
beginning, whose retries and errors are the ones there are. Nothing goes up by it: the service checks the checksum that
Google's client sends along before there is an object, and obstore sends none.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from strongroom.stores import Engines, Way, obstore_is_installed, sayable

from strongroom_gcp.checksums import as_text, crc32c
from strongroom_gcp.patience import ANSWER_SECONDS, CONNECT_SECONDS

if TYPE_CHECKING:
    from google.cloud.storage import Client
    from obstore.store import GCSCredential

_GOOD_FOR = timedelta(minutes=6)  # it asks again five minutes before the end
_OWN_VARIABLES = ("GOOGLE_ALLOW_", "GOOGLE_DEFAULT_HEADERS", "GOOGLE_PROXY_", "GOOGLE_SKIP_", "GOOGLE_USER_AGENT")
"""What variables of the environment begin with that it heeds and Google's client does not."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One bucket, as one client of Google's sees it. May be used by many threads.

    :param store: obstore's.
    """

    store: Any = field(repr=False)
    _down: Way = field(default_factory=Way, repr=False)

    def get(self, name: str, size: int, checksum: str | None) -> bytes | None:
        """The content of an object, if it has the size and the CRC32C that a listing said."""
        if checksum is None or not self._down.open or not sayable(name):
            return None
        import obstore

        try:
            found = obstore.get(self.store, name)
            content = bytes(found.bytes()) if found.meta["size"] == size else b""
            proved = len(content) == size and as_text(crc32c(content)) == checksum
        except Exception:
            proved = False
        self._down.went(proved)
        return content if proved else None


_engines: Engines[Engine] = Engines()


def engine(client: Client, bucket: str) -> Engine | None:
    """The engine that asks as ``client`` does; None where obstore is not installed or cannot ask so."""
    return _engines.get(client, bucket, lambda: _made(client, bucket))


def _made(client: Any, bucket: str) -> Engine | None:
    from google.auth.credentials import AnonymousCredentials

    credentials, url = client._credentials, client._connection.API_BASE_URL
    around = any(name.startswith(_OWN_VARIABLES) for name in os.environ)
    if not obstore_is_installed() or around or ".mtls." in url or getattr(credentials, "quota_project_id", None):
        return None
    from obstore.store import GCSStore

    who: Any = {"skip_signature": True}
    if not isinstance(credentials, AnonymousCredentials):
        who = {"credential_provider": _Login(credentials)}
    try:
        store = GCSStore(
            bucket,
            base_url=url,
            client_options={
                "allow_http": url.startswith("http://"),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "read_timeout": timedelta(seconds=ANSWER_SECONDS),
                "timeout": timedelta(seconds=CONNECT_SECONDS + ANSWER_SECONDS),
            },
            retry_config={"max_retries": 0},
            **who,
        )
    except Exception:
        return None
    return Engine(store)


class _Login:
    """Tokens of Google's credentials, renewed when they end."""

    def __init__(self, credentials: Any) -> None:
        self._credentials, self._lock = credentials, Lock()

    def __call__(self) -> GCSCredential:
        from google.auth.transport.requests import Request

        with self._lock:
            if not self._credentials.valid:
                self._credentials.refresh(Request())
            token, end = self._credentials.token, self._credentials.expiry
        return {"token": token, "expires_at": end.replace(tzinfo=UTC) if end else datetime.now(UTC) + _GOOD_FOR}
