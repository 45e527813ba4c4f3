"""A login as pandas, polars and DuckDB want to be told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from strongroom.stores import Library

    from strongroom_aws.credentials import AwsCredentials, MinIOCredentials


def options_for(library: Library, credentials: AwsCredentials | MinIOCredentials) -> dict[str, Any]:
    """What ``library`` takes, secrets in clear.

    :raises CredentialsMissing: there are none, or no such profile.
    :raises ValueError: no such library is known.
    """
    makers = {"pandas": _pandas, "polars": _polars, "duckdb": _duckdb}
    if library not in makers:
        raise ValueError(f'Options are made for "pandas", "polars" or "duckdb", not {library!r}.')
    parameters = credentials.aws_client_parameters
    trusted = str(parameters.verify_cert_path) if parameters.verify_cert_path else parameters.verify
    options = makers[library](credentials.environment(), trusted)
    return {name: value for name, value in options.items() if value not in (None, {})}


def _pandas(login: dict[str, str], trusted: str | bool | None) -> dict[str, Any]:
    more = {"region_name": login.get("AWS_DEFAULT_REGION"), "verify": trusted}
    return {
        "key": login["AWS_ACCESS_KEY_ID"],
        "secret": login["AWS_SECRET_ACCESS_KEY"],
        "token": login.get("AWS_SESSION_TOKEN"),
        "endpoint_url": login.get("AWS_ENDPOINT_URL"),
        "client_kwargs": {name: value for name, value in more.items() if value is not None},
    }


def _polars(login: dict[str, str], trusted: str | bool | None) -> dict[str, Any]:
    endpoint = login.get("AWS_ENDPOINT_URL")
    return {
        "aws_access_key_id": login["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": login["AWS_SECRET_ACCESS_KEY"],
        "aws_session_token": login.get("AWS_SESSION_TOKEN"),
        "aws_region": login.get("AWS_DEFAULT_REGION"),
        "aws_endpoint_url": endpoint,
        "aws_allow_http": "true" if endpoint and endpoint.startswith("http://") else None,
        "aws_allow_invalid_certificates": "true" if trusted is False else None,
    }


def _duckdb(login: dict[str, str], _trusted: str | bool | None) -> dict[str, Any]:
    endpoint = urlsplit(login.get("AWS_ENDPOINT_URL", ""))
    return {
        "TYPE": "s3",
        "KEY_ID": login["AWS_ACCESS_KEY_ID"],
        "SECRET": login["AWS_SECRET_ACCESS_KEY"],
        "SESSION_TOKEN": login.get("AWS_SESSION_TOKEN"),
        "REGION": login.get("AWS_DEFAULT_REGION"),
        "ENDPOINT": endpoint.netloc or None,
        "URL_STYLE": "path" if endpoint.netloc else None,
        "USE_SSL": endpoint.scheme == "https" if endpoint.netloc else None,
    }
