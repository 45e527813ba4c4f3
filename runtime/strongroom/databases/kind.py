"""What tells one of the runtime's databases from another, and from one that is not ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom_registry.errors import StrongroomError


@dataclass(frozen=True)
class Kind:
    """A kind of database: the run history, or the ledger.

    :param name: what people call it: ``"run history"``.
    :param variable: the environment variable that names another place for it.
    :param application_id: SQLite's mark of the files of this kind; PostgreSQL's advisory lock while tables are made.
    :param migrations: SQL scripts; the first makes the tables, each later one brings them to the next format.
    :param unavailable: the error where it cannot be used now.
    :param foreign: the error where something else lies there.
    :param newer: the error where a newer version wrote it.
    """

    name: str
    variable: str
    application_id: int
    migrations: Sequence[str]
    unavailable: type[StrongroomError]
    foreign: type[StrongroomError]
    newer: type[StrongroomError]
    is_durable: bool = False
    """Whether each transaction is on the disk when it ends, so that the end of the machine loses none."""

    @property
    def format(self) -> int:
        """The newest format."""
        return len(self.migrations)


def statements(script: str) -> list[str]:
    """The statements of a script; a semicolon at the end of a line ends one, and stands nowhere else there."""
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [text for statement in "\n".join(lines).split(";\n") if (text := statement.strip().rstrip(";"))]
