"""The verbs of a database inside of one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from strongroom.sql import Parameters, SqlSession

from strongroom_snowflake import running
from strongroom_snowflake.statement import Statement

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector
    from strongroom_snowflake.sessions import Session


class SnowflakeTransaction(SqlSession):
    """What is called on it is part of the transaction, in whichever thread. ``connection`` is the connector's own."""

    def __init__(self, block: SnowflakeConnector, session: Session) -> None:
        super().__init__(session.connection)
        self._block, self._session = block, session

    def _run(self, sql: str, parameters: Parameters) -> Any:
        return running.in_session(
            self._block,
            self._session,
            lambda: running.executed(self._block, self.connection, Statement(sql, parameters), self._session),
        )

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters."""
        running.in_session(
            self._block,
            self._session,
            lambda: running.many_in(self._block, self._session, sql, seq_of_parameters),
        )
