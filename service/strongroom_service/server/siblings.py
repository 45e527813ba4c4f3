"""The processes of one server tell each other what they count, so that whichever is asked can answer for all."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

_PATIENCE = 1.0

Snapshot = dict[str, Any]


class Siblings:
    """What a worker has of the others.

    :param folder: a private folder for their sockets; None for a process that serves alone.
    :param number: of this worker.
    :param count: how many there are.
    :param snapshot: what this one tells.
    """

    def __init__(self, folder: Path | None, number: int, count: int, snapshot: Callable[[], Snapshot]) -> None:
        self._folder = folder
        self._number = number
        self._count = count
        self._snapshot = snapshot
        if folder is not None:
            self._listen(folder / str(number))

    def gather(self) -> dict[int, Snapshot]:
        """What all of them count, by their numbers; those that do not answer are left out."""
        found = {self._number: self._snapshot()}
        for number in range(self._count):
            if number != self._number and self._folder is not None:
                with suppress(OSError, ValueError):
                    found[number] = _asked(self._folder / str(number))
        return found

    def _listen(self, place: Path) -> None:
        place.unlink(missing_ok=True)  # of the worker whose place this one takes
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(place))
        listening.listen(16)
        Thread(target=self._tell, args=(listening,), name="strongroom-metrics", daemon=True).start()

    def _tell(self, listening: socket.socket) -> None:
        while True:
            try:
                asking, _ = listening.accept()
            except OSError:
                return
            with asking, suppress(OSError):
                asking.settimeout(_PATIENCE)
                asking.sendall(json.dumps(self._snapshot()).encode())


def _asked(place: Path) -> Snapshot:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(_PATIENCE)
        channel.connect(str(place))
        parts = []
        while part := channel.recv(65536):
            parts.append(part)
    answer: Snapshot = json.loads(b"".join(parts))
    return answer
