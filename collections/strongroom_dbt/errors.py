"""Every error of the dbt collection.

    StrongroomError (of the registry)
    └── DbtError
        ├── DbtProfileInvalid (ValueError)      a profile that cannot be made from its warehouse block
        ├── DbtProjectInvalid (ValueError)      no project there, or one that dbt cannot read
        ├── DbtUsageError (ValueError)          arguments that dbt does not know
        ├── DbtWarehouseUnavailable             dbt cannot open the warehouse, or it refuses the work before any node
        ├── DbtNodeFailed (RuntimeError)        models, tests, seeds or snapshots that failed
        │   └── DbtBuildFailed                  those of a build that was orchestrated
        ├── DbtFailed (RuntimeError)            dbt broke off for a reason of its own
        ├── DbtCancelled                        somebody set the invocation's `cancelled` event
        └── DbtCrashed                          the process of dbt died: killed, out of memory, a crash in native code
    MissingExtra (of the blocks)                dbt, or the adapter of the warehouse, is not installed

Messages that come from dbt are passed on as dbt wrote them, with every known secret masked.
"""

from __future__ import annotations

from strongroom import StrongroomError

from strongroom_dbt.result import DbtNode


class DbtError(StrongroomError):
    """The root of what can go wrong with dbt."""


class DbtProfileInvalid(DbtError, ValueError):
    """A profile that cannot be made from its warehouse block and settings."""


class DbtProjectInvalid(DbtError, ValueError):
    """A folder that holds no dbt project, or a project that dbt cannot read: its own message says what and where."""


class DbtUsageError(DbtError, ValueError):
    """Arguments that dbt does not know."""


class DbtWarehouseUnavailable(DbtError):
    """dbt cannot open the warehouse, or the warehouse refuses the work before any node has run."""


class _WithNodes(DbtError):
    """An error that tells of nodes."""

    def __init__(self, problem: str, remedy: str = "", nodes: tuple[DbtNode, ...] = ()) -> None:
        super().__init__(problem, remedy)
        self.nodes = nodes

    def __reduce__(self) -> tuple[type[StrongroomError], tuple[object, ...]]:  # type: ignore[override]
        return type(self), (self.problem, self.remedy, self.nodes)


class DbtNodeFailed(_WithNodes, RuntimeError):
    """Models, tests, seeds or snapshots that failed.

    :param nodes: each failed node with dbt's message, failing rows and the path of its compiled SQL.
    :param all_nodes: every node of the invocation.
    """

    def __init__(
        self,
        problem: str,
        remedy: str = "",
        nodes: tuple[DbtNode, ...] = (),
        all_nodes: tuple[DbtNode, ...] = (),
    ) -> None:
        super().__init__(problem, remedy, nodes)
        self.all_nodes = all_nodes or nodes

    def __reduce__(self) -> tuple[type[StrongroomError], tuple[object, ...]]:  # type: ignore[override]
        return type(self), (self.problem, self.remedy, self.nodes, self.all_nodes)


class DbtBuildFailed(DbtNodeFailed):
    """Nodes of a build that was orchestrated failed."""


class DbtFailed(DbtError, RuntimeError):
    """dbt broke off for a reason of its own."""


class DbtCancelled(_WithNodes):
    """The invocation was cancelled; its process is gone.

    :param nodes: those that had ended before.
    """


class DbtCrashed(_WithNodes):
    """The process of dbt died before it could say how the work ended.

    :param nodes: those that had ended before.
    """
