"""Where a database is and who logs in, in parts."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from strongroom import SecretDict
from strongroom.sql import url_of

if TYPE_CHECKING:
    from sqlalchemy import URL


class AsyncDriver(Enum):
    """Drivers to await, as SQLAlchemy names them."""

    POSTGRESQL_ASYNCPG = "postgresql+asyncpg"
    SQLITE_AIOSQLITE = "sqlite+aiosqlite"
    MYSQL_ASYNCMY = "mysql+asyncmy"
    MYSQL_AIOMYSQL = "mysql+aiomysql"
    ORACLE_ORACLEDB_ASYNC = "oracle+oracledb_async"


class SyncDriver(Enum):
    """Drivers that wait, as SQLAlchemy names them."""

    POSTGRESQL_PSYCOPG = "postgresql+psycopg"
    POSTGRESQL_PSYCOPG2 = "postgresql+psycopg2"
    POSTGRESQL_PG8000 = "postgresql+pg8000"
    POSTGRESQL_PSYCOPG2CFFI = "postgresql+psycopg2cffi"
    POSTGRESQL_PYPOSTGRESQL = "postgresql+pypostgresql"
    POSTGRESQL_PYGRESQL = "postgresql+pygresql"
    MYSQL_MYSQLDB = "mysql+mysqldb"
    MYSQL_PYMYSQL = "mysql+pymysql"
    MYSQL_MYSQLCONNECTOR = "mysql+mysqlconnector"
    MYSQL_CYMYSQL = "mysql+cymysql"
    MYSQL_OURSQL = "mysql+oursql"
    MYSQL_PYODBC = "mysql+pyodbc"
    SQLITE_PYSQLITE = "sqlite+pysqlite"
    SQLITE_PYSQLCIPHER = "sqlite+pysqlcipher"
    ORACLE_CX_ORACLE = "oracle+cx_oracle"
    ORACLE_ORACLEDB = "oracle+oracledb"
    MSSQL_PYODBC = "mssql+pyodbc"
    MSSQL_MXODBC = "mssql+mxodbc"
    MSSQL_PYMSSQL = "mssql+pymssql"


_ASYNCHRONOUS = frozenset(driver.value for driver in AsyncDriver) | {"mssql+aioodbc", "postgresql+psycopg_async"}


class ConnectionComponents(BaseModel):
    """The parts of a URL of SQLAlchemy's. The password is a secret, and so is what stands in the query."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    driver: AsyncDriver | SyncDriver | str = Field(description="The driver, as SQLAlchemy names it.")
    database: str | None = Field(None, description="Its name; for SQLite the file, in memory without one.")
    username: str | None = Field(None, description="Who logs in.")
    password: SecretStr | None = Field(None, description="The password of who logs in.")
    host: str | None = Field(None, description="A host or an address.")
    port: int | None = Field(None, ge=1, le=65535, description="The port, where it is not the usual one.")
    query: SecretDict | None = Field(None, description="What the driver takes in a URL's query, by name.")

    @field_validator("driver", mode="before")
    @classmethod
    def _known_by_its_name(cls, value: Any) -> Any:
        known = {driver.value: driver for driver in (*AsyncDriver, *SyncDriver)}
        return known.get(value, value) if isinstance(value, str) else value

    @property
    def is_asynchronous(self) -> bool:
        """Whether the driver is one to await."""
        return self._driver_name() in _ASYNCHRONOUS

    def create_url(self) -> URL:
        """The URL that SQLAlchemy takes; it shows stars for the password.

        :raises MissingExtra: SQLAlchemy is not installed.
        """
        return url_of(
            self._driver_name(),
            host=self.host,
            port=self.port,
            database=self.database,
            username=self.username,
            password=self.password.get_secret_value() if self.password else None,
            query=self.query.get_secret_value() if self.query else None,
        )

    def _driver_name(self) -> str:
        return self.driver if isinstance(self.driver, str) else str(self.driver.value)
