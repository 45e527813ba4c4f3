"""Requests that the service itself sends, to whoever vouches for people and machines."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from strongroom_registry.remote.address import is_loopback

from strongroom_service.errors import InvalidRequest, ProviderUnavailable

if TYPE_CHECKING:
    from urllib3 import PoolManager

SIZE_MAX = 1024 * 1024
_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 5, 10, 15


def check_address(url: str) -> None:
    """Whether an address may be asked: over TLS, or on this machine.

    :raises InvalidRequest: it may not.
    """
    scheme, host = scheme_and_host(url)
    if host and (scheme == "https" or (scheme == "http" and is_loopback(host))):
        return
    raise InvalidRequest("The address of a provider is not of https://.", "http:// is for this machine's own alone.")


def scheme_and_host(url: str) -> tuple[str, str]:
    """Two parts of an address; the host is empty where it has none, has a user besides, or is no address at all."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is looked at only now
    except ValueError:
        return "", ""
    return parts.scheme, "" if parts.username else parts.hostname or ""


def check_authorities(ca: str) -> None:
    """Whether certificates can be read, of those who sign a provider's.

    :raises InvalidRequest: they cannot.
    """
    try:
        ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, TypeError, ValueError):
        raise InvalidRequest("The ca of the provider holds no certificates that can be read.", "Give PEM.") from None


def fetched(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    ca: str = "",
) -> tuple[int, bytes]:
    """The status and the body of an answer. Redirects are not followed, and nothing is sent twice.

    :param ca: certificates that the other side's is signed by, as PEM; the system's where it is empty.
    :raises ProviderUnavailable: there is no answer, or too long a one; or there was none before, and somebody else
        tries now whether there is one again.
    """
    check_address(url)
    with _AWAY.asking(url):
        return _fetched(method, url, headers, form, body, ca)


def _fetched(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    form: Mapping[str, str] | None,
    body: bytes | None,
    ca: str,
) -> tuple[int, bytes]:
    from urllib3.exceptions import HTTPError

    said = dict(headers or {})
    if form is not None:
        body = urlencode(form).encode()
        said["content-type"] = "application/x-www-form-urlencoded"
    try:
        answer = _pool(ca).request(method, url, headers=said, body=body, redirect=False, preload_content=False)
        try:
            content = answer.read(SIZE_MAX + 1, decode_content=True)
        finally:
            answer.close()
    except (HTTPError, OSError, ValueError):
        raise _away(url, "cannot be reached") from None
    if len(content) > SIZE_MAX:
        raise _away(url, "sends too much")
    return answer.status, content


class Away:
    """Which hosts did not answer. One at a time tries whether such a host does again, and all others are told at once
    that it does not: else whoever asks for logins could have all threads wait for a host that is away."""

    def __init__(self) -> None:
        self._hosts: set[str] = set()
        self._tried: set[str] = set()
        self._lock = Lock()

    @contextmanager
    def asking(self, url: str) -> Iterator[None]:
        """Stands around a request.

        :raises ProviderUnavailable: the host is away, and is being tried.
        """
        host = urlsplit(url).netloc
        with self._lock:
            tries = host in self._hosts
            if tries and host in self._tried:
                raise _away(url, "cannot be reached")
            if tries:
                self._tried.add(host)
        try:
            yield
        except ProviderUnavailable:
            with self._lock:
                self._hosts.add(host)
            raise
        else:
            with self._lock:
                self._hosts.discard(host)
        finally:
            if tries:
                with self._lock:
                    self._tried.discard(host)


_AWAY = Away()


def fetched_json(url: str, **how: Any) -> dict[str, Any]:
    """The JSON object at an address. Takes what :func:`fetched` takes, and raises likewise for what is none."""
    status, content = fetched("GET", url, headers={"accept": "application/json"}, **how)
    value = as_object(content) if status == 200 else None
    if value is None:
        raise _away(url, "does not answer as expected")
    return value


def as_object(content: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@lru_cache(maxsize=32)
def _pool(ca: str) -> PoolManager:
    from urllib3 import PoolManager, Timeout

    timeout = Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS, total=_TOTAL_SECONDS)
    trusted: dict[str, Any] = {"ca_cert_data": ca} if ca else {}
    return PoolManager(retries=False, timeout=timeout, maxsize=4, cert_reqs="CERT_REQUIRED", **trusted)


def _away(url: str, what: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"The identity provider at {urlsplit(url).hostname} {what}.", "Try again later, or look at its settings."
    )
