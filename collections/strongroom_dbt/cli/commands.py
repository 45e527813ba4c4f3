"""Commands of dbt as tasks and as an operation: what scripts written for Prefect call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from strongroom import Task, task
from strongroom.artifacts import create_markdown_artifact

from strongroom_dbt.cancellable import cancellable_twin
from strongroom_dbt.cli.credentials import DbtCliProfile
from strongroom_dbt.cli.operation import DbtCoreOperation as DbtCoreOperation
from strongroom_dbt.cli.operation import runner_for
from strongroom_dbt.core.build_results import results_of, summary
from strongroom_dbt.core.runner import DbtRunnerResult
from strongroom_dbt.errors import DbtNodeFailed
from strongroom_dbt.result import DbtResult


@task(name="Trigger dbt CLI command")
def trigger_dbt_cli_command(
    command: str,
    profiles_dir: Path | str | None = None,
    project_dir: Path | str | None = None,
    overwrite_profiles: bool = False,
    dbt_cli_profile: DbtCliProfile | None = None,
    create_summary_artifact: bool = False,
    summary_artifact_key: str | None = "dbt-cli-command-summary",
    extra_command_args: list[str] | None = None,
    stream_output: bool = True,
) -> DbtRunnerResult | None:
    """Run a command of dbt: ``trigger_dbt_cli_command("dbt run --select orders")``.

    :param command: with or without ``dbt`` before it.
    :param profiles_dir: the folder of ``profiles.yml``; by default where dbt finds it.
    :param project_dir: the folder of the project; by default the current one or one above it.
    :param overwrite_profiles: whether the profile may stand in for a ``profiles.yml`` that is there; the file itself is
        left as it is.
    :param dbt_cli_profile: the profile, in place of ``profiles.yml``.
    :param create_summary_artifact: keep a summary of the nodes as an artifact under ``summary_artifact_key``.
    :param extra_command_args: more arguments.
    :param stream_output: whether dbt's lines are logged as they come.
    :raises ValueError: a profile that is missing, or stands against a file.
    :raises DbtNodeFailed: nodes failed; it is a ``RuntimeError``, too.
    """
    runner = runner_for(profiles_dir, project_dir, overwrite_profiles, dbt_cli_profile, stream_output)
    arguments = [*DbtCoreOperation.arguments_of(command), *(extra_command_args or ())]
    key = summary_artifact_key if create_summary_artifact else None
    try:
        result = runner.invoke(arguments)
    except DbtNodeFailed as error:
        _summarize(key, command, DbtResult(False, command, error.all_nodes, 0.0))
        raise
    _summarize(key, command, result.result)
    return result


def _summarize(key: str | None, command: str, result: Any) -> None:
    if key is not None and isinstance(result, DbtResult):
        text = summary(results_of(result.nodes, result.command, []), title=f"dbt {command.removeprefix('dbt ')}")
        create_markdown_artifact(text, key=key, description=f"The nodes of {command}")


def _command(command: str, name: str, summary_key: str) -> Task[..., DbtRunnerResult | None]:
    """A task for one command, with the parameters of :func:`trigger_dbt_cli_command` but the command."""

    def run(
        profiles_dir: Path | str | None = None,
        project_dir: Path | str | None = None,
        overwrite_profiles: bool = False,
        dbt_cli_profile: DbtCliProfile | None = None,
        create_summary_artifact: bool = False,
        summary_artifact_key: str = summary_key,
        extra_command_args: list[str] | None = None,
        stream_output: bool = True,
    ) -> DbtRunnerResult | None:
        function: Callable[..., DbtRunnerResult | None] = trigger_dbt_cli_command.fn
        return function(
            command, profiles_dir, project_dir, overwrite_profiles, dbt_cli_profile, create_summary_artifact,
            summary_artifact_key, extra_command_args, stream_output,
        )  # fmt: skip

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"Run ``dbt {command}``; parameters and errors as for :func:`trigger_dbt_cli_command`."
    return task(name=f"dbt {command}")(run)


run_dbt_build = _command("build", "run_dbt_build", "dbt-build-task-summary")
run_dbt_model = _command("run", "run_dbt_model", "dbt-run-task-summary")
run_dbt_test = _command("test", "run_dbt_test", "dbt-test-task-summary")
run_dbt_snapshot = _command("snapshot", "run_dbt_snapshot", "dbt-snapshot-task-summary")
run_dbt_seed = _command("seed", "run_dbt_seed", "dbt-seed-task-summary")
run_dbt_source_freshness = _command("source freshness", "run_dbt_source_freshness", "dbt-source-freshness-task-summary")
dbt_build_task = run_dbt_build
"""The name that older scripts have for it."""

atrigger_dbt_cli_command = cancellable_twin(trigger_dbt_cli_command)
arun_dbt_build = cancellable_twin(run_dbt_build)
arun_dbt_model = cancellable_twin(run_dbt_model)
arun_dbt_test = cancellable_twin(run_dbt_test)
arun_dbt_snapshot = cancellable_twin(run_dbt_snapshot)
arun_dbt_seed = cancellable_twin(run_dbt_seed)
arun_dbt_source_freshness = cancellable_twin(run_dbt_source_freshness)
