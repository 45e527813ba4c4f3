"""A task for each command of dbt; the nodes of the project show as runs of their own below the task's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue
from strongroom import task

from strongroom_dbt.errors import DbtUsageError
from strongroom_dbt.project import DbtProject
from strongroom_dbt.reporting import RunObserver
from strongroom_dbt.result import DbtResult

Selection = str | Sequence[str] | None
"""What dbt's ``--select`` takes: names, paths, tags, graph operators; several are a union."""


@task(name="dbt build")
def dbt_build(
    project: DbtProject,
    *,
    select: Selection = None,
    exclude: Selection = None,
    full_refresh: bool = False,
    vars: dict[str, JsonValue] | None = None,
    target: str | None = None,
    threads: int | None = None,
) -> DbtResult:
    """Seed, run, snapshot and test in the order of dependencies: ``dbt build``.

    :param select: which nodes, in dbt's selection syntax; ``exclude`` takes some of them out again.
    :param full_refresh: build incremental models and seeds anew.
    :param vars: variables of the project; they win over those of the block.
    :param target: another name for the target, ``target.name`` in the project.
    :param threads: how many nodes at once, instead of the profile's number.
    :raises DbtNodeFailed: nodes failed; it has dbt's own message for each. Other errors as :meth:`DbtProject.invoke`.
    """
    options = {"select": select, "exclude": exclude, "full_refresh": full_refresh}
    return _invoke(project, "build", options, vars=vars, target=target, threads=threads)


@task(name="dbt run")
def dbt_run(
    project: DbtProject,
    *,
    select: Selection = None,
    exclude: Selection = None,
    full_refresh: bool = False,
    vars: dict[str, JsonValue] | None = None,
    target: str | None = None,
    threads: int | None = None,
) -> DbtResult:
    """Build the models: ``dbt run``. Parameters and errors as for :func:`dbt_build`."""
    options = {"select": select, "exclude": exclude, "full_refresh": full_refresh}
    return _invoke(project, "run", options, vars=vars, target=target, threads=threads)


@task(name="dbt seed")
def dbt_seed(
    project: DbtProject,
    *,
    select: Selection = None,
    exclude: Selection = None,
    full_refresh: bool = False,
    vars: dict[str, JsonValue] | None = None,
    target: str | None = None,
    threads: int | None = None,
) -> DbtResult:
    """Load the CSV files of the project: ``dbt seed``. Parameters and errors as for :func:`dbt_build`."""
    options = {"select": select, "exclude": exclude, "full_refresh": full_refresh}
    return _invoke(project, "seed", options, vars=vars, target=target, threads=threads)


@task(name="dbt test")
def dbt_test(
    project: DbtProject,
    *,
    select: Selection = None,
    exclude: Selection = None,
    vars: dict[str, JsonValue] | None = None,
    target: str | None = None,
    threads: int | None = None,
) -> DbtResult:
    """Run the tests on what is built: ``dbt test``. Parameters and errors as for :func:`dbt_build`."""
    return _invoke(project, "test", {"select": select, "exclude": exclude}, vars=vars, target=target, threads=threads)


@task(name="dbt snapshot")
def dbt_snapshot(
    project: DbtProject,
    *,
    select: Selection = None,
    exclude: Selection = None,
    vars: dict[str, JsonValue] | None = None,
    target: str | None = None,
    threads: int | None = None,
) -> DbtResult:
    """Take the snapshots: ``dbt snapshot``. Parameters and errors as for :func:`dbt_build`."""
    options = {"select": select, "exclude": exclude}
    return _invoke(project, "snapshot", options, vars=vars, target=target, threads=threads)


@task(name="dbt deps")
def dbt_deps(project: DbtProject, *, vars: dict[str, JsonValue] | None = None) -> DbtResult:
    """Install the packages of the project: ``dbt deps``. It is handed no credentials of the warehouse."""
    return _invoke(project, "deps", {}, vars=vars)


@task(name="dbt parse")
def dbt_parse(project: DbtProject, *, vars: dict[str, JsonValue] | None = None, target: str | None = None) -> DbtResult:
    """Read the project and report what is wrong with it, without work in the warehouse: ``dbt parse``."""
    return _invoke(project, "parse", {}, vars=vars, target=target)


def arguments_of(command: str, options: Mapping[str, Selection | bool]) -> list[str]:
    """The arguments of dbt for a command and its options; what is None or False is left out.

    :raises DbtUsageError: a selection of nothing, which dbt would take for everything.
    """
    arguments = [command]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        values = [] if value is True else [value] if isinstance(value, str) else list(value)
        if value is not True and not any(values):
            raise DbtUsageError(f"`{name}` selects nothing.", "Leave it out to take every node, or skip the task.")
        arguments += [flag, *values]
    return arguments


def _invoke(project: DbtProject, command: str, options: Mapping[str, Selection | bool], **rest: Any) -> DbtResult:
    return project.invoke(arguments_of(command, options), observer=RunObserver(), **rest)
