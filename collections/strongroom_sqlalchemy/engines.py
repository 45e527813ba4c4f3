"""The engine of one connector."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from strongroom import require_extra
from strongroom.sql import MissingExtra, closing_changed, driver_missing, is_denial

from strongroom_sqlalchemy.results import OpenResults

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine


Renewed = Callable[[], "URL | None"]


class OwnEngine:
    """An engine and the results that are open on it, made when they are first needed.

    Safe to share between threads. A forked process, and another event loop, get their own, and leave the former one's
    connections alone.
    """

    def __init__(self) -> None:
        self.results = OpenResults()
        self._engine: Any = None
        self._made_in: tuple[int, int | None] = (0, None)
        self._lock = threading.Lock()

    def get(
        self, url: URL, is_asynchronous: bool, connect_args: dict[str, Any], renewed: Renewed, **options: Any
    ) -> Any:
        """The engine; ``options`` count when it is made.

        :param renewed: see :func:`made`.
        :raises MissingExtra: SQLAlchemy or the driver is not installed.
        """
        here = os.getpid(), _loop() if is_asynchronous else None
        with self._lock:
            if self._engine is not None and self._made_in != here:
                getattr(self._engine, "sync_engine", self._engine).dispose(close=False)
                self._engine, self.results = None, OpenResults()
            if self._engine is None:
                self._engine = made(url, is_asynchronous, connect_args, renewed, **options)
                self._made_in = here
            return self._engine

    def close(self) -> None:
        """Close all connections; the next use makes a new engine."""
        self.results.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            getattr(engine, "sync_engine", engine).dispose()


def made(
    url: URL, is_asynchronous: bool, connect_args: dict[str, Any], renewed: Renewed, **options: Any
) -> Engine | AsyncEngine:
    """A new engine, whose errors do not show the values that were bound, and on whose connections nothing stays set.

    :param renewed: asked for another login where this one is refused; None if there is none.
    :raises MissingExtra: SQLAlchemy or the driver is not installed.
    """
    sqlalchemy = require_extra("sqlalchemy", extra="sql")
    defaults: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        connect_args = {"check_same_thread": False, **connect_args}
        defaults["poolclass"] = sqlalchemy.pool.StaticPool
    given = {**defaults, "connect_args": connect_args, **options}
    try:
        if is_asynchronous:
            require_extra("greenlet", extra="sql")
            from sqlalchemy.ext.asyncio import create_async_engine

            awaited = create_async_engine(url, **given)
            _renewing(closing_changed(awaited.sync_engine), given["connect_args"], renewed)
            return awaited
        engine: Engine = sqlalchemy.create_engine(url, **given)
    except sqlalchemy.exc.NoSuchModuleError:
        problem = driver_missing(None, url.drivername)
    except MissingExtra:
        raise
    except ModuleNotFoundError as error:
        problem = driver_missing(error.name, url.drivername)
    else:
        return _renewing(closing_changed(engine), given["connect_args"], renewed)
    raise problem


def _renewing(engine: Engine, connect_args: dict[str, Any], renewed: Renewed) -> Engine:
    """The engine, which asks for another login where a connection is refused, and keeps to that one from then on."""
    from sqlalchemy import event

    newest: list[URL] = []

    def opened(dialect: Any, cargs: Any, cparams: Any) -> Any:
        if newest:
            cargs, cparams = dialect.create_connect_args(newest[-1])
            cparams = {**cparams, **connect_args}
        try:
            return dialect.connect(*cargs, **cparams)
        except dialect.loaded_dbapi.Error as error:
            refusal: Exception = error.with_traceback(None)
            refusal.__context__ = refusal.__cause__ = None
            return refusal

    def connect(dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
        before = list(newest)
        found = opened(dialect, cargs, cparams)
        if isinstance(found, Exception) and is_denial(found):
            url = renewed() if newest == before else None
            if url is not None:
                newest[:] = [url]
            if newest != before:
                found = opened(dialect, cargs, cparams)
        if isinstance(found, Exception):
            raise found
        return found

    event.listen(engine, "do_connect", connect)
    return engine


def _loop() -> int | None:
    try:
        return id(asyncio.get_running_loop())
    except RuntimeError:
        return None
