"""From a login to a boto3 session, and to the one client that a process has for each login and service."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom import redactor, require_extra
from strongroom.client_pool import ClientPool

from strongroom_aws.client_parameters import AwsClientParameters
from strongroom_aws.errors import CredentialsMissing
from strongroom_aws.faults import told

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import Credentials
    from botocore.loaders import Loader
    from botocore.session import Session as CoreSession

_FALLBACK_REGION = "us-east-1"
_CLIENTS = 32


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who asks, and where: what sessions and clients are made of, in clear. Lives in memory alone."""

    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    profile: str | None = None
    region: str | None = None
    role_arn: str | None = None
    token_file: str | None = None
    role_arguments: dict[str, Any] = field(default_factory=dict)
    parameters: AwsClientParameters = field(default_factory=AwsClientParameters)


def session(login: Login) -> boto3.Session:
    """A new session; one that assumes a role renews itself before it expires, as long as it is used.

    :raises CredentialsMissing: there is no such profile, or nothing to assume the role with.
    """
    boto3 = require_extra("boto3", extra="aws")
    with told():
        core = _core(login)
        if login.role_arn:
            core = _assuming(login.role_arn, core, login)
        return boto3.Session(botocore_session=core, region_name=login.region)  # type: ignore[no-any-return]


def _core(login: Login) -> CoreSession:
    core = _new_core(login.profile)
    if login.access_key_id and login.secret_access_key:
        core.set_credentials(login.access_key_id, login.secret_access_key, login.session_token)
    if login.region:
        core.set_config_variable("region", login.region)
    return core


def _new_core(profile: str | None) -> CoreSession:
    from botocore.session import Session

    core = Session(profile=profile)
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    return core


def _moment(value: Any) -> datetime:
    """The SDK's own parser takes half of the time of a listing: it takes any form, of which S3 uses one."""
    from botocore.utils import parse_timestamp

    if isinstance(value, str) and value[10:11] == "T":
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return parse_timestamp(value)


@cache
def _loader(data_path: str | None) -> Loader:
    """Shared by all sessions: to read the description of S3 takes ten times as long as to make a client from it."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _assuming(role_arn: str, source: CoreSession, login: Login) -> CoreSession:
    """A session whose only provider of credentials assumes the role with those of ``source``."""
    from botocore.credentials import CredentialResolver

    core = _new_core(login.profile)
    resolver = CredentialResolver(providers=[_role_provider(role_arn, source, login)])
    core.register_component("credential_provider", resolver)
    return core


def _role_provider(role_arn: str, source: CoreSession, login: Login) -> Any:
    from botocore.credentials import CredentialProvider, DeferredRefreshableCredentials

    fetcher = _by_token(role_arn, source, login) if login.token_file else _by_keys(role_arn, source, login)

    def fetch() -> dict[str, Any]:
        fetched: dict[str, Any] = fetcher.fetch_credentials()
        redactor.register([fetched["secret_key"], fetched["token"]])
        return fetched

    class RoleProvider(CredentialProvider):
        METHOD = "assume-role"

        def load(self) -> Credentials:
            return DeferredRefreshableCredentials(refresh_using=fetch, method=self.METHOD)

    return RoleProvider()


def _by_keys(role_arn: str, source: CoreSession, login: Login) -> Any:
    from botocore.credentials import AssumeRoleCredentialFetcher

    credentials = source.get_credentials()
    if credentials is None:
        raise CredentialsMissing(
            f"No credentials were found to assume the role {role_arn!r} with.",
            "Give the credentials block keys or a profile besides the role, or this machine a role of its own.",
        )
    return AssumeRoleCredentialFetcher(
        client_creator=_sts(source, login),
        source_credentials=credentials,
        role_arn=role_arn,
        extra_args={name: value for name, value in login.role_arguments.items() if name != "TokenCode"},
        mfa_prompter=_one_token(login),
    )


def _by_token(role_arn: str, source: CoreSession, login: Login) -> Any:
    """The token is read anew each time, as who gives it out replaces the file before it expires."""
    from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher

    def token() -> str:
        try:
            found = Path(str(login.token_file)).read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise CredentialsMissing(
                f"The token for the role {role_arn!r} cannot be read: {problem}.",
                "Correct web_identity_token_file, or mount the token there.",
            ) from None
        redactor.register([found])
        return found

    return AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=_sts(source, login),
        web_identity_token_loader=token,
        role_arn=role_arn,
        extra_args=login.role_arguments,
    )


def _sts(source: CoreSession, login: Login) -> Any:
    return partial(
        source.create_client,
        region_name=source.get_config_variable("region") or _FALLBACK_REGION,
        **login.parameters.arguments("sts"),
    )


def _one_token(login: Login) -> Callable[[str], str]:
    """Answers the question for the MFA device's code, once: nobody can be asked in the middle of a run."""
    tokens = [login.role_arguments["TokenCode"]] if "TokenCode" in login.role_arguments else []

    def answer(_question: str) -> str:
        if tokens:
            return str(tokens.pop())
        raise CredentialsMissing(
            f"The role {login.role_arn!r} needs a new code from the MFA device.",
            "Save the credentials block again with TokenCode; for unattended runs, use a role that needs no MFA.",
        )

    return answer


_pool: ClientPool[Any] = ClientPool(_CLIENTS)


def client(login: Login, service: str) -> Any:
    """The process' client for this login and service; boto3's clients are safe to share between threads.

    A block with changed values is another login, so a rotated key gets a new client at once; the ones that were not
    used for longest are let go.

    :raises CredentialsMissing: see :func:`session`.
    """

    def make() -> Any:  # by one thread at a time: sessions may not be used by two
        with told():
            return session(login).client(service, **login.parameters.arguments(service))

    return _pool.get(_identity(login, service), make)


def _identity(login: Login, service: str) -> tuple[object, ...]:
    """All that makes one client another."""
    config = login.parameters.config
    return (
        service,
        *(getattr(login, name) for name in Login.__slots__ if name != "parameters"),
        login.parameters.model_dump_json(exclude={"config"}),
        config.get_secret_value() if config else None,
        _surroundings(login),
    )


def _surroundings(login: Login) -> list[object]:
    """What the SDK reads besides the login: its environment variables, and its files where keys may come from them."""
    names = sorted(name for name in os.environ if name.startswith("AWS_"))  # asked for each of many small objects
    seen: list[object] = [(name, os.environ.get(name)) for name in names]
    if not login.access_key_id:
        files = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
        for variable, usual in files.items():
            path = Path(os.environ.get(variable, usual)).expanduser()
            seen.append(path.stat().st_mtime_ns if path.exists() else None)
    return seen
