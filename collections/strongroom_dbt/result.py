"""What came out of one invocation of dbt: plain values, small enough to be stored with the state of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

FAILED_STATUSES = frozenset({"error", "fail", "runtime error", "partial success"})
"""The statuses of dbt that make an invocation fail."""


@dataclass(frozen=True, slots=True)
class DbtNode:
    """One node of dbt's graph and how it went.

    :param unique_id: dbt's id, such as ``model.shop.orders``.
    :param resource_type: ``model``, ``test``, ``seed``, ``snapshot``, ``operation``, ...
    :param status: dbt's own word: ``success``, ``pass``, ``warn``, ``fail``, ``error``, ``skipped``, ``no-op``, ...
    :param message: dbt's own message; empty where it has none.
    :param failures: the number of failing rows of a test; None for everything else.
    :param rows_affected: what the warehouse reported; None where it reports nothing.
    :param started_at: aware UTC; None for a node that never started. ``finished_at`` likewise.
    :param execution_time: seconds.
    :param path: of its source, relative to the project; ``compiled_path`` of its compiled SQL, as dbt reports it.
    :param depends_on: unique ids of the nodes directly before it; an ephemeral model, which never runs, stands for
        those before it.
    :param failing_rows: the first rows that a failed test found, each a mapping of its columns.
    :param asset: what a model, seed or snapshot makes: ``key`` (``duckdb://shop/main/orders``), ``name``,
        ``description``, ``owners``, ``upstream`` (keys), ``compiled_code``; None for what makes none.
    :param attempts: how often it was run, where it was run again because it failed.
    """

    unique_id: str
    name: str
    resource_type: str
    status: str
    message: str = ""
    failures: int | None = None
    rows_affected: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    execution_time: float = 0.0
    path: str | None = None
    compiled_path: str | None = None
    depends_on: tuple[str, ...] = ()
    failing_rows: tuple[Mapping[str, Any], ...] = ()
    attempts: int = 1
    asset: Mapping[str, Any] | None = None

    @property
    def node(self) -> DbtNode:
        """The node itself: where dbt's own results have one, as scripts written for dbt expect."""
        return self

    @property
    def failed(self) -> bool:
        """Whether this node makes the invocation fail."""
        return self.status in FAILED_STATUSES

    @property
    def skipped(self) -> bool:
        """Whether dbt left it out because something before it failed."""
        return self.status == "skipped"

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON holds them; times in ISO 8601."""
        fields = asdict(self)
        for name in ("started_at", "finished_at"):
            fields[name] = fields[name] and fields[name].isoformat()
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DbtNode:
        """The reverse of :meth:`to_json`."""
        times = {name: fields[name] and datetime.fromisoformat(fields[name]) for name in ("started_at", "finished_at")}
        tuples = {name: tuple(fields[name]) for name in ("depends_on", "failing_rows")}
        return cls(**{**fields, **times, **tuples})


@dataclass(frozen=True, slots=True)
class DbtResult:
    """What one invocation of dbt did.

    :param command: the dbt command, such as ``build``.
    :param nodes: every node that was selected, in the order of dbt's result; empty for ``deps`` and ``parse``. Nodes
        that an earlier attempt had done are not among them.
    :param elapsed: seconds that dbt took, without the start of its process.
    :param output: what the command gave besides nodes: the lines of ``ls``, the rows of ``show`` and the SQL of
        ``compile`` by the node's unique id.
    :param artifacts: the keys of its artifacts in the project's store; none without a store.
    """

    success: bool
    command: str
    nodes: tuple[DbtNode, ...]
    elapsed: float
    output: Any = None
    artifacts: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[DbtNode, ...]:
        """The nodes that failed."""
        return tuple(node for node in self.nodes if node.failed)

    @property
    def results(self) -> tuple[DbtNode, ...]:
        """The nodes, by the name that dbt's own results have for them."""
        return self.nodes

    def __iter__(self) -> Iterator[DbtNode]:
        return iter(self.nodes)

    def count(self, status: str) -> int:
        """How many nodes ended in this status of dbt."""
        return sum(node.status == status for node in self.nodes)

    def node(self, name: str) -> DbtNode:
        """The node of this name or unique id.

        :raises LookupError: no node of this invocation is called so.
        """
        for node in self.nodes:
            if name in (node.unique_id, node.name):
                return node
        raise LookupError(f"No node {name!r} was part of this dbt {self.command}.")
