"""Requests to one server: over connections that are kept, with a token, and within limits of time and size."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel, SecretStr, ValidationError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from strongroom_registry.errors import (
    InvalidConfiguration,
    ServerMisspoke,
    ServerUnreachable,
    ServerUntrusted,
    StrongroomError,
    TokenRefused,
)
from strongroom_registry.remote.address import Address
from strongroom_registry.remote.problems import error_of, pending_of
from strongroom_registry.remote.token import Bearer

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

ANSWER_MAX = 32 * 1024 * 1024
"""The largest answer that is read, in bytes, where no other limit is given."""
DOCUMENT_MAX = 96 * 1024 * 1024
"""The largest answer with a document: a payload of 64 MiB in base64, and its public fields."""
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
_TRIES = 3
_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5
_CONNECTIONS = 256
_AGAIN = frozenset({429, 502, 503, 504})

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no error. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    server: str

    def read(self, model: type[M]) -> M:
        """What it says; raises ServerMisspoke."""
        try:
            return model.model_validate_json(self.body)
        except ValidationError:  # its text may quote a payload
            raise _misspoke(self.server, "answered something else than was asked for") from None


@dataclass(frozen=True, slots=True)
class _Question:
    """A request, but for who sends it. ``path`` has the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)
    again: bool
    limit: int
    seconds: float


