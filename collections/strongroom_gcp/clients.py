"""From a login to the one client that a process has for it and a service, with its open channel."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom import require_extra
from strongroom.client_pool import ClientPool

from strongroom_gcp.endpoint import Endpoint
from strongroom_gcp.errors import GcpError, GcpLoginMissing
from strongroom_gcp.faults import asked

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

EVERYTHING = "https://www.googleapis.com/auth/cloud-platform"
_CLIENTS = 32
_RETRIES_SECONDS = 2.0
_OF_LOGIN = "Getting metadata from plugin failed"


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who asks. Lives in memory alone.

    :param info: a service account's key, as its JSON file has it.
    :param file: that file instead; without any, Google's own rules find the credentials.
    :param external: the configuration of a workload identity, as its JSON file has it.
    :param impersonate: the service account to act as.
    """

    info: dict[str, Any] | None = None
    file: str | None = None
    external: dict[str, Any] | None = None
    scopes: tuple[str, ...] = (EVERYTHING,)
    impersonate: str | None = None
    delegates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service and how its client is made.

    :param module: where client and transport are.
    :param variable: the variable of Google's own tools that says where it answers.
    """

    module: str
    client: str
    transport: str
    variable: str = field(default="")


KMS = Service(
    "google.cloud.kms_v1.services.key_management_service",
    "KeyManagementServiceClient",
    "KeyManagementServiceGrpcTransport",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS",
)
SECRET_MANAGER = Service(
    "google.cloud.secretmanager_v1.services.secret_manager_service",
    "SecretManagerServiceClient",
    "SecretManagerServiceGrpcTransport",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER",
)


def credentials_of(login: Login) -> tuple[Credentials, str | None]:
    """Google's credentials for a login, and the project that they belong to, where they say it. Fetches no token.

    :raises GcpLoginMissing: there are none, or they are malformed.
    :raises MissingExtra: Google's libraries are not installed.
    """
    require_extra("google.auth", extra="gcp")
    found, project = asked("this login", lambda: _source(login))
    if not login.impersonate:
        return found, project
    from google.auth import impersonated_credentials

    make: Any = impersonated_credentials.Credentials
    acting: Credentials = make(
        source_credentials=found,
        target_principal=login.impersonate,
        target_scopes=list(login.scopes),
        delegates=list(login.delegates),
    )
    return acting, project


def _source(login: Login) -> tuple[Any, str | None]:
    scopes = [EVERYTHING] if login.impersonate else list(login.scopes)
    if login.external is not None:
        return _workload(login.external, scopes)
    if login.info is None and login.file is None:
        import google.auth

        return google.auth.default(scopes=scopes)
    outcome = _service_account(login, scopes)
    if isinstance(outcome, GcpError):
        raise outcome
    return outcome, outcome.project_id


def _workload(config: dict[str, Any], scopes: list[str]) -> tuple[Any, str | None]:
    """As Google's own rules choose the class, which also ask for the project's name: here nothing is asked yet."""
    from google.auth import aws, identity_pool, pluggable

    source = config.get("credential_source")
    is_aws = config.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request"
    is_program = isinstance(source, dict) and "executable" in source
    kind: Any = aws if is_aws else pluggable if is_program else identity_pool
    outcome: Any = None
    try:
        outcome = kind.Credentials.from_info(config, scopes=scopes)
    except Exception as exc:  # which of its parts is missing or odd is found in many places
        why = type(exc).__name__
    if outcome is None:
        raise GcpLoginMissing(
            f"The configuration of the workload identity cannot be used: it is malformed or incomplete ({why}).",
            "Save it again as `gcloud iam workload-identity-pools create-cred-config` wrote it.",
        )
    return outcome, None


def _service_account(login: Login, scopes: list[str]) -> Any:
    """The credentials, or why there are none, without the frames in which the key lies."""
    from google.oauth2.service_account import Credentials as ServiceAccount

    made: Any = ServiceAccount
    try:
        if login.info is not None:
            return made.from_service_account_info(login.info, scopes=scopes)
        return made.from_service_account_file(os.path.expanduser(str(login.file)), scopes=scopes)
    except OSError as exc:
        why = f"its file cannot be read ({exc.strerror or type(exc).__name__})"
    except Exception as exc:  # a key that is cut off fails in many ways, deep in the libraries
        why = f"its key is malformed or incomplete ({type(exc).__name__})"
    return GcpLoginMissing(
        f"The service account cannot be used: {why}.", "Save the JSON of its key again, as Google's console gives it."
    )


def retrying(seconds: float) -> dict[str, Any]:
    """Keyword arguments for a call that may take so long in all: what is away for a moment is asked again."""
    require_extra("google.api_core", extra="gcp")
    from google.api_core import exceptions, retry

    def is_passing(exc: BaseException) -> bool:
        return isinstance(exc, exceptions.ServiceUnavailable) and _OF_LOGIN not in str(exc)

    again = retry.Retry(
        predicate=is_passing, initial=0.1, maximum=0.5, multiplier=2, timeout=min(_RETRIES_SECONDS, seconds)
    )
    return {"retry": again, "timeout": seconds}


_pool: ClientPool[Any] = ClientPool(_CLIENTS)


def client(service: Service, login: Callable[[], Login], endpoint: Endpoint | None = None) -> Any:
    """The process' client of a service for this login and endpoint. It may be used by many threads.

    :param login: asked for only where the endpoint takes credentials.
    :param endpoint: by default what the service's variable says, else Google's own.
    :raises GcpLoginMissing: there are no credentials, or they are malformed.
    :raises MissingExtra: Google's libraries are not installed.
    """
    endpoint = endpoint or of_environment(service.variable)
    who = None if endpoint is not None and endpoint.is_plain else login()
    return kept(service, who, endpoint, lambda: _made(service, who, endpoint))


def kept(what: object, login: Login | None, endpoint: Endpoint | None, make: Callable[[], Any]) -> Any:
    """What the process has for this login and endpoint; the first time, what ``make`` returns."""
    return _pool.get(_identity(what, login, endpoint), make)


def of_environment(variable: str, *, emulator: bool = False) -> Endpoint | None:
    """The endpoint that a variable names.

    :param emulator: see :meth:`Endpoint.parse`.
    :raises GcpLoginMissing: it names none.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return Endpoint.parse(text, emulator=emulator)
    except ValueError as exc:
        raise GcpLoginMissing(f"The endpoint in {variable} {exc}.", "Correct or unset the variable.") from None


