"""From a login to the one client that a process has for it, which stays logged in as long as it is used.

The client library renews nothing by itself. A session does so when a request is about to be made and less than a third
of the token's life is left: no thread runs for it, and what is not used is not kept alive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pydantic import SecretStr
from strongroom import redactor, require_extra
from strongroom.client_pool import ClientPool

from strongroom_vault.auth import Auth, Grant, field_of
from strongroom_vault.errors import VaultError, VaultUnreachable
from strongroom_vault.faults import asked

if TYPE_CHECKING:
    from hvac import Client

_SESSIONS = 32
_DUE = 3
"""A token is renewed when less than one part in so many of its life is left."""


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who asks, and where. Lives in memory alone."""

    address: str
    auth: Auth
    namespace: str | None = None
    verify: bool | str = True
    timeout_seconds: float = 10


@dataclass(slots=True, repr=False)
class VaultSession:
    """A client and the life of its token. Safe to share between threads.

    :param clock: seconds that only grow.
    """

    login: Login
    clock: Callable[[], float] = time.monotonic
    client: Client = field(init=False)
    mounts: dict[str, int] = field(default_factory=dict)
    """The versions of the key-value engines that were met, by where they are mounted."""
    _grant: Grant | None = None
    _since: float = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        hvac = require_extra("hvac", extra="vault")
        from strongroom_vault.transport import SessionAdapter, plain_session

        http = plain_session()
        http.verify = self.login.verify
        self.client = hvac.Client(
            url=self.login.address,
            token="",
            verify=self.login.verify,
            timeout=self.login.timeout_seconds,
            allow_redirects=False,
            session=http,
            adapter=partial(SessionAdapter, owner=self),
            namespace=self.login.namespace,
        )

    def keep_logged_in(self) -> None:
        """Log in before the first request, and renew the token, or log in anew, before it runs out.

        :raises VaultError: it cannot be done.
        """
        with self._alone():
            if self._grant is None:
                self._log_in()
            elif self._is_due(self._grant):
                self._renew(self._grant)

    def logged_in_again(self, used: str) -> bool:
        """After a request was denied with the token ``used``: whether there is another now, to try once more with.

        Asks Vault first whether the token is still good, since most denials are about rights, and a login for each of
        them would be a storm.
        """
        with self._alone():
            if self.client.token != used:
                return True  # another thread did
            if self._is_accepted() or not self.login.auth.has_another(used):
                return False
            self._log_in()
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread logs in at a time; the others do not wait for longer than a request may take."""
        if not self._lock.acquire(timeout=self.login.timeout_seconds):
            raise VaultUnreachable(
                "Another thread waits for Vault to answer its login.", "Check the network, and the address of Vault."
            )
        try:
            yield
        finally:
            self._lock.release()

    def _log_in(self) -> None:
        self._grant, self.client.token = None, ""
        grant = asked(lambda: self.login.auth.log_in(self.client))
        redactor.register(grant.token)
        self._hold(grant)

    def _hold(self, grant: Grant) -> None:
        self._grant, self.client.token, self._since = grant, grant.token, self.clock()

    def _is_due(self, grant: Grant) -> bool:
        return grant.seconds > 0 and self._left(grant) < grant.seconds / _DUE

    def _left(self, grant: Grant) -> float:
        return self._since + grant.seconds - self.clock()

    def _renew(self, grant: Grant) -> None:
        """A token at the end of its longest life is renewed for less and less, or not at all: then log in anew."""
        can_log_in = self.login.auth.has_another(grant.token)
        renewed = self._renewed(grant) if grant.renewable and self._left(grant) > 0 else None
        if renewed is not None and not (can_log_in and renewed.seconds < grant.seconds / _DUE):
            self._hold(renewed)
        elif can_log_in:
            self._log_in()
        else:
            self._grant = Grant(grant.token, 0, False)  # use it while it lasts

    def _renewed(self, grant: Grant) -> Grant | None:
        try:
            auth = field_of(self.client.auth.token.renew_self(), "auth")
        except VaultUnreachable:
            return Grant(grant.token, self._left(grant), grant.renewable)
        except VaultError:
            return None
        return Grant(grant.token, float(auth.get("lease_duration") or 0), bool(auth.get("renewable")))

    def _is_accepted(self) -> bool:
        try:
            self.client.auth.token.lookup_self()
        except VaultUnreachable:
            raise
        except VaultError:
            return False
        return True


_pool: ClientPool[VaultSession] = ClientPool(_SESSIONS)


def session_for(login: Login) -> VaultSession:
    """The process' session for this login; a login with other values is another one. Nothing is sent yet.

    :raises MissingExtra: hvac is not installed.
    """
    return _pool.get(_identity(login), lambda: VaultSession(login))


def _identity(login: Login) -> tuple[object, ...]:
    """All that makes one session another."""
    auth = [
        (name, value.get_secret_value() if isinstance(value, SecretStr) else value)
        for name, value in sorted(vars(login.auth).items())
    ]
    return login.address, login.namespace, login.verify, login.timeout_seconds, auth
