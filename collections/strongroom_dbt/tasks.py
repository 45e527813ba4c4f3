"""A task for each command of dbt; the nodes of the project show as runs of their own below the task's.

Each takes the options that it names as keywords, and has an asynchronous twin: ``dbt_build`` and ``adbt_build``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Unpack

from pydantic import JsonValue
from strongroom import task

from strongroom_dbt.cancellable import cancellable_twin, cancelled_around_here
from strongroom_dbt.options import (
    OF_THE_INVOCATION,
    BuildAndTestOptions,
    BuildOptions,
    InvocationOptions,
    NodeOptions,
    SelectionOptions,
    TestOptions,
    arguments_of,
)
from strongroom_dbt.project import DbtProject
from strongroom_dbt.reporting import RunObserver
from strongroom_dbt.result import DbtResult


@task(name="dbt build")
def dbt_build(project: DbtProject, **options: Unpack[BuildAndTestOptions]) -> DbtResult:
    """Seed, run, snapshot and test in the order of dependencies: ``dbt build``.

    :param options: see :class:`~strongroom_dbt.BuildAndTestOptions`.
    :raises DbtNodeFailed: nodes failed; it has dbt's own message for each. Other errors as :meth:`DbtProject.invoke`.
    """
    return _invoke(project, "build", options)


@task(name="dbt run")
def dbt_run(project: DbtProject, **options: Unpack[BuildOptions]) -> DbtResult:
    """Build the models: ``dbt run``. Errors as for :func:`dbt_build`."""
    return _invoke(project, "run", options)


@task(name="dbt seed")
def dbt_seed(project: DbtProject, **options: Unpack[BuildOptions]) -> DbtResult:
    """Load the CSV files of the project: ``dbt seed``. Errors as for :func:`dbt_build`."""
    return _invoke(project, "seed", options)


@task(name="dbt test")
def dbt_test(project: DbtProject, **options: Unpack[TestOptions]) -> DbtResult:
    """Run the tests on what is built: ``dbt test``. Errors as for :func:`dbt_build`; they have the failing rows."""
    return _invoke(project, "test", options)


@task(name="dbt snapshot")
def dbt_snapshot(project: DbtProject, **options: Unpack[NodeOptions]) -> DbtResult:
    """Take the snapshots: ``dbt snapshot``. Errors as for :func:`dbt_build`."""
    return _invoke(project, "snapshot", options)


@task(name="dbt source freshness")
def dbt_source_freshness(project: DbtProject, **options: Unpack[NodeOptions]) -> DbtResult:
    """See how old the sources are: ``dbt source freshness``. A node's message says when it was loaded last.

    :raises DbtNodeFailed: sources are older than ``error_after``. Other errors as :meth:`DbtProject.invoke`.
    """
    return _invoke(project, "source freshness", options)


@task(name="dbt clone")
def dbt_clone(project: DbtProject, **options: Unpack[BuildOptions]) -> DbtResult:
    """Clone relations of the state into the target: ``dbt clone``. Errors as for :func:`dbt_build`."""
    return _invoke(project, "clone", options)


@task(name="dbt compile")
def dbt_compile(project: DbtProject, **options: Unpack[NodeOptions]) -> DbtResult:
    """Write the SQL that would be run: ``dbt compile``. ``output`` of the result has it by unique id."""
    return _invoke(project, "compile", options)


@task(name="dbt ls")
def dbt_ls(project: DbtProject, **options: Unpack[SelectionOptions]) -> list[str]:
    """What a selection picks: ``dbt ls``. ``extra_args=["--output", "json"]`` tells more of each."""
    return list(_invoke(project, "ls", options).output)


@task(name="dbt show")
def dbt_show(
    project: DbtProject, *, inline: str | None = None, limit: int = 5, **options: Unpack[SelectionOptions]
) -> list[dict[str, Any]]:
    """The first rows of what a node, or a query of one's own, gives: ``dbt show``.

    :param inline: a query in dbt's SQL, instead of a node that is selected.
    :param limit: how many rows; -1 for all.
    """
    wanted = [] if inline is None else ["--inline", inline]
    if inline is None:
        options.setdefault("indirect_selection", "empty")  # a node without its tests
    result = _invoke(project, "show", options, [*wanted, "--limit", str(limit)])
    return [row for rows in result.output.values() for row in rows]


@task(name="dbt run-operation")
def dbt_run_operation(
    project: DbtProject,
    macro: str,
    args: Mapping[str, JsonValue] | None = None,
    **options: Unpack[InvocationOptions],
) -> DbtResult:
    """Run a macro of the project: ``dbt run-operation``.

    :param args: its arguments; no secrets, as dbt writes them down.
    """
    return _invoke(project, "run-operation", options, [macro, "--args", json.dumps(dict(args or {}))])


@task(name="dbt docs generate")
def dbt_docs_generate(project: DbtProject, *, static: bool = True, **options: Unpack[SelectionOptions]) -> DbtResult:
    """Write the documentation and the catalog: ``dbt docs generate``; :meth:`DbtProject.serve_docs` shows it.

    :param static: in one file, ``static_index.html``, which can be put anywhere.
    """
    return _invoke(project, "docs generate", options, ["--static"] if static else [])


@task(name="dbt deps")
def dbt_deps(project: DbtProject, **options: Unpack[InvocationOptions]) -> DbtResult:
    """Install the packages of the project: ``dbt deps``. It is handed no credentials of the warehouse."""
    return _invoke(project, "deps", options)


@task(name="dbt clean")
def dbt_clean(project: DbtProject, **options: Unpack[InvocationOptions]) -> DbtResult:
    """Delete what the project names in ``clean-targets``: ``dbt clean``."""
    return _invoke(project, "clean", options)


@task(name="dbt parse")
def dbt_parse(project: DbtProject, **options: Unpack[InvocationOptions]) -> DbtResult:
    """Read the project and report what is wrong with it, without work in the warehouse: ``dbt parse``."""
    return _invoke(project, "parse", options)


@task(name="dbt debug")
def dbt_debug(project: DbtProject, **options: Unpack[InvocationOptions]) -> DbtResult:
    """Try the profile, and log what dbt finds: ``dbt debug``."""
    return _invoke(project, "debug", options)


@task(name="dbt retry")
def dbt_retry(project: DbtProject, **options: Unpack[NodeOptions]) -> DbtResult:
    """Run what failed in the last invocation again, with what was skipped because of it: ``dbt retry``.

    It reads ``run_results.json`` of the target folder, or of ``state``: another folder, or True for the store's.
    """
    return _invoke(project, "retry", options)


adbt_build = cancellable_twin(dbt_build)
adbt_clean = cancellable_twin(dbt_clean)
adbt_clone = cancellable_twin(dbt_clone)
adbt_compile = cancellable_twin(dbt_compile)
adbt_debug = cancellable_twin(dbt_debug)
adbt_deps = cancellable_twin(dbt_deps)
adbt_docs_generate = cancellable_twin(dbt_docs_generate)
adbt_ls = cancellable_twin(dbt_ls)
adbt_parse = cancellable_twin(dbt_parse)
adbt_retry = cancellable_twin(dbt_retry)
adbt_run = cancellable_twin(dbt_run)
adbt_run_operation = cancellable_twin(dbt_run_operation)
adbt_seed = cancellable_twin(dbt_seed)
adbt_show = cancellable_twin(dbt_show)
adbt_snapshot = cancellable_twin(dbt_snapshot)
adbt_source_freshness = cancellable_twin(dbt_source_freshness)
adbt_test = cancellable_twin(dbt_test)


def _invoke(project: DbtProject, command: str, options: Mapping[str, Any], more: list[str] | None = None) -> DbtResult:
    observer = RunObserver()
    told = {name: value for name, value in options.items() if name in OF_THE_INVOCATION}
    rest = {name: value for name, value in options.items() if name not in (*OF_THE_INVOCATION, "extra_args", "resume")}
    arguments = [*arguments_of(command, rest), *(more or ()), *options.get("extra_args", ())]
    done = observer.done if options.get("resume", True) else ()
    return project.invoke(arguments, observer=observer, done=done, cancelled=cancelled_around_here(), **told)
