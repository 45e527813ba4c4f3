"""Connectors: a login and what is fetched with it, result by result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, field_validator
from strongroom import Block, SecretDict, async_twin, newer_version, refresh
from strongroom.sql import SqlAlchemySession, SqlVerbs, connected, forget, parts_of, verdict

from strongroom_sqlalchemy.colours import either_colour, twin_of
from strongroom_sqlalchemy.credentials import ConnectionComponents
from strongroom_sqlalchemy.engines import OwnEngine, made
from strongroom_sqlalchemy.results import ran

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_EXAMPLE: dict[str, Any] = {
    "connection_info": {
        "driver": "postgresql+psycopg",
        "host": "db.example.com",
        "database": "shop",
        "username": "etl",
        "password": "…",
    }
}
_ASYNCHRONOUS_EXAMPLE: dict[str, Any] = {
    "connection_info": {**_EXAMPLE["connection_info"], "driver": "postgresql+asyncpg"}
}


def check_make_url(url: str) -> str:
    """The URL, if SQLAlchemy can read it.

    :raises BlockValidationError: it cannot; the error does not quote it.
    """
    parts_of(url)
    return url


class _Connector(Block):
    connection_info: ConnectionComponents = Field(
        description="Where the database is and who logs in: in parts, or a URL, which is taken apart."
    )
    connect_args: SecretDict | None = Field(None, description="What the driver's connect function takes besides.")
    fetch_size: int = Field(1, ge=1, description="How many rows fetch_many gives where it is not told.")

    _own: OwnEngine = PrivateAttr(default_factory=OwnEngine)

    @field_validator("connection_info", mode="before")
    @classmethod
    def _taken_apart(cls, value: Any) -> Any:
        return parts_of(str(value)) if isinstance(value, str) or hasattr(value, "unicode_string") else value

    @property
    def is_asynchronous(self) -> bool:
        """Whether the driver is one to await, and with it every method that waits."""
        return self.connection_info.is_asynchronous

    def get_engine(self, **create_engine_kwargs: Any) -> Any:
        """The engine of SQLAlchemy; the same one until :meth:`close`.

        :param create_engine_kwargs: for ``create_engine``, where the engine is made by this call.
        :raises MissingExtra: SQLAlchemy or the driver is not installed.
        """
        arguments = dict(self.connect_args.get_secret_value()) if self.connect_args else {}
        more = create_engine_kwargs.pop("connect_args", {})
        url = self.connection_info.create_url()
        arguments |= more
        return self._own.get(url, self.is_asynchronous, arguments, self._renewed, **create_engine_kwargs)

    def _renewed(self) -> URL | None:
        """Another login than the one that was refused: with the secrets of today, or of the block's newest version."""
        if refresh(self):
            return self.connection_info.create_url()
        newer = newer_version(self)
        if newer is None or newer.connection_info == self.connection_info:
            return None
        return newer.connection_info.create_url()

    def get_connection(self, begin: bool = True, **connect_kwargs: Any) -> Any:
        """A connection of SQLAlchemy, for a ``with``, or an ``async with`` where the driver is one to await.

        :param begin: whether the block is one transaction, committed at its end and undone if it raises.
        :param connect_kwargs: for the engine's ``begin`` or ``connect``.
        """
        engine = self.get_engine()
        if not self.is_asynchronous:
            self._writable()
        return engine.begin(**connect_kwargs) if begin else engine.connect(**connect_kwargs)

    def get_client(self, client_type: Literal["engine", "connection"], **get_client_kwargs: Any) -> Any:
        """:meth:`get_engine` or :meth:`get_connection`."""
        if client_type not in ("engine", "connection"):
            raise ValueError(f"client_type is 'engine' or 'connection', not {client_type!r}")
        return (self.get_engine if client_type == "engine" else self.get_connection)(**get_client_kwargs)

    @either_colour
    def fetch_one(self, operation: Any, parameters: Any = None, **execution_options: Any) -> tuple[Any, ...] | None:
        """The next row of a statement, or None: the same call again goes on where the last one stopped.

        :param parameters: by name, for the ``:name`` in the operation.
        :param execution_options: of SQLAlchemy's connections.
        """
        rows = self._fetched(operation, parameters, 1, execution_options)
        return rows[0] if rows else None

    afetch_one: ClassVar = twin_of(fetch_one)

    @either_colour
    def fetch_many(
        self, operation: Any, parameters: Any = None, size: int | None = None, **execution_options: Any
    ) -> list[tuple[Any, ...]]:
        """The next ``size`` rows of a statement, by default ``fetch_size``: the same call again goes on from there."""
        return self._fetched(operation, parameters, size or self.fetch_size, execution_options)

    afetch_many: ClassVar = twin_of(fetch_many)

    @either_colour
    def fetch_all(self, operation: Any, parameters: Any = None, **execution_options: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement that were not fetched yet."""
        return self._fetched(operation, parameters, None, execution_options)

    afetch_all: ClassVar = twin_of(fetch_all)

    @either_colour
    def execute(self, operation: Any, parameters: Any = None, **execution_options: Any) -> Any:
        """Run a statement and commit; gives SQLAlchemy's result, such as its ``rowcount``."""
        with self._writable().begin() as connection:
            result: Any = ran(connection, operation, parameters, execution_options)
            return result.freeze()() if result.returns_rows else result

    aexecute: ClassVar = twin_of(execute)

    @either_colour
    def execute_many(self, operation: Any, seq_of_parameters: Iterable[Any], **execution_options: Any) -> Any:
        """Run a statement once for each set of parameters, in one transaction."""
        with self._writable().begin() as connection:
            connection = connection.execution_options(**execution_options)
            if isinstance(operation, str):
                return SqlAlchemySession(connection).execute_many(operation, seq_of_parameters)
            return connection.execute(operation, list(seq_of_parameters))

    aexecute_many: ClassVar = twin_of(execute_many)

    @either_colour
    def reset_connections(self) -> None:
        """Close the results that are open, so that every statement is run anew."""
        self._own.results.close()

    areset_connections: ClassVar = twin_of(reset_connections)
    reset_cursors = reset_connections
    reset_async_connections = areset_connections

    @either_colour
    def close(self) -> None:
        """Close results, connections and engine; the next use opens new ones."""
        self._own.close()

    aclose: ClassVar = twin_of(close)

    def check(self, timeout: float) -> str:
        """Log in and select 1.

        :raises CheckAbsent: there is no such database.
        :raises CheckDenied: it does not take the login.
        :raises CheckUnreachable: nobody answers.
        :raises CheckFailed: it answers with another error.
        """
        arguments = dict(self.connect_args.get_secret_value()) if self.connect_args else {}
        engine = made(self.connection_info.create_url(), self.is_asynchronous, arguments, self._renewed)
        sync_engine: Any = getattr(engine, "sync_engine", engine)
        info = self.connection_info
        place = f"{info.database or 'the database'} at {info.host or 'this machine'}"
        if not self.is_asynchronous:
            return _checked(sync_engine, info, place)
        import asyncio

        from strongroom_sqlalchemy.colours import bridged

        return str(asyncio.run(bridged(_checked, sync_engine, info, place)))

    acheck: ClassVar = async_twin(check)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _engine(self) -> Engine:
        """The synchronous half of the engine."""
        engine = self.get_engine()
        found: Engine = getattr(engine, "sync_engine", engine)
        return found

    def _writable(self) -> Engine:
        """The engine before others may write: SQLite lets nobody write while a result is open."""
        engine = self._engine()
        if engine.dialect.name == "sqlite":
            self._own.results.buffer()
        return engine

    def _fetched(
        self, operation: Any, parameters: Any, size: int | None, options: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        engine = self._engine()
        return self._own.results.fetch(engine, operation, parameters, size, options)


class SqlAlchemyConnector(_Connector, SqlVerbs, slug="sqlalchemy-connector", title="SQLAlchemy Connector"):
    """A database by a driver of SQLAlchemy's, with results that stay open: the next ``fetch_many`` gives the next rows.

        with SqlAlchemyConnector.load("crm") as database:
            database.execute("insert into customers (name) values (:name)", parameters={"name": "Ada"})
            while rows := database.fetch_many("select * from customers", size=2):
                ...

    Every method may be awaited; with a driver to await it must be.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_asynchronous:
            raise TypeError("A connector with a driver to await is left by: async with connector")
        self._own.close()

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A connection of the driver's own (PEP 249): committed at the end of the ``with``, undone if it raises."""
        with self._writable().connect() as connection:
            try:
                with connection.begin():
                    yield connection.connection
            finally:
                forget(connection)

    @contextmanager
    def transaction(self) -> Iterator[SqlAlchemySession]:
        """The verbs as one transaction: committed at the end of the ``with``, rolled back if it raises."""
        with self._writable().begin() as connection:
            yield SqlAlchemySession(connection)


class AsyncSqlAlchemyConnector(_Connector, slug="async-sqlalchemy-connector", title="Async SQLAlchemy Connector"):
    """A database by one of SQLAlchemy's drivers to await, with results that stay open between calls.

        async with AsyncSqlAlchemyConnector.load("crm") as database:
            await database.execute("insert into customers (name) values (:name)", parameters={"name": "Ada"})
            while rows := await database.fetch_many("select * from customers", size=2):
                ...

    Every method that waits is to be awaited.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_ASYNCHRONOUS_EXAMPLE]})

    @field_validator("connection_info")
    @classmethod
    def _is_to_be_awaited(cls, value: ConnectionComponents) -> ConnectionComponents:
        if not value.is_asynchronous:
            raise ValueError("names a driver that is not one to await; SqlAlchemyConnector takes it")
        return value


def _checked(engine: Engine, info: ConnectionComponents, place: str) -> str:
    import sqlalchemy

    try:
        connection = connected(engine)
        if isinstance(connection, Exception):
            raise verdict(connection, place)
        with connection:
            connection.scalar(sqlalchemy.select(1))
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
    finally:
        engine.dispose()
    who = f"logged in as {info.username}" if info.username else "opens and answers"
    return f"{who}, {engine.dialect.name} {version}".rstrip()
