"""What keeps the outermost key: a key provider, named by a URI."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable


class KeyProvider(Protocol):
    """Wraps and unwraps 32-byte workspace keys under a key that it never hands out.

    Third parties register one under the entry point group ``strongroom.key_providers``: the name is the URI's scheme,
    the object is called with the whole URI and returns the provider. The suite that it has to pass is
    ``strongroom_registry.testing.KeyProviderContract``.
    """

    @property
    def uri(self) -> str:
        """Where the key lies, as it is stored beside what it wrapped; holds no secret."""

    def fingerprint_for(self, wrapped: bytes) -> str:
        """The name of the key that this provider would open ``wrapped`` with; safe to show, different for each key.

        :raises KeyProblem, IntegrityError: as :meth:`unwrap`.
        """

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Encrypt ``key`` (32 bytes), bound to ``context`` (ids alone, at most 1 KiB).

        :raises KeyProblem: the provider cannot use its key now.
        """

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that :meth:`wrap` was given with the same context.

        :raises KeyProblem: the provider cannot use its key now, or it is another one.
        :raises IntegrityError: ``wrapped`` is malformed, was changed, or was wrapped with another context or key.
        """


@runtime_checkable
class GeneratesKey(Protocol):
    """A provider that can make the key it names, for a registry that is new. One without this power needs a key that
    is there before."""

    def generate(self) -> str | None:
        """Make the key where there is none, never in place of one; where the new one lies, in words, or None.

        :raises KeyProblem: it cannot be kept there.
        """


@runtime_checkable
class RenewsKey(Protocol):
    """A provider that can put another key in the place of the one it names. Killed at any moment, one of the two lies
    there; both wraps are in the store until it is over."""

    def alone(self) -> AbstractContextManager[None]:
        """Within the block, no other process of this machine renews the key.

        :raises KeyUnavailable: another one does.
        """

    def renewed(self) -> KeyProvider:
        """The provider of the next key, which waits beside the present one; the same until :meth:`replace`.

        :raises KeyProblem: it cannot be kept there.
        """

    def read_again(self) -> None:
        """Forget what was read of the key: another process may have replaced it."""

    def replace(self) -> str:
        """Put the next key in the place of the present one; where that is kept, in words.

        :raises KeyProblem: it cannot be.
        """


@runtime_checkable
class AsksSomebody(Protocol):
    """A provider that may have to ask a person."""

    def has_answer(self) -> bool:
        """Whether it need not ask any more."""
