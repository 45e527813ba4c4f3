"""Engines of SQLAlchemy, one a process for each login."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from strongroom_blocks.client_pool import ClientPool
from strongroom_blocks.extras import require_extra

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_ENGINES = 16

_open: ClientPool[Engine] = ClientPool(
    _ENGINES, let_go=lambda engine: engine.dispose(), inherited=lambda engine: engine.dispose(close=False)
)


def engine_with(
    login: Mapping[str, Any], url: str | URL, pool_size: int, creator: Callable[[], Any] | None = None, **options: Any
) -> Engine:
    """The process' engine for a login: blocks with the same values share it. Nothing is opened yet.

    :param login: all that makes one login another, secrets in clear.
    :param creator: opens a connection, where the URL does not say it all.
    :raises MissingExtra: SQLAlchemy is not installed.
    """
    require_extra("sqlalchemy", extra="sql")
    key = (str(url), pool_size, sorted((name, repr(value)) for name, value in login.items()))
    return _open.get(key, lambda: new_engine(url, pool_size, creator, **options))


def new_engine(url: str | URL, pool_size: int, creator: Callable[[], Any] | None = None, **options: Any) -> Engine:
    """An engine that nobody else has, whose errors do not show the values that were bound."""
    sqlalchemy = require_extra("sqlalchemy", extra="sql")
    given = {"creator": creator} if creator is not None else {}
    engine: Engine = sqlalchemy.create_engine(
        url,
        poolclass=sqlalchemy.pool.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        **given,
        **options,
    )
    return engine
