"""Waiting for a server so that an interrupt of the thread is noticed, and ends the statement on the server too.

psycopg waits in C, where an exception that another thread plants (a timeout, a cancellation) waits with it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING, Any

from strongroom_blocks.databases.interrupts import GivenUp
from strongroom_blocks.twins import given_up

if TYPE_CHECKING:
    from psycopg import Connection

_LOOK_EVERY = 0.1
_CANCEL_WITHIN = 5.0


@contextmanager
def interruptible(connection: Connection[Any]) -> Iterator[None]:
    """While the block lasts, statements of the connection end within a moment of an interrupt, or of the end of the
    coroutine that awaits them."""
    from psycopg import waiting
    from psycopg.pq import TransactionStatus

    wait_in_python: Any = getattr(waiting, "wait_poll", waiting.wait_selector)

    event = given_up()

    def wait(steps: Generator[Any, Any, Any], interval: float = _LOOK_EVERY, **more: Any) -> Any:
        socket = connection.pgconn.socket
        try:
            steps = steps if event is None else _until(event, steps)
            return wait_in_python(steps, socket, interval=min(interval, _LOOK_EVERY), **more)
        except Exception:
            raise
        except BaseException:  # Ctrl-C, and what ends a run from outside: a timeout, a cancellation
            if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with suppress(Exception):  # it is closed then, which ends the statement as well
                    connection.cancel_safe(timeout=_CANCEL_WITHIN)
                connection.close()
            raise

    vars(connection)["wait"] = wait
    try:
        yield
    finally:
        vars(connection).pop("wait", None)


def _until(event: Event, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The steps, until nobody waits for them any more."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if event.is_set():
                raise GivenUp
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value
