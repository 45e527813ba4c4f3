"""The service asked in this process, without a server: as root, through all that a request meets but its token."""

from __future__ import annotations

import getpass
import secrets
import socket
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlencode

from pydantic import BaseModel
from strongroom_registry.remote.connection import Query, Reply
from strongroom_registry.remote.problems import error_of, pending_of
from strongroom_registry.settings import RegistrySettings

from strongroom_service.errors import UnknownThing
from strongroom_service.http.exchange import Incoming
from strongroom_service.http.paths import segments_of
from strongroom_service.http.pipeline import Pipeline
from strongroom_service.http.route import RouteTree
from strongroom_service.http.stages.standard import standard_stages
from strongroom_service.http.tables import all_routes
from strongroom_service.identity.caller import Caller
from strongroom_service.service import Service


class InProcess:
    """Answers what :class:`~strongroom_registry.remote.connection.Connection` would have a server answer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes = RouteTree(all_routes())
        self._pipeline = _AsRoot(service, stages=standard_stages(service.settings))

    @classmethod
    def open(cls, settings: RegistrySettings) -> Self:
        """Open the registry of the settings; none is made. Raises what opening it raises."""
        return cls(Service.open(registry=settings, create=False))

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
        """Ask the service. ``again`` makes no difference: nothing gets lost on the way.

        :raises StrongroomError: what it says went wrong.
        """
        segments = segments_of(f"/api/v1{path}".encode())
        match = self._routes.find(segments)
        if match is None or method not in match.routes:
            raise UnknownThing("Nothing answers at this path.", "/api/v1/openapi.json lists the paths.")
        said = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in _said(query)}
        incoming = Incoming(
            id=secrets.token_hex(8),
            method=method,
            path="/" + "/".join(segments),
            route=match.routes[method],
            values=match.values,
            query=urlencode(said).encode(),
            headers={name.lower(): value for name, value in (headers or {}).items()},
            body=b"" if body is None else body.model_dump_json(by_alias=True).encode(),
            address="",
        )
        outgoing = self._pipeline.work_alone(incoming).outgoing
        if outgoing.status >= 400:
            raise error_of(outgoing.status, outgoing.body, "The service")
        if outgoing.status == 202 and (pending := pending_of(outgoing.body)) is not None:
            raise pending
        return Reply(outgoing.status, outgoing.headers, outgoing.body, "The service")

    def close(self) -> None:
        """Let go of the registry."""
        self._service.close()


class _AsRoot(Pipeline):
    def _caller(self, incoming: Incoming) -> Caller:
        return Caller(_who(), policies=("root",), request_id=incoming.id, is_root=True)


def _said(query: Query | None) -> list[tuple[str, str | int | bool]]:
    return [(name, value) for name, value in (query or {}).items() if value is not None]


def _who() -> str:
    return RegistrySettings().actor or f"{getpass.getuser()}@{socket.gethostname()}"
