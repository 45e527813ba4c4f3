"""What Vault lends: users of databases that it makes, and takes away again."""

from __future__ import annotations

from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr
from strongroom import async_twin, redactor

from strongroom_vault.auth import field_of
from strongroom_vault.errors import VaultAnswerUnusable, VaultError
from strongroom_vault.faults import asked
from strongroom_vault.sessions import VaultSession


class DatabaseLogin:
    """A user that Vault made in a database. Gone when its lease runs out, is revoked, or at the end of a ``with``.

    ``username``, ``password`` (a ``SecretStr``), ``lease_id``; ``seconds`` is how long it was lent for when it was made
    or last renewed.
    """

    def __init__(self, session: VaultSession, answer: dict[str, Any]) -> None:
        data = field_of(answer, "data")
        username, password, lease_id = data.get("username"), data.get("password"), answer.get("lease_id")
        if not all(isinstance(text, str) and text for text in (username, password, lease_id)):
            raise VaultAnswerUnusable("Vault's answer holds no login to a database.", "Check the mount of the engine.")
        redactor.register(password)
        self._session = session
        self.username, self.lease_id = str(username), str(lease_id)
        self.password = SecretStr(str(password))
        self.seconds, self.renewable = float(answer.get("lease_duration") or 0), bool(answer.get("renewable"))

    def __repr__(self) -> str:
        return f"DatabaseLogin(username={self.username!r}, lease_id={self.lease_id!r}, seconds={self.seconds:g})"

    def renew(self, seconds: float | None = None) -> float:
        """Keep it for longer; returns for how many seconds from now, which may be fewer than were asked for.

        :raises VaultRefused: the lease ran out, or cannot be renewed.
        """
        body: dict[str, Any] = {"lease_id": self.lease_id}
        if seconds is not None:
            body["increment"] = int(seconds)
        answer: Any = asked(lambda: self._session.client.adapter.put("/v1/sys/leases/renew", json=body))
        self.seconds = float(answer.get("lease_duration") or 0)
        return self.seconds

    arenew: ClassVar = async_twin(renew)

    def revoke(self) -> None:
        """Have Vault take the user away now; one that is gone is no error."""
        body = {"lease_id": self.lease_id}
        asked(lambda: self._session.client.adapter.put("/v1/sys/leases/revoke", json=body))

    arevoke: ClassVar = async_twin(revoke)

    def __enter__(self) -> DatabaseLogin:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.revoke()
        except VaultError:
            if error is None:
                raise  # else what went wrong first is worth more: the lease runs out by itself

    async def __aenter__(self) -> DatabaseLogin:
        return self

    async def __aexit__(self, *given: Any) -> None:
        import asyncio

        await asyncio.to_thread(self.__exit__, *given)


def database_login(session: VaultSession, mount: str, role: str) -> DatabaseLogin:
    """A user of a database engine's role.

    :raises VaultRefused: there is no such role.
    """
    url = f"/v1/{quote(mount.strip('/'))}/creds/{quote(role, safe='')}"
    answer: Any = asked(lambda: session.client.adapter.get(url))
    return DatabaseLogin(session, answer)
