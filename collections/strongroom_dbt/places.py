"""Where an invocation writes its artifacts: the project's own target folder, or one beside it while that is in use."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from strongroom import require_extra

_PARSED = "partial_parse.msgpack"
_TICK_SECONDS = 0.1


def target_folder_of(folder: Path, project: Mapping[str, Any], environment: Mapping[str, str]) -> Path | None:
    """The folder that a project's artifacts go to unless told otherwise; None where only dbt can tell.

    :param project: the content of ``dbt_project.yml``.
    """
    named = environment.get("DBT_TARGET_PATH") or project.get("target-path") or "target"
    if isinstance(named, str) and "{" in named:
        named = _rendered(named, environment)
    return (folder / named).resolve() if isinstance(named, str) and named else None


def _rendered(text: str, environment: Mapping[str, str]) -> str | None:
    jinja2 = require_extra("jinja2.sandbox", extra="dbt")

    def env_var(name: str, default: str | None = None) -> str:
        if (value := environment.get(name, default)) is None or name.startswith("DBT_ENV_SECRET_"):
            raise KeyError(name)
        return value

    with suppress(Exception):  # dbt will say what is wrong with it
        return str(jinja2.SandboxedEnvironment().from_string(text).render(env_var=env_var))
    return None


@contextmanager
def place_of(target: Path | None, *, alone: bool) -> Iterator[Path | None]:
    """The folder to write to, for as long as the ``with`` lasts; None to leave that to dbt.

    A folder that another invocation is writing to - in this process, in another one - is left in peace: this one gets
    a folder inside of it, which begins with what is known of the project, so that it is not read anew, and whose files
    take their places at the end, each as a whole.

    :param target: the folder to write to, if nobody else does.
    :param alone: wait until nobody else does, for commands that change what others read.
    """
    if target is None:
        yield None
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
        lock = os.open(target, os.O_RDONLY)
    except OSError:
        yield target  # dbt will say what is wrong with it
        return
    try:
        while not (free := _locked(lock)) and alone:
            time.sleep(_TICK_SECONDS)
        if free:
            yield target
            return
        with tempfile.TemporaryDirectory(prefix=".at-once-", dir=target) as private:
            with suppress(OSError):
                shutil.copyfile(target / _PARSED, Path(private, _PARSED))
            try:
                yield Path(private)
            finally:
                _publish(Path(private), target)
    finally:
        os.close(lock)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _publish(private: Path, target: Path) -> None:
    for path in sorted(private.rglob("*")):
        if path.is_file():
            final = target / path.relative_to(private)
            with suppress(OSError):  # the other invocation cleans up
                final.parent.mkdir(parents=True, exist_ok=True)
                path.replace(final)
