"""The process' client for Cloud Storage, which speaks HTTP and is shared by all threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom import require_extra

from strongroom_gcp import clients
from strongroom_gcp.clients import Login
from strongroom_gcp.endpoint import Endpoint
from strongroom_gcp.faults import asked

if TYPE_CHECKING:
    import requests
    from google.cloud.storage import Client

_EMULATOR = "STORAGE_EMULATOR_HOST"
_OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"
_CONNECTIONS = 64  # what requests keeps open for one host; Google's client keeps 10


@dataclass(frozen=True, slots=True)
class Storage:
    """Google's client, and the session for the bodies of resumable uploads.

    A body that is read from a file cannot be sent again by the session itself: it would go on where the file stands.
    So ``uploads`` does not renew a refused token in the middle of a request, as that of the client does.
    """

    client: Client
    uploads: requests.Session


def of_environment() -> Endpoint | None:
    """Where the variables of Google's own tools say that Cloud Storage answers.

    :raises GcpLoginMissing: what they say is no endpoint.
    """
    return clients.of_environment(_EMULATOR, emulator=True) or clients.of_environment(_OVERRIDE)


def storage(login: Callable[[], Login], project: str | None, endpoint: Endpoint | None) -> Storage:
    """What the process has for this login, project and endpoint.

    :param login: asked for only where the endpoint takes credentials.
    :raises GcpLoginMissing: there are no credentials, or they are malformed.
    :raises MissingExtra: Google's libraries are not installed.
    """
    who = None if endpoint is not None and endpoint.is_plain else login()
    found: Storage = clients.kept(("storage", project), who, endpoint, lambda: _made(who, project, endpoint))
    return found


def _made(login: Login | None, project: str | None, endpoint: Endpoint | None) -> Storage:
    module: Any = require_extra("google.cloud.storage", extra="gcp")
    credentials, own = _credentials(login)
    options = {"api_endpoint": endpoint.url} if endpoint is not None else None
    client = asked(
        "this login",
        lambda: module.Client(project=project or own, credentials=credentials, client_options=options),
    )
    _roomy(client._http)
    client._bucket_metadata_cache = None  # asks for every bucket's description, for spans that nobody may want
    return Storage(client, _roomy(_uploads(credentials)))


def _credentials(login: Login | None) -> tuple[Any, str | None]:
    if login is not None:
        return clients.credentials_of(login)
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials(), None  # type: ignore[no-untyped-call]


def _uploads(credentials: Any) -> Any:
    from google.auth.transport.requests import AuthorizedSession

    make: Any = AuthorizedSession
    return make(credentials, max_refresh_attempts=0)


def _roomy(session: Any) -> Any:
    """Keeps as many connections open as threads may ask for at a time."""
    from requests.adapters import HTTPAdapter

    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_CONNECTIONS))
    return session
