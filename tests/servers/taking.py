"""Requests that an application takes without a task of their own, asked for on an event loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_service.http.application import Application


@dataclass
class Taken:
    """What was answered."""

    status: int
    head: bytes
    body: bytes

    @property
    def names(self) -> list[bytes]:
        """The names of the headers, in their order."""
        return [line.partition(b":")[0] for line in self.head.splitlines()]


class Asking:
    """Asks an application on a loop that turns when the test says so."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop, token: str) -> None:
        self.application = application
        self.loop = loop
        self.token = token

    def take(
        self,
        path: str,
        *,
        token: str | None = None,
        client: tuple[str, int] | None = ("127.0.0.1", 7),
        told: Callable[[Taken], None] = lambda _: None,
        **headers: str,
    ) -> asyncio.Future[Taken]:
        """Have a request taken, and not worked on before the loop turns."""
        answer: asyncio.Future[Taken] = self.loop.create_future()

        def finish(status: int, head: bytes, body: bytes) -> None:
            answer.set_result(Taken(status, head, body))
            told(answer.result())

        async def ask() -> bool:
            scope = scope_of(path, self.token if token is None else token, client, headers)
            return self.application.take(scope, finish)

        assert self._now(ask()), f"{path} was not taken"
        return answer

    def answers(self, *waiting: asyncio.Future[Taken]) -> list[Taken]:
        """What becomes of requests that were taken."""

        async def gathered() -> list[Taken]:
            return await asyncio.wait_for(asyncio.gather(*waiting), 60)

        return self.loop.run_until_complete(gathered())

    def ask(self, path: str, **more: Any) -> Taken:
        """Ask and wait."""
        return self.answers(self.take(path, **more))[0]

    def turn(self, times: int = 1) -> None:
        """Let the loop turn, and not wait for anything."""
        for _ in range(times):
            self.loop.run_until_complete(asyncio.sleep(0))

    def _now(self, work: Any) -> Any:
        """The result of a coroutine that waits for nothing, while the loop stands still, as far as it is concerned."""
        asyncio._set_running_loop(self.loop)
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
        finally:
            asyncio._set_running_loop(None)
        raise AssertionError("it waits")


def scope_of(
    path: str, token: str, client: tuple[str, int] | None = ("127.0.0.1", 7), headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """A GET as a server hands it on."""
    raw, _, query = path.partition("?")
    sent = {"host": "x", **({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    return {
        "type": "http",
        "method": "GET",
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": client,
    }


@contextmanager
def asking(application: Application, token: str) -> Iterator[Asking]:
    """Ask an application, which is closed in the end."""
    loop = asyncio.new_event_loop()
    try:
        yield Asking(application, loop, token)
    finally:
        application.close()
        loop.close()
