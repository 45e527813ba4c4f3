"""Once more with the secret of today, where the one that was fetched before is refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from strongroom.sources import reloaded

from strongroom_aws.errors import CredentialsExpired, CredentialsRejected

P = ParamSpec("P")
R = TypeVar("R")


class _HasCredentials(Protocol):
    @property
    def credentials(self) -> Any: ...


C = TypeVar("C", bound=_HasCredentials)


def reloading(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Have a method that may be called twice do so where the service refuses credentials whose secret stays elsewhere
    and is another one by now."""

    @functools.wraps(method)
    def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return reloaded(
            self.credentials,
            lambda: method(self, *args, **kwargs),
            refused=(CredentialsRejected, CredentialsExpired),
        )

    return call
