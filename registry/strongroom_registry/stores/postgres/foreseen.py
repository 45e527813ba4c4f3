"""What was asked for before anybody wanted to know: one row with all that is expected to be asked of a document."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import psycopg

from strongroom_registry.stores.postgres.schema import queries
from strongroom_registry.stores.store import Expected, HeadRow, VersionOutline, VersionRow, WorkspaceRow
from strongroom_registry.tree import path_of, way_to

_QUERY = queries()["expected"]

Question = tuple[object, ...]


class Foreseen:
    """Answers of one moment, good until something is written. They are waited for when the first of them is wanted.

    :param connection: what is asked over it is not waited for where it is in pipeline mode.
    """

    def __init__(self, connection: psycopg.Connection[Any], expected: Expected) -> None:
        workspace_name, workspace, name, number, with_body = expected
        self._expected = expected
        self._way = way_to(path_of(name))
        parameters = (with_body, workspace, self._way, workspace_name, workspace, name, number)
        self._cursor = connection.execute(_QUERY, parameters, binary=True)

    @cached_property
    def answers(self) -> dict[Question, Any]:
        """By what is asked for and how the view is told which."""
        name, workspace = self._expected.name, self._expected.workspace
        [row] = self._cursor.fetchall()
        answers: dict[Question, Any] = {
            ("workspace", self._expected.workspace_name): None if row[0] is None else WorkspaceRow._make(row[:4]),
            ("head", workspace, name): None if row[5] is None else HeadRow._make(row[4:9]),
        }
        answers |= {("node", workspace, path): node for path, node in zip(self._way, row[17], strict=True)}
        if row[9] is not None:
            version = (row[5], row[9])
            answers["outline", *version] = VersionOutline._make(row[9:16])
            if self._expected.with_body:
                answers["version", *version] = VersionRow._make((*row[9:15], row[16]))
        return answers
