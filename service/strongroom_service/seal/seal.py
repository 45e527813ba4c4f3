"""The seal: what keeps the registry's key from a server that was just started, until somebody brings it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from strongroom_service.errors import InvalidRequest
from strongroom_service.seal.root_generation import RootGeneration


@dataclass(frozen=True, slots=True)
class SealStatus:
    """How it stands with the seal.

    :param type: ``shamir``, or ``provider`` where a key provider has the key.
    :param threshold: how many shares open it; 0 where there are none.
    :param shares: how many there are.
    :param progress: how many different ones were handed in so far.
    :param nonce: of the attempt that goes on.
    """

    type: str
    initialized: bool
    sealed: bool
    threshold: int = 0
    shares: int = 0
    progress: int = 0
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class RekeyStatus:
    """How it stands with making new shares.

    :param verifying: whether new shares are handed out already, and are to be handed in to prove that they arrived.
    """

    started: bool
    verifying: bool = False
    nonce: str = ""
    threshold: int = 0
    shares: int = 0
    progress: int = 0
    required: int = 0
    wants_verification: bool = False


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What handing in a share came to: the new shares with the last one, None before."""

    status: RekeyStatus
    shares: tuple[bytes, ...] | None = None


class Seal(Protocol):
    """What keeps the key. Safe to use from several threads."""

    def status(self) -> SealStatus:
        """How it stands."""

    def seal(self) -> None:
        """Forget the key: nothing is answered from now on until it is brought again.

        :raises InvalidRequest: this seal cannot be closed.
        """

    def rekey_status(self) -> RekeyStatus:
        """How it stands with making new shares."""

    def start_rekey(self, shares: int, threshold: int, *, verify: bool) -> RekeyStatus:
        """Begin to make new shares of a new key.

        :param verify: keep the former key until the new shares were handed in.
        :raises InvalidRequest: there are none to make, or it began already.
        """

    def rekey(self, share: bytes, nonce: str) -> Rekeyed:
        """Hand in a share of the former key.

        :raises InvalidRequest: it is none, or of another attempt.
        """

    def verify_rekey(self, share: bytes, nonce: str) -> Rekeyed:
        """Hand in a share of the new key; with the last one the former key is gone.

        :raises InvalidRequest: as :meth:`rekey`.
        """

    def cancel_rekey(self) -> None:
        """Give it up; the former shares stay good."""

    def restart_verification(self) -> RekeyStatus:
        """Begin anew to hand in new shares, under another nonce."""

    @property
    def root(self) -> RootGeneration:
        """What makes a new root token for those who hold shares; raises InvalidRequest where there are none."""


class ProviderSeal:
    """The seal of a registry whose key a provider has: it is never closed while the server runs."""

    def status(self) -> SealStatus:
        return SealStatus("provider", initialized=True, sealed=False)

    def seal(self) -> None:
        raise _no_shares("cannot be sealed while it runs", "Stop the server.")

    def rekey_status(self) -> RekeyStatus:
        return RekeyStatus(started=False)

    def start_rekey(self, shares: int, threshold: int, *, verify: bool) -> RekeyStatus:
        raise _no_shares("has no shares to make anew", "Renew the key itself: strongroom keys rotate --level provider")

    def rekey(self, share: bytes, nonce: str) -> Rekeyed:
        raise _no_shares("has no shares")

    def verify_rekey(self, share: bytes, nonce: str) -> Rekeyed:
        raise _no_shares("has no shares")

    def cancel_rekey(self) -> None:
        return None

    def restart_verification(self) -> RekeyStatus:
        raise _no_shares("has no shares")

    @property
    def root(self) -> RootGeneration:
        raise _no_shares("has no shares", "Make a root token where the key lies: strongroom server new-root-token")


def _no_shares(what: str, remedy: str = "") -> InvalidRequest:
    return InvalidRequest(f"The registry's key is kept by a provider, so the server {what}.", remedy)
