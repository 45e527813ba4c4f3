"""DbtCoreOperation: commands of dbt and of the shell, one after another."""

from __future__ import annotations

import contextvars
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, SecretStr
from strongroom import Block, async_twin, redactor

from strongroom_dbt.cancellable import cancelled_by
from strongroom_dbt.cli.credentials import DbtCliProfile
from strongroom_dbt.core.runner import PrefectDbtRunner
from strongroom_dbt.core.settings import PrefectDbtSettings
from strongroom_dbt.errors import DbtCancelled, DbtFailed
from strongroom_dbt.profile import RenderedProfile
from strongroom_dbt.reporting import observer_here

_OF_THE_SHELL = re.compile(r"[|&;<>$`\n\\*?(){}~#]")
_TICK_SECONDS = 0.25
_END_SECONDS = 5.0

_EXAMPLE: dict[str, Any] = {
    "commands": ["dbt deps", "dbt build"],
    "env": {"DBT_ENV_SECRET_GIT_TOKEN": "…"},
    "project_dir": "shop",
}


def runner_for(
    profiles_dir: Path | str | None,
    project_dir: Path | str | None,
    overwrite_profiles: bool,
    profile: DbtCliProfile | None,
    stream_output: bool,
) -> PrefectDbtRunner:
    """What runs a command with these places, and this profile.

    :raises ValueError: a profile stands against a ``profiles.yml`` that is not to be passed over, or is missing.
    """
    places = {"profiles_dir": profiles_dir, "project_dir": project_dir}
    said = {name: Path(place) for name, place in places.items() if place is not None}
    settings = PrefectDbtSettings().model_copy(update=said)
    if overwrite_profiles and profile is None:
        raise ValueError("overwrite_profiles needs a dbt_cli_profile to stand in for profiles.yml.")
    if profile is not None and not overwrite_profiles and profiles_dir is not None:
        path = Path(profiles_dir).expanduser() / "profiles.yml"
        if path.is_file():
            raise ValueError(f"There is {path}: pass overwrite_profiles=True to use dbt_cli_profile in its place.")
    if not stream_output:
        settings = settings.model_copy(update={"log_level": "none"})
    runner = PrefectDbtRunner(settings=settings)
    if profile is not None:
        runner.with_profile(profile.render(), profile.environment())
    return runner


class DbtCoreRun:
    """An operation that is going on."""

    def __init__(self, operation: DbtCoreOperation) -> None:
        self._operation = operation
        self._lines: list[str] = []
        self._failure: BaseException | None = None
        self._cancelled = threading.Event()
        around = contextvars.copy_context()
        self._thread = threading.Thread(target=around.run, args=(self._work,), name="dbt operation", daemon=True)
        self._thread.start()

    def wait_for_completion(self) -> None:
        """Wait for its end.

        :raises DbtNodeFailed: nodes of a command failed. ``DbtFailed``: a command ended with another failure.
        """
        try:
            while self._thread.is_alive():
                self._thread.join(_TICK_SECONDS)
        except BaseException:
            self.close()
            raise
        if self._failure is not None:
            raise self._failure

    await_for_completion: ClassVar = async_twin(wait_for_completion)

    def fetch_result(self) -> list[str]:
        """The lines that its commands have written so far."""
        return list(self._lines)

    afetch_result: ClassVar = async_twin(fetch_result)

    @property
    def return_code(self) -> int | None:
        """0 after success, 1 after a failure; None as long as it goes on."""
        if self._thread.is_alive():
            return None
        return int(self._failure is not None)

    def close(self) -> None:
        """End it, if it still goes on."""
        self._cancelled.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with cancelled_by(self._cancelled):
                self._operation.carry_out(self._lines, self._cancelled)
        except BaseException as failure:
            self._failure = failure