class Connection:
    """A server, and a token to be known by. Safe to use from several threads; after a fork, call :meth:`after_fork`.

    Certificates are always checked. No redirect is followed, so that the token goes to no other address.

    :param ca: a file of certificates that the server's is signed by; the system's, if there is none.
    :param connect_seconds, read_seconds: how long a connection, and each part of an answer, is waited for.
    :param tries: how often a request is sent again.
    :raises InvalidConfiguration: ``ca`` is no such file.
    """

    def __init__(
        self,
        address: Address,
        bearer: Bearer,
        *,
        ca: Path | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        tries: int | None = None,
    ) -> None:
        self._tries = _TRIES if tries is None else tries
        self.address = address
        self._bearer = bearer
        self._tls = _tls(ca) if address.scheme == "https" else None
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._pool = self._new_pool()

    def token(self) -> str:
        """The token that is sent; raises TokenRefused."""
        return self._bearer.token()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
        limit: int = ANSWER_MAX,
        seconds: float | None = None,
    ) -> Reply:
        """Ask, and once more where the server could not answer.

        :param path: below ``/api/v1``, its segments quoted (:func:`at`).
        :param again: whether asking twice does no harm; else only what never reached the server is asked again.
        :param limit: the largest answer, in bytes.
        :param seconds: how long each part of the answer is waited for.
        :raises ServerUnreachable: it is away, or cannot answer now.
        :raises ServerUntrusted: it cannot prove that it is the server.
        :raises ServerMisspoke: it gave an answer that is none.
        :raises StrongroomError: what it says went wrong.
        """
        question = _Question(
            method, f"{path}{_query(query)}", headers or {}, _sent(body), again, limit, seconds or self._read_seconds
        )
        return self._known(lambda token: self._asked(question, token))

    def stream(
        self,
        path: str,
        *,
        method: str = "GET",
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float,
    ) -> urllib3.BaseHTTPResponse:
        """An answer that is read as it comes; whoever has it closes it. Raises what :meth:`ask` raises.

        :param seconds: how long each part is waited for.
        """
        every = {"Accept": "text/event-stream", **(headers or {})}
        question = _Question(method, path, every, _sent(body), False, ANSWER_MAX, seconds)
        return self._known(lambda token: self._streamed(question, token))

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()

    def after_fork(self) -> None:
        """The parent's connections are the parent's."""
        self._pool = self._new_pool()

    def _known(self, ask: Callable[[SecretStr], T]) -> T:
        """Ask as whom the server knows; again, where another token is kept than the one that it does not take."""
        token = SecretStr(self.token())  # no frame that raises shows it
        try:
            return ask(token)
        except TokenRefused:
            if not self._bearer.renew(token.get_secret_value()):
                raise
        return ask(SecretStr(self.token()))

    def _streamed(self, question: _Question, token: SecretStr) -> urllib3.BaseHTTPResponse:
        try:
            response = self._response(question, token)
            if response.status != 200:
                reply = self._check(self._reply(response, question.limit))
                raise _misspoke(reply.server, "told of nothing")
        except (HTTPError, OSError) as exc:
            self._failed(exc)
        return response

    def _asked(self, question: _Question, token: SecretStr) -> Reply:
        retries = _retries(self._tries, question.again)
        while True:
            try:
                response = self._response(question, token)
                reply = self._reply(response, question.limit)
                if reply.status not in _AGAIN or not (question.again or reply.status == 429):
                    return self._check(reply)
                retries = retries.increment(question.method, question.path, response=response)
            except MaxRetryError:
                return self._check(reply)
            except (HTTPError, OSError) as exc:
                retries, response = self._counted(retries, question, exc), None
            time.sleep(_pause(retries, response))

    def _counted(self, retries: urllib3.Retry, question: _Question, exc: Exception) -> urllib3.Retry:
        """One request fewer that is left, where another one may and could do."""
        arrived = not isinstance(exc, NewConnectionError | ConnectTimeoutError)
        if isinstance(exc, SSLError) or (arrived and not question.again):
            self._failed(exc)
        try:
            return retries.increment(question.method, question.path, error=_as_read_error(exc))
        except (HTTPError, OSError):
            self._failed(exc)

    def _response(self, question: _Question, token: SecretStr) -> urllib3.BaseHTTPResponse:
        every = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "strongroom",
            "Authorization": f"Bearer {token.get_secret_value()}",
            **question.headers,
        }
        if question.body is not None:
            every["Content-Type"] = "application/json"
        return self._pool.urlopen(
            question.method,
            f"{self.address.path}/api/v1{question.path}",
            body=question.body,
            headers=every,
            retries=False,  # counted here, where a body that is cut counts too
            redirect=False,
            timeout=urllib3.Timeout(connect=self._connect_seconds, read=question.seconds),
            preload_content=False,
            decode_content=False,
        )

    def _reply(self, response: urllib3.BaseHTTPResponse, limit: int) -> Reply:
        body = self._body(response, limit)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, headers, body, str(self.address))

    def _body(self, response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
        try:
            declared = response.headers.get("Content-Length", "")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _misspoke(str(self.address), "answered in a form that was not asked for")
            parts: list[bytes] = []
            size = 0
            too_large = declared.isdecimal() and (len(declared) > 15 or int(declared) > limit)
            while not too_large and (part := response.read(1024 * 1024)):
                parts.append(part)
                size += len(part)
                too_large = size > limit
            if too_large:
                raise _misspoke(str(self.address), f"answered with more than {limit} bytes")
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return b"".join(parts)

    def _check(self, reply: Reply) -> Reply:
        if reply.status >= 400:
            raise error_of(reply.status, reply.body, reply.server)
        if reply.status == 202 and (pending := pending_of(reply.body)) is not None:
            raise pending
        if 300 <= reply.status < 400 and reply.status != 304:
            raise ServerMisspoke(
                f"{self.address} sends its callers elsewhere (HTTP {reply.status}), where the token does not go.",
                "Set STRONGROOM_REGISTRY to the address that is meant.",
            )
        return reply

    def _failed(self, exc: Exception) -> NoReturn:
        if isinstance(exc, StrongroomError):
            raise exc
        if isinstance(exc, SSLError | ssl.SSLError):
            if _speaks_no_tls(exc):
                raise ServerUntrusted(
                    f"What answers at {self.address} speaks no TLS.",
                    "Name a server that does, or one of this machine by http://.",
                ) from None
            raise ServerUntrusted(
                f"{self.address} cannot prove who it is: {_why_untrusted(exc)}.",
                "Set STRONGROOM_CA to the certificates that it is signed by, or find out who answers there.",
            ) from None
        raise ServerUnreachable(
            f"{self.address} cannot be reached: {_why_away(exc)}.",
            "See whether the server runs and STRONGROOM_REGISTRY names its address, and try again.",
        ) from None

    def _new_pool(self) -> urllib3.HTTPConnectionPool:
        host, port = self.address.host, self.address.port
        if self._tls is None:
            return urllib3.HTTPConnectionPool(host, port, maxsize=_CONNECTIONS)
        return urllib3.HTTPSConnectionPool(host, port, maxsize=_CONNECTIONS, ssl_context=self._tls)

    def __repr__(self) -> str:
        return f"Connection({str(self.address)!r})"


def at(*segments: str) -> str:
    """A path of segments, each quoted."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def _sent(body: BaseModel | None) -> bytes | None:
    return None if body is None else body.model_dump_json(by_alias=True).encode()


def _query(query: Query | None) -> str:
    said = {name: str(value).lower() if isinstance(value, bool) else value for name, value in (query or {}).items()}
    text = urlencode({name: value for name, value in said.items() if value is not None})
    return f"?{text}" if text else ""


def _retries(tries: int, again: bool) -> urllib3.Retry:
    """A request that never arrived can be sent again, whatever it is."""
    return urllib3.Retry(
        total=tries,
        connect=tries,
        read=tries if again else 0,
        other=tries if again else 0,
        status=max(0, tries - 1),
        redirect=0,
        status_forcelist=_AGAIN,
        allowed_methods=None,
        backoff_factor=_PAUSE_SECONDS,
        backoff_jitter=_PAUSE_SECONDS / 2,
        backoff_max=_LONGEST_PAUSE_SECONDS,
    )


def _pause(retries: urllib3.Retry, response: urllib3.BaseHTTPResponse | None) -> float:
    """How long to wait before asking again, in seconds: as the server says, but not as long as it likes."""
    try:
        asked = None if response is None else retries.get_retry_after(response)
    except InvalidHeader:
        asked = None
    return min(retries.get_backoff_time() if asked is None else asked, _LONGEST_PAUSE_SECONDS)


def _as_read_error(exc: Exception) -> Exception:
    known = isinstance(exc, NewConnectionError | ConnectTimeoutError | ReadTimeoutError | ProtocolError)
    return exc if known else ProtocolError(type(exc).__name__)


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError):
        raise InvalidConfiguration(
            f"{ca} is no file of certificates that can be read.", "Set STRONGROOM_CA to one in PEM."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why_away(exc: Exception) -> str:
    if isinstance(exc, NameResolutionError):
        return "nobody knows its name"
    if isinstance(exc, NewConnectionError):
        return "nobody answers there"
    if isinstance(exc, ConnectTimeoutError | ReadTimeoutError):
        return "it does not answer in time"
    return "the connection broke off" if isinstance(exc, ProtocolError) else type(exc).__name__


def _inner(reason: Exception) -> Exception:
    """What TLS itself said of a failure."""
    return reason.args[0] if reason.args and isinstance(reason.args[0], ssl.SSLError) else reason


def _speaks_no_tls(reason: Exception) -> bool:
    return getattr(_inner(reason), "reason", "") in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


def _why_untrusted(reason: Exception) -> str:
    inner = _inner(reason)
    text = getattr(inner, "verify_message", "") or getattr(inner, "reason", "") or type(inner).__name__
    return str(text).strip(".")[:200]


def _misspoke(server: str, what: str) -> ServerMisspoke:
    return ServerMisspoke(f"{server} {what}.", "See whether STRONGROOM_REGISTRY names a server of Strongroom.")
