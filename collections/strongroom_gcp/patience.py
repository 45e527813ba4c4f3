"""How often a request to Cloud Storage is made again, and after which answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests
    from google.api_core.retry import Retry

ATTEMPTS = 8
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 60.0
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.25, 8.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


def is_passing(exc: BaseException) -> bool:
    """Whether the same request may succeed a moment later: a broken connection, a server that is busy."""
    import requests
    import urllib3
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import TransportError
    from google.cloud.storage.exceptions import InvalidResponse

    if isinstance(exc, InvalidResponse):
        return is_passing_status(exc.response.status_code)
    if isinstance(exc, GoogleAPICallError):
        return is_passing_status(exc.code)
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, TransportError)
    return isinstance(exc, (ConnectionError, urllib3.exceptions.HTTPError, *broken))


def is_passing_status(status: int | None) -> bool:
    """Whether an answer with this status may be another one a moment later."""
    return status in _PASSING


class Patience:
    """One operation's allowance: how often it may still be tried, and whether it was tried more than once."""

    def __init__(self, attempts: int = ATTEMPTS) -> None:
        self.failures = 0
        self._attempts = attempts

    def retry(self) -> Retry:
        """For the ``retry`` of Google's client."""
        from google.api_core.retry import Retry

        return Retry(
            predicate=self.allows,
            initial=FIRST_DELAY_SECONDS,
            maximum=LONGEST_DELAY_SECONDS,
            multiplier=2,
            timeout=None,
        )

    def allows(self, exc: BaseException) -> bool:
        """Notes a failure, and says whether to try again."""
        self.failures += 1
        return self.failures < self._attempts and is_passing(exc)


def asking(timeout: float | tuple[float, float] | None = None) -> dict[str, Any]:
    """Keyword arguments of a call of Google's client that may safely be made again.

    :param timeout: seconds for an answer, or for the connection and an answer.
    """
    return {"retry": Patience().retry(), "timeout": timeout or (CONNECT_SECONDS, ANSWER_SECONDS)}


def error_of(response: requests.Response) -> Exception:
    """An answer that says no, as the exception that Google's client makes of it."""
    from google.api_core.exceptions import from_http_response

    make: Any = from_http_response
    error: Exception = make(response)
    return error
