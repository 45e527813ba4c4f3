"""What the client library raises, told in our words: ``with told("get", "/v1/kv/data/crm", address): …``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from strongroom import StrongroomError, redactor

from strongroom_vault.errors import (
    VaultAbsent,
    VaultAnswerUnusable,
    VaultDenied,
    VaultError,
    VaultLoginRefused,
    VaultRefused,
    VaultSealed,
    VaultStale,
    VaultUnreachable,
)

T = TypeVar("T")
_SHOWN = 300


def asked(call: Callable[[], T]) -> T:
    """What ``call`` returns, or its error without the frames in which tokens, requests and answers lie."""
    try:
        outcome: T | VaultError = call()
    except VaultError as exc:
        outcome = type(exc)(exc.problem, exc.remedy)
    if isinstance(outcome, VaultError):
        raise outcome
    return outcome


@contextmanager
def told(method: str, url: str, address: str) -> Iterator[None]:
    """Turns the exceptions of hvac and requests into ours, which name the path and hold nothing of the request."""
    try:
        yield
    except StrongroomError:
        raise
    except Exception as exc:
        problem = explain(exc, method, url, address)
        if problem is None:
            raise
        raise problem from None


def explain(exc: Exception, method: str, url: str, address: str) -> VaultError | None:
    """Our error for the library's; ``None`` for an exception that is not one of its."""
    import hvac.exceptions
    import requests.exceptions
    import urllib3.exceptions

    path, place = path_of(url), shown(address)
    if isinstance(exc, hvac.exceptions.VaultError):
        return _refusal(exc, method, path, place)
    if isinstance(exc, requests.exceptions.RequestException | urllib3.exceptions.HTTPError):
        return _unsent(exc, place)
    if isinstance(exc, RecursionError | UnicodeError | OSError):
        return VaultAnswerUnusable(
            f"The answer of {place} for {path} makes no sense ({type(exc).__name__}).",
            "Check that the address is Vault's.",
        )
    return None


def _refusal(exc: object, method: str, path: str, place: str) -> VaultError:
    import hvac.exceptions as sdk

    said = _said(exc)
    words = f": {said}" if said else ""
    is_login = path.startswith("auth/") and path.endswith("/login")
    if is_login and isinstance(exc, sdk.InvalidRequest | sdk.Forbidden | sdk.Unauthorized | sdk.InvalidPath):
        return VaultLoginRefused(
            f"Vault at {place} refused the login at {path}{words}.",
            "Check the role, its secret and the mount of the Vault credentials.",
        )
    if isinstance(exc, sdk.Forbidden | sdk.Unauthorized):
        return VaultDenied(
            f"Vault at {place} denies {method.upper()} {path}.",
            "Grant the token's policy the right to it; a token that ran out is refused with the same word.",
        )
    if isinstance(exc, sdk.InvalidPath):
        gone = _gone(exc)
        if gone:
            return VaultAbsent(f"What Vault at {place} had at {path} was {gone}.", "Name another version of it.")
        return VaultAbsent(
            f"Vault at {place} has nothing at {path}{words}.", "Check the mount, the path and the namespace."
        )
    if isinstance(exc, sdk.VaultDown) and "sealed" in said:
        return VaultSealed(f"Vault at {place} is sealed.", "Unseal it; nothing was changed.")
    if isinstance(exc, sdk.VaultNotInitialized):
        return VaultSealed(f"Vault at {place} is not initialised.", "Initialise and unseal it.")
    if isinstance(exc, sdk.RateLimitExceeded | sdk.InternalServerError | sdk.BadGateway | sdk.VaultDown):
        return VaultUnreachable(
            f"Vault at {place} could not answer for {path} ({type(exc).__name__}{words}).", "Try again later."
        )
    if isinstance(exc, sdk.InvalidRequest) and "check-and-set" in said:
        return VaultStale(
            f"Vault at {place} did not write {path}{words}.", "Read the newest version, and write what follows from it."
        )
    if isinstance(exc, sdk.InvalidRequest):
        return VaultRefused(f"Vault at {place} refused {path}{words}.", "Correct what was asked for.")
    return VaultAnswerUnusable(
        f"The answer of {place} for {path} is none of Vault's ({type(exc).__name__}).",
        "Check that the address is Vault's.",
    )


def _said(exc: object) -> str:
    """Vault's own words: its errors alone, never the text of a page that is not Vault's."""
    errors = getattr(exc, "errors", None)
    if not isinstance(errors, list):
        return ""
    text = "; ".join(error for error in errors if isinstance(error, str))
    return redactor.redact(" ".join(text.split()))[:_SHOWN].rstrip(".")


def _gone(exc: object) -> str:
    """How a version went that is not found: such an answer has its metadata."""
    answer = getattr(exc, "json", None)
    data = answer.get("data") if isinstance(answer, dict) else None
    metadata = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(metadata, dict):
        return ""
    return "destroyed" if metadata.get("destroyed") else "deleted"


def _unsent(exc: Exception, place: str) -> VaultError:
    import requests.exceptions as sdk
    import urllib3.exceptions

    if isinstance(exc, sdk.SSLError):
        return VaultUnreachable(
            f"The server at {place} could not prove who it is.",
            "Name the certificates of its authority in ca_cert_path of the Vault credentials, or in VAULT_CACERT.",
        )
    if isinstance(exc, sdk.Timeout | urllib3.exceptions.TimeoutError):
        return VaultUnreachable(
            f"Vault at {place} did not answer within the time.",
            "Check the network, or raise timeout_seconds of the Vault credentials.",
        )
    if isinstance(
        exc,
        sdk.ChunkedEncodingError | sdk.ContentDecodingError | sdk.JSONDecodeError | urllib3.exceptions.HTTPError,
    ):
        return VaultAnswerUnusable(
            f"The answer of {place} broke off, or makes no sense.", "Check that the address is Vault's."
        )
    if isinstance(exc, sdk.ConnectionError):
        return VaultUnreachable(f"Nobody answers at {place}.", "Check the address, the network and any proxy.")
    return VaultRefused(
        f"The request to {place} could not be made ({type(exc).__name__}).", "Correct the address of Vault."
    )


def path_of(url: str) -> str:
    """The path in Vault that a URL asks for."""
    return unquote(url.partition("?")[0]).strip("/").removeprefix("v1/")


def shown(address: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
