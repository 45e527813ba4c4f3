"""A stage over the bucket of a block, so that Snowflake reads and writes there by itself."""

from __future__ import annotations

import re
from typing import Any

from strongroom import redactor

from strongroom_snowflake.errors import StatementInvalid
from strongroom_snowflake.staging import literal

_SCHEMES = {"s3": "s3", "gs": "gcs", "gcs": "gcs"}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def is_reachable(store: Any) -> bool:
    """Whether Snowflake can reach a store by itself: a bucket at AWS or Google, not one at an endpoint of its own."""
    scheme = _url(store).partition("://")[0]
    if scheme not in _SCHEMES:
        return False
    parameters = getattr(getattr(store, "credentials", None), "aws_client_parameters", None)
    return not getattr(parameters, "endpoint_url", None)


def options(store: Any, storage_integration: str | None) -> str:
    """What CREATE STAGE says of a store: where it is, and by which right Snowflake gets there. The keys of the block's
    credentials may stand in it; Snowflake masks them in its history, and they are registered to be masked here.

    :raises StatementInvalid: it takes a storage integration.
    """
    scheme, _, rest = _url(store).partition("://")
    url = f"url = {literal(_SCHEMES[scheme] + '://' + rest.rstrip('/') + '/')}"
    if storage_integration is not None:
        if not _WORD.fullmatch(storage_integration):
            raise StatementInvalid(
                f"{storage_integration!r:.80} names no storage integration.",
                "Give the name that SHOW INTEGRATIONS has.",
            )
        return f"{url} storage_integration = {storage_integration}"
    if scheme != "s3":
        raise StatementInvalid(
            "Snowflake gets at a bucket of Google Cloud by a storage integration alone.",
            "Have an administrator make one, and name it in storage_integration.",
        )
    return f"{url} credentials = ({_keys(store.credentials.environment())})"


def matching(pattern: str) -> str:
    """The clause of COPY for a pattern as shells have it."""
    if pattern in ("*", "**", "**/*"):
        return ""
    text = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return f"pattern = {literal(f'.*{text}')}"


def _keys(variables: dict[str, str]) -> str:
    named = {
        "aws_key_id": variables.get("AWS_ACCESS_KEY_ID"),
        "aws_secret_key": variables.get("AWS_SECRET_ACCESS_KEY"),
        "aws_token": variables.get("AWS_SESSION_TOKEN"),
    }
    for name in ("aws_secret_key", "aws_token"):
        if secret := named[name]:
            redactor.register(secret)
    return " ".join(f"{name} = {literal(value)}" for name, value in named.items() if value)


def _url(store: Any) -> str:
    return str(store.url()) if hasattr(store, "url") else ""
