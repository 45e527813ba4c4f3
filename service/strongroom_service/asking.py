"""Asking a server from outside, at an address and under a certificate that the caller names."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom_registry.errors import InvalidConfiguration, ServerUntrusted, StoreProblem, StoreUnavailable
from strongroom_registry.remote.address import Address
from strongroom_registry.remote.settings import RemoteSettings


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What is sent goes to the address that was named, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask_at(
    url: str,
    path: str,
    *,
    seconds: float,
    method: str = "GET",
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    authority: Path | None = None,
    any_certificate: bool = False,
    is_secret: bool = False,
) -> tuple[int, dict[str, Any]]:
    """What a server answers: the status, and the object in the body. No proxy is used and no redirect followed.

    :param url: the address of the server, to which the path is added.
    :param seconds: how long it may take.
    :param body: sent as JSON; it never stands in an error.
    :param authority: a PEM file with the certificate of whoever signed the server's.
    :param any_certificate: whether any certificate will do.
    :param is_secret: whether what is sent is not for everybody on the way: then ``http://`` is taken to this machine
        alone, unless ``STRONGROOM_INSECURE`` says otherwise.
    :raises InvalidConfiguration: the address is none, or others would read along; or the file is none.
    :raises ServerUntrusted: the server cannot prove that it is the one.
    :raises StoreUnavailable: nobody answers there, or it is no Strongroom.
    """
    if not url.startswith(("http://", "https://")):
        raise StoreUnavailable(
            f"{url!r} is no address of a server.", "Give one such as https://strongroom.example.com."
        )
    address = Address.parse(url, insecure=not is_secret or RemoteSettings().insecure)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}{path}", data, dict(headers or {}), method=method)  # noqa: S310
    tls = urllib.request.HTTPSHandler(context=_trust(authority, any_certificate))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects, tls)
    try:
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, _read(url, answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _read(url, error.read())
    except urllib.error.URLError as error:
        raise _away(url, error.reason) from None
    except http.client.HTTPException:
        raise no_strongroom(url) from None
    except OSError as error:
        raise _away(url, error) from None


def no_strongroom(url: str) -> StoreUnavailable:
    """The error that somebody else answers there."""
    return StoreUnavailable(f"What answers at {url} is no Strongroom server.", "Give the address of one.")


def _trust(authority: Path | None, any_certificate: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError:
        raise InvalidConfiguration(
            f"{authority} is no file of certificates that can be read.", "Give one in PEM to --cacert."
        ) from None
    if any_certificate:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read(url: str, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise no_strongroom(url)
    return found


def _away(url: str, why: object) -> StoreProblem:
    if isinstance(why, ssl.SSLCertVerificationError):
        return ServerUntrusted(
            f"{url} cannot prove who it is: {why.verify_message}.",
            "Give --cacert the certificate of whoever signed the server's, or find out who answers there.",
        )
    if isinstance(why, ssl.SSLError):
        return StoreUnavailable(f"What answers at {url} speaks no TLS.", "See whether it is to be http:// there.")
    if isinstance(why, TimeoutError):
        return StoreUnavailable(f"Nobody answers at {url} in time.", "See whether the server runs there.")
    text = getattr(why, "strerror", None) or str(why)
    problem = f"Nobody answers at {url}: {text[:1].lower()}{text[1:]}."
    return StoreUnavailable(problem, "See whether the server runs there.")
