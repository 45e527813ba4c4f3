"""hvac's own integration tests, as they are in its sdist, run against our server.

The sdist and the environment that its tests run in are fetched once, below ``build/``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from absent import absent

VERSION = "2.4.0"

_HERE = Path(__file__).parent
_PARTS = _HERE / "hvac_environment"
_BUILD = _HERE.parents[1] / "build" / "hvac"
_MEMORY = Path("/dev/shm")
_LONGEST_SECONDS = 1800
_PAGE = _HERE.parents[1] / "docs" / "reference" / "vault-api.md"
_FILE_ROW = re.compile(r"\| `([a-z0-9_/]+\.py)` \| ([0-9]+) \| [0-9]+ \|")
_TEST_ROW = re.compile(r"\| `([a-z0-9_/]+\.py::\w+)` \| (.+) \|")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test.

    :param file: where it stands, beneath hvac's ``tests/integration_tests``.
    :param outcome: ``passed``, ``failed`` or ``skipped``.
    :param why: the first line of what failed, or the reason why it was skipped.
    """

    file: str
    name: str
    outcome: str
    why: str = ""

    @property
    def id(self) -> str:
        """What the page calls it."""
        return f"{self.file}::{self.name}"


@dataclass(frozen=True, slots=True)
class Promise:
    """What the page about Vault's API says of hvac's tests.

    :param files: how many tests each file holds.
    :param not_passed: those that do not pass, and why.
    """

    files: Mapping[str, int]
    not_passed: Mapping[str, str]

    def broken(self, files: Sequence[str], results: Sequence[Result]) -> list[str]:
        """What is not as the page says, of a run of some files."""
        counted = Counter(result.file for result in results)
        found = [
            f"{file}: {counted[file]} tests of {self.files[file]}"
            for file in files
            if counted[file] != self.files[file]
        ]
        for result in results:
            if result.outcome == "passed" and result.id in self.not_passed:
                found.append(f"{result.id} passes")
            elif result.outcome != "passed" and result.id not in self.not_passed:
                found.append(f"{result.id} {result.outcome}: {result.why}")
        return found


def promise() -> Promise:
    """What the page says."""
    page = _PAGE.read_text()
    files = {found[1]: int(found[2]) for found in _FILE_ROW.finditer(page)}
    return Promise(files, {found[1]: found[2] for found in _TEST_ROW.finditer(page)})


def run(files: Sequence[str], *, log: Path | None = None) -> list[Result]:
    """Run some files; what became of each test.

    :param log: where their output goes.
    """
    python, sdist = environment(), fetched()
    with _folder() as folder:
        root = folder / "hvac"
        shutil.copytree(sdist, root, ignore=shutil.ignore_patterns("generated", "docs", "__pycache__"))
        (root / "tests" / "config_files" / "generated").mkdir()
        (folder / "servers").mkdir()
        _write_program(folder / "bin")
        command = [str(python), "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "--junitxml", "results.xml"]
        command += ["-q", "--tb=short", *(f"tests/integration_tests/{file}" for file in files)]
        output = _output(command, root, _variables(folder))
        if log is not None:
            log.write_text(output)
        results = root / "results.xml"
        assert results.exists(), f"hvac's tests did not run:\n{output[-4000:]}"
        return list(_read(results, files))


def _output(command: list[str], folder: Path, variables: Mapping[str, str]) -> str:
    """What a command prints. If it is broken off, the servers that it started end with it."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            return process.communicate(timeout=_LONGEST_SECONDS)[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def environment() -> Path:
    """The Python that hvac's tests run in, made where there is none yet."""
    wanted = hashlib.sha256((_PARTS / "requirements.txt").read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = _BUILD / wanted
    with _alone():
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            if problem := _make(folder):
                shutil.rmtree(folder, ignore_errors=True)
                absent(f"The environment of hvac's tests cannot be made: {problem}")
            (folder / "made").touch()
    return folder / "bin" / "python"


def fetched() -> Path:
    """hvac's sdist, unpacked."""
    python, folder = environment(), _BUILD / f"hvac-{VERSION}"
    archive = _BUILD / f"hvac-{VERSION}.tar.gz"
    with _alone():
        if not archive.exists():
            command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "hvac"]
            if problem := _failure([*command, "--dest", str(_BUILD), f"hvac=={VERSION}"]):
                absent(f"hvac's sdist cannot be had: {problem}")
        if not (folder / "PKG-INFO").exists():
            with tarfile.open(archive) as opened:
                opened.extractall(_BUILD, filter="data")
    return folder


def _make(folder: Path) -> str:
    """Make the environment; why it cannot be made."""
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "-r", str(_PARTS / "requirements.txt")],
    ]
    return next((problem for step in steps if (problem := _failure(step))), "")


def _failure(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return (done.stderr.strip().splitlines() or ["no reason was given"])[-1] if done.returncode else ""


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time makes and fetches."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / "making.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for a run: in memory where there is some, for servers sync every commit."""
    where = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hvac-", dir=where, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _write_program(folder: Path) -> None:
    """Put the program ``vault`` where it is found."""
    folder.mkdir()
    program = folder / "vault"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_PARTS / "program.py"}" "$@"\n')
    program.chmod(0o755)


def _variables(folder: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "VAULT_", "PYTEST_"))
    }
    return kept | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{kept['PATH']}",
        "HVAC_SUITE": str(folder / "servers"),
        "HOME": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _read(results: Path, files: Sequence[str]) -> Iterator[Result]:
    """What became of each test, as pytest wrote it down."""
    modules = {f"tests.integration_tests.{file.removesuffix('.py').replace('/', '.')}": file for file in files}
    for case in ElementTree.parse(results).iter("testcase"):  # we wrote it ourselves
        module = case.get("classname", "").rpartition(".")[0]
        outcome, why = "passed", ""
        for tag, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
            found = case.find(tag)
            if found is not None:
                outcome, why = word, (found.get("message") or "").strip().splitlines()[0][:300]
        yield Result(modules[module], case.get("name", ""), outcome, why)
