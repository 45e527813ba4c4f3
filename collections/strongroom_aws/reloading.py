"""Once more with the credentials of today, where those that were fetched before are refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from strongroom import newer_version
from strongroom.sources import reloaded

from strongroom_aws.errors import CredentialsExpired, CredentialsRejected

P = ParamSpec("P")
R = TypeVar("R")

_REFUSED = (CredentialsRejected, CredentialsExpired)


class _HasCredentials(Protocol):
    _newer: Any

    @property
    def credentials(self) -> Any: ...


C = TypeVar("C", bound=_HasCredentials)


def reloading(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Have a method that may be called twice do so where the service refuses its credentials, and there are others by
    now: a secret that stays elsewhere, or a newer version of the block that they were loaded from."""

    @functools.wraps(method)
    def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return reloaded(self.credentials, lambda: method(self, *args, **kwargs), refused=_REFUSED)
        except _REFUSED:
            newer = newer_version(self.credentials)
            if newer is None or (self._newer is not None and self._newer[1] == newer):
                raise
            self._newer = (self.credentials, newer)
        return method(self, *args, **kwargs)

    return call