def _made(service: Service, login: Login | None, endpoint: Endpoint | None) -> Any:
    module: Any = require_extra(service.module, extra="gcp")
    _keep_bodies_out_of_logs(service)
    make = getattr(module, service.client)
    if login is None:
        assert endpoint is not None  # noqa: S101
        import grpc

        channel = grpc.insecure_channel(endpoint.target, options=[("grpc.enable_http_proxy", 0)])
        transports: Any = require_extra(f"{service.module}.transports", extra="gcp")
        return make(transport=getattr(transports, service.transport)(channel=channel))
    found, _ = credentials_of(login)
    options = {"api_endpoint": endpoint.target} if endpoint is not None else None
    return asked("this login", lambda: make(credentials=found, client_options=options))


def _keep_bodies_out_of_logs(service: Service) -> None:
    """The client writes each request and answer, which are keys and secrets here, to a logger of its own at DEBUG."""
    logging.getLogger(f"{service.module}.transports.grpc").addFilter(_without_bodies)


def _without_bodies(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _identity(what: object, login: Login | None, endpoint: Endpoint | None) -> tuple[object, ...]:
    """All that makes one client another, a file that was written again included."""
    who = [getattr(login, name) for name in Login.__slots__] if login is not None else None
    around = sorted(item for item in os.environ.items() if item[0].startswith(("GOOGLE_", "CLOUDSDK_")))
    file = (login.file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")) if login is not None else None
    return what, who, endpoint, around, _time_of(file) if file else None


def _time_of(file: str) -> int | None:
    try:
        return os.stat(os.path.expanduser(file)).st_mtime_ns
    except OSError:
        return None
