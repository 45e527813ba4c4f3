"""Writing what requests owe to the audit, together with what others owe that came meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock

from strongroom_registry.acting import Owed, settle


class _Ticket:
    __slots__ = ("error", "is_done", "owed")

    def __init__(self, owed: list[Owed]) -> None:
        self.owed = owed
        self.is_done = False
        self.error: Exception | None = None


class Settling:
    """Group commit: while one transaction is on its way to the disk, what further threads owe gathers for the next. One
    of those that wait writes it for all."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._waiting: deque[_Ticket] = deque()

    def settle(self, owed: Iterable[Owed]) -> None:
        """Write entries. They stand there when this returns.

        :raises StoreProblem: they cannot be written; then some of them may be, and nothing may be answered.
        """
        ticket = _Ticket(list(owed))
        if not ticket.owed:
            return
        self._waiting.append(ticket)
        with self._turn:
            if not ticket.is_done:
                self._write()
        if ticket.error is not None:
            raise ticket.error

    def _write(self) -> None:
        tickets = []
        while self._waiting:
            tickets.append(self._waiting.popleft())
        error: Exception | None = None
        try:
            settle(one for ticket in tickets for one in ticket.owed)
        except Exception as caught:
            error = caught
        for ticket in tickets:
            ticket.error, ticket.is_done = error, True