class DbtCoreOperation(Block, slug="dbt-core-operation", title="dbt Core Operation"):
    """Commands of dbt, and of the shell, one after another: ``DbtCoreOperation(commands=["dbt deps", "dbt build"])``.

    Where all are plain commands of dbt, their nodes show as runs; a command with the shell's signs makes them one
    script of the shell.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    commands: list[str] = Field(min_length=1, description="What to run, in order.")
    stream_output: bool = Field(True, description="Whether lines are logged as they come.")
    env: dict[str, SecretStr] = Field(default_factory=dict, description="Variables for the commands.")
    working_dir: Path | None = Field(None, description="Where the shell's commands start; the project's by default.")
    shell: str | None = Field(None, description="The shell of a script; bash by default.")
    extension: str | None = Field(None, description="Of the script's file; .sh by default.")
    profiles_dir: Path | None = Field(None, description="The folder of profiles.yml; by default where dbt finds it.")
    project_dir: Path | None = Field(None, description="The folder of the project; by default here or above.")
    overwrite_profiles: bool = Field(False, description="Whether the profile may stand in for a profiles.yml.")
    dbt_cli_profile: DbtCliProfile | None = Field(None, description="The profile, in place of profiles.yml.")

    @staticmethod
    def arguments_of(command: str) -> list[str]:
        """The arguments of a command, with or without ``dbt`` before it."""
        words = shlex.split(command)
        return words[1:] if words[:1] == ["dbt"] else words

    def trigger(self) -> DbtCoreRun:
        """Start the commands, and give a handle on them."""
        self._run = DbtCoreRun(self)
        return self._run

    atrigger: ClassVar = async_twin(trigger)

    def run(self) -> list[str]:
        """Run the commands, and give the lines that they wrote.

        :raises DbtNodeFailed: nodes failed. ``DbtFailed``: a command ended with another failure.
        """
        handle = self.trigger()
        handle.wait_for_completion()
        return handle.fetch_result()

    arun: ClassVar = async_twin(run)

    def close(self) -> None:
        """End what :meth:`trigger` started, if it still goes on."""
        if self._run is not None:
            self._run.close()

    aclose: ClassVar = async_twin(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    _run: DbtCoreRun | None = None

    def carry_out(self, lines: list[str], cancelled: threading.Event) -> None:
        """Run the commands here; their lines are added to ``lines``."""
        runner = runner_for(
            self.profiles_dir, self.project_dir, self.overwrite_profiles, self.dbt_cli_profile, self.stream_output
        )
        plain = [not _OF_THE_SHELL.search(command) and command.split()[:1] == ["dbt"] for command in self.commands]
        environment = {name: secret.get_secret_value() for name, secret in self.env.items()}
        redactor.register(list(self.env.values()))
        if all(plain):
            runner.with_lines(lines).with_environment(environment)
            for command in self.commands:
                runner.invoke(self.arguments_of(command))
        else:
            self._script(runner, environment, lines, cancelled)

    def _script(
        self, runner: PrefectDbtRunner, environment: dict[str, str], lines: list[str], cancelled: threading.Event
    ) -> None:
        profile = runner.profile
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strongroom-dbt-")))
            variables = dict(os.environ) | environment | self._places(runner, profile, folder)
            variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables.get('PATH', '')}"
            script = folder / f"commands{self.extension or '.sh'}"
            script.write_text("\n".join(["set -e", *self.commands, ""]), encoding="utf-8")
            where = self.working_dir or runner.settings.project_dir or Path.cwd()
            process = subprocess.Popen(
                [self.shell or "bash", str(script)], cwd=where, env=variables, text=True, errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            stack.callback(_ended, process)
            watch = threading.Thread(target=_follow, args=(process, cancelled), daemon=True)
            watch.start()
            log = observer_here().log
            assert process.stdout is not None  # noqa: S101
            for line in process.stdout:
                lines.append(redactor.redact(line.rstrip("\n")))
                if self.stream_output:
                    log("info", lines[-1], "")
            code = process.wait()
        if cancelled.is_set():
            raise DbtCancelled("The operation was cancelled.")
        if code:
            raise DbtFailed(f"The commands ended with exit code {code}.", "\n".join(lines[-10:]))

    @staticmethod
    def _places(runner: PrefectDbtRunner, profile: RenderedProfile | None, folder: Path) -> dict[str, str]:
        found = {"DBT_PROJECT_DIR": runner.settings.project_dir, "DBT_PROFILES_DIR": runner.settings.profiles_dir}
        places = {name: str(Path(place).expanduser().resolve()) for name, place in found.items() if place is not None}
        if profile is None:
            return places
        path = folder / "profiles.yml"
        path.touch(mode=0o600)
        path.write_text(profile.text, encoding="utf-8")
        return places | {"DBT_PROFILES_DIR": str(folder)} | profile.environment()


def _follow(process: subprocess.Popen[str], cancelled: threading.Event) -> None:
    while process.poll() is None:
        if cancelled.wait(_TICK_SECONDS):
            _ended(process)


def _ended(process: subprocess.Popen[str]) -> None:
    """End a process and what it started: asked first, then by force."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
