"""Keys of sealing sessions that a server hands out: values are sealed here, the workspace's key stays there."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from hashlib import sha256
from threading import Lock

from strongroom_registry.errors import TooLarge
from strongroom_registry.remote.connection import Connection, at
from strongroom_registry.remote.wire import NAMED_MAX, KeyTold, Named, SealingStart, SessionTold, ToName
from strongroom_registry.sealing_keys import SessionKey, check_start

NAMES_KEPT = 1024
NAMES_SECONDS = 600.0
"""How long a name is used again without asking: after a rotation, the one from before is used that long."""


class RemoteSealing:
    """Hands out keys of sessions of one workspace by asking its server. Safe to use from several threads.

    :param store_id, workspace_id: what values are bound to.
    :param clock: seconds that only grow.
    """

    def __init__(
        self,
        connection: Connection,
        workspace: str,
        store_id: bytes,
        workspace_id: bytes,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._path = at("workspaces", workspace, "sealing")
        self._store_id = store_id
        self._workspace_id = workspace_id
        self._clock = clock
        self._lock = Lock()
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._names: OrderedDict[bytes, tuple[float, Named]] = OrderedDict()

    @property
    def store_id(self) -> bytes:
        return self._store_id

    @property
    def workspace_id(self) -> bytes:
        return self._workspace_id

    def new(self, purpose: bytes) -> SessionKey:
        told = self._connection.ask("POST", self._path + at(purpose.decode())).read(SessionTold)
        with self._lock:
            self._until[told.start] = self._clock() + told.seconds
            while len(self._until) > NAMES_KEPT:
                self._until.popitem(last=False)
        return SessionKey(told.start, told.key)

    def is_current(self, start: bytes) -> bool:
        return self._clock() < self._until.get(start, 0.0)

    def key(self, purpose: bytes, start: bytes) -> bytes:
        check_start(start)
        asked = SealingStart.model_construct(start=start)
        path = self._path + at(purpose.decode(), "open")
        return self._connection.ask("POST", path, body=asked).read(KeyTold).key

    def name(self, purpose: bytes, data: bytes) -> str:
        return self._named(purpose, data).name

    def former_names(self, purpose: bytes, data: bytes) -> Iterator[str]:
        return iter(self._named(purpose, data).former)

    def _named(self, purpose: bytes, data: bytes) -> Named:
        if len(data) > NAMED_MAX:
            raise TooLarge(f"{len(data)} bytes are too many to be named.", f"At most {NAMED_MAX} are possible.")
        key = sha256(len(purpose).to_bytes(4, "big") + purpose + data).digest()
        with self._lock:
            known = self._names.get(key)
        if known is not None and self._clock() - known[0] < NAMES_SECONDS:
            return known[1]
        path = self._path + at(purpose.decode(), "names")
        named = self._connection.ask("POST", path, body=ToName.model_construct(data=data)).read(Named)
        with self._lock:
            self._names[key] = (self._clock(), named)
            while len(self._names) > NAMES_KEPT:
                self._names.popitem(last=False)
        return named
