"""``async with get_client() as client: await client.read_flow_runs(…)``: the run history and the ledger, by Prefect's
method names. There is no server: what is read and changed are the journal and the ledger of the settings.

A method that is not here has no counterpart on one machine, or lives in a module of its own, which the error names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from strongroom_registry.errors import StrongroomError

from strongroom.client.deployments import DeploymentMethods
from strongroom.client.limits import LimitMethods
from strongroom.client.records import RecordMethods
from strongroom.client.runs import RunMethods
from strongroom.journal.current import current_journal
from strongroom.ledger import current_ledger

_ELSEWHERE = {
    "create_flow_run": "Call the flow, or use create_flow_run_from_deployment.",
    "create_task_run": "Call the task.",
    "read_block_document_by_name": "Use Block.load(name).",
    "read_block_documents": "Use strongroom_registry.current().list().",
    "create_block_document": "Use block.save(name).",
}


@dataclass(frozen=True)
class Greeting:
    """What ``hello`` gives: the databases answered."""

    status_code: int = 200

    def json(self) -> str:
        """A wave."""
        return "\N{WAVING HAND SIGN}"


class SyncPrefectClient(RunMethods, RecordMethods, LimitMethods, DeploymentMethods):
    """The client for synchronous code; every call blocks while a database answers, some milliseconds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def hello(self) -> Greeting:
        """Ask ledger and run history something; raises what they raise where they do not answer."""
        current_journal().flow_runs(limit=1)
        with current_ledger().reading() as session:
            session.now()
        return Greeting()

    def api_healthcheck(self) -> Exception | None:
        """What keeps ledger and run history from answering; None where they do."""
        try:
            self.hello()
        except StrongroomError as error:
            return error
        return None

    def __getattr__(self, name: str) -> Any:
        remedy = _ELSEWHERE.get(name, "See dir(client) for what it has.")
        raise AttributeError(f"The client has no {name!r}. {remedy}")


class PrefectClient:
    """The client for asynchronous code: the same methods, awaited; the event loop goes on meanwhile."""

    def __init__(self) -> None:
        self._client = SyncPrefectClient()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(method, *args, **kwargs)

        return awaited

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._client) if not name.startswith("_")]


if TYPE_CHECKING:

    @overload
    def get_client(*, sync_client: Literal[False] = False) -> PrefectClient: ...
    @overload
    def get_client(*, sync_client: Literal[True]) -> SyncPrefectClient: ...


def get_client(*, sync_client: bool = False) -> PrefectClient | SyncPrefectClient:
    """A client, for ``async with``; with ``sync_client=True`` one for ``with``."""
    return SyncPrefectClient() if sync_client else PrefectClient()
