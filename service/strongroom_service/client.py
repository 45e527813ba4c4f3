"""The service as its commands ask it: over HTTP where ``STRONGROOM_REGISTRY`` names a server, in this process where it
names a registry that this process can open itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from strongroom_registry.remote.address import Address, is_remote
from strongroom_registry.remote.connection import Connection, Query, Reply
from strongroom_registry.remote.problems import know
from strongroom_registry.remote.settings import RemoteSettings
from strongroom_registry.remote.token import Bearer
from strongroom_registry.settings import RegistrySettings

from strongroom_service.errors import UnknownThing

M = TypeVar("M", bound=BaseModel)

know(UnknownThing)


class Asked(Protocol):
    """What answers requests: :class:`~strongroom_registry.remote.connection.Connection`, or the service itself."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> Reply:
        """Ask; see :meth:`strongroom_registry.remote.connection.Connection.ask`."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Client:
    """Asks the service. Errors are those that the registry over HTTP has (``AccessDenied``, ``StaleExpectation``,
    ``ApprovalPending``, or that the server is away), and ``UnknownThing``.

    :param asked: what answers.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def get(self, path: str, model: type[M], **query: str | int | bool | None) -> M:
        """Read something.

        :param path: below ``/api/v1``; names in it are quoted with
            :func:`~strongroom_registry.remote.connection.at`.
        """
        return self.reply("GET", path, query=query).read(model)

    def all(self, path: str, model: type[M], **query: str | int | bool | None) -> Iterator[M]:
        """All pages of a listing, whose model has the cursor of the page behind it as ``next``."""
        after: str | None = None
        while True:
            page = self.get(path, model, **query, after=after)
            yield page
            after = getattr(page, "next", None)
            if after is None:
                return

    def send(self, method: str, path: str, body: BaseModel | None, model: type[M], **headers: str) -> M:
        """Change something, once; ``headers`` by their names with ``_`` for ``-``, such as ``if_match``."""
        return self.reply(method, path, body=body, headers=_named(headers), again=False).read(model)

    def do(self, method: str, path: str, body: BaseModel | None = None, **headers: str) -> Reply:
        """Change something, once, whatever is answered."""
        return self.reply(method, path, body=body, headers=_named(headers), again=False)

    def reply(self, method: str, path: str, **how: Any) -> Reply:
        """The answer as it came; takes what :meth:`Asked.ask` takes."""
        return self._asked.ask(method, path, **how)


def only_at(version: int) -> dict[str, str]:
    """The header of a change that is made only if this is the version that is there; 0: only if there is none."""
    return {"if_match": f'"{version}"'} if version else {"if_none_match": "*"}


@contextmanager
def opened_client(*, token: str | None = None) -> Iterator[Client]:
    """The service of the settings. A registry that this process opens itself is asked as root, on whom no policy
    weighs: who has its key can read everything anyway.

    :param token: what the server knows the caller by; by default ``STRONGROOM_TOKEN``, or what ``login`` kept.
    :raises StrongroomError: the settings name none, or it cannot be opened.
    """
    settings = RegistrySettings()
    if is_remote(settings.url):
        asked: Asked = _connection(settings.url, token)
    else:
        from strongroom_service.in_process import InProcess

        asked = InProcess.open(settings)
    try:
        yield Client(asked)
    finally:
        asked.close()


def _connection(url: str, token: str | None) -> Connection:
    settings = RemoteSettings()
    address = Address.parse(url, insecure=settings.insecure)
    kept = settings.token.get_secret_value() if settings.token else None
    return Connection(address, Bearer(address, token if token is not None else kept), ca=settings.ca)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
