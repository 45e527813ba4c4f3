"""A new root token for those who hold enough shares: the way back in when the last one was lost.

The token is handed out masked with a one-time password, which whoever began has: who listens to the last share alone
has nothing of it.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from strongroom_service.errors import InvalidRequest
from strongroom_service.identity.token import LENGTH

_LETTERS = string.ascii_letters + string.digits
_OTP = frozenset(_LETTERS)


@dataclass(frozen=True, slots=True)
class RootGenerationStatus:
    """How it stands.

    :param otp: the one-time password, where it was made here just now.
    :param encoded: the new token under it, with the last share.
    """

    started: bool
    nonce: str = ""
    progress: int = 0
    required: int = 0
    otp: str = ""
    encoded: str = ""


class RootGeneration:
    """One attempt at a time. Safe to use from several threads.

    :param required: how many shares it takes.
    :param is_share: whether it is one of the key.
    :param opens: whether shares are those of the key.
    :param make: makes the token; its text.
    """

    def __init__(
        self,
        required: Callable[[], int],
        is_share: Callable[[bytes], bool],
        opens: Callable[[Sequence[bytes]], bool],
        make: Callable[[], str],
    ) -> None:
        self._required = required
        self._is_share = is_share
        self._opens = opens
        self._make = make
        self._lock = Lock()
        self._nonce = ""
        self._otp = ""
        self._given: dict[int, bytes] = {}

    def status(self) -> RootGenerationStatus:
        """How it stands."""
        return RootGenerationStatus(bool(self._nonce), self._nonce, len(self._given), self._required())

    def start(self, otp: str = "") -> RootGenerationStatus:
        """Begin.

        :param otp: a one-time password of as many letters and digits as a token has; one is made if none is given.
        :raises InvalidRequest: it is another one, or an attempt goes on.
        """
        with self._lock:
            if self._nonce:
                raise InvalidRequest("root generation already in progress")
            if otp and (len(otp) != LENGTH or not _OTP.issuperset(otp)):
                raise InvalidRequest(f"A one-time password has {LENGTH} letters and digits here, as a token has.")
            made = "" if otp else "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))
            self._nonce, self._otp, self._given = secrets.token_hex(16), otp or made, {}
            return RootGenerationStatus(True, self._nonce, 0, self._required(), otp=made)

    def update(self, share: bytes, nonce: str) -> RootGenerationStatus:
        """Hand in a share; with the last one the token is made.

        :raises InvalidRequest: no attempt goes on, or another one; or it is no share of the key, which those are kept
            beside that were handed in before.
        """
        with self._lock:
            if not self._nonce or not hmac.compare_digest(self._nonce.encode(), nonce.encode("utf-8", "replace")):
                raise InvalidRequest("no such root generation in progress")
            if not self._is_share(share):
                raise InvalidRequest(
                    "The key is no share of the registry's; those that were handed in before are kept."
                )
            self._given[share[0]] = share
            given, required = [*self._given.values()], self._required()
            if len(given) < required:
                return self.status()
            self._given = {}
            if not self._opens(given):
                raise InvalidRequest("The shares do not give the key of the registry; none of them is kept.")
            encoded = _masked(self._make(), self._otp)
            self._nonce = self._otp = ""
            return RootGenerationStatus(False, nonce, required, required, encoded=encoded)

    def cancel(self) -> None:
        """Give it up."""
        with self._lock:
            self._nonce, self._otp, self._given = "", "", {}


def _masked(token: str, otp: str) -> str:
    data = bytes(one ^ other for one, other in zip(token.encode(), otp.encode(), strict=True))
    return base64.b64encode(data).decode().rstrip("=")
