"""Engines of SQLAlchemy, one a process for each login."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from strongroom_blocks.client_pool import ClientPool
from strongroom_blocks.databases.session_changes import closing_changed
from strongroom_blocks.databases.sqlalchemy_faults import driver_missing
from strongroom_blocks.extras import require_extra

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_ENGINES = 16

_open: ClientPool[Engine] = ClientPool(
    _ENGINES, let_go=lambda engine: engine.dispose(), inherited=lambda engine: engine.dispose(close=False)
)


def engine_with(
    login: Mapping[str, Any],
    url: str | URL,
    pool_size: int,
    creator: Callable[[], Any] | None = None,
    *,
    place: Mapping[str, Any] | None = None,
    **options: Any,
) -> Engine:
    """The process' engine for a login: blocks with the same values share it. Nothing is opened yet.

    :param login: all that makes one login another, secrets in clear.
    :param creator: opens a connection, where the URL does not say it all.
    :param place: what stays the same when the credential is rotated, upon which the former engine is let go.
    :raises MissingExtra: SQLAlchemy or the driver is not installed.
    """
    require_extra("sqlalchemy", extra="sql")
    return _open.get(_key(login, url, pool_size), lambda: new_engine(url, pool_size, creator, **options), place=place)


def new_engine(url: str | URL, pool_size: int, creator: Callable[[], Any] | None = None, **options: Any) -> Engine:
    """An engine that nobody else has, whose errors do not show the values that were bound.

    :raises MissingExtra: SQLAlchemy or the driver is not installed.
    """
    sqlalchemy = require_extra("sqlalchemy", extra="sql")
    given = {"creator": creator} if creator is not None else {}
    driver = sqlalchemy.make_url(url).drivername
    try:
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
    except sqlalchemy.exc.NoSuchModuleError:
        problem = driver_missing(None, driver)
    except ModuleNotFoundError as error:
        problem = driver_missing(error.name, driver)
    else:
        return closing_changed(engine)
    raise problem


def _key(login: Mapping[str, Any], url: str | URL, pool_size: int) -> tuple[object, ...]:
    return str(url), pool_size, sorted((name, repr(value)) for name, value in login.items())
