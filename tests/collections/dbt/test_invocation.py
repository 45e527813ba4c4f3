"""An invocation is a process: others do not disturb it, and whatever happens to it or to us, nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import py_compile
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from shop import SHOP, Heard, dbt_processes, project_in
from strongroom import DuckDB
from strongroom_dbt import DbtCrashed, DbtProfile, DbtProject
from strongroom_dbt.invocation import bytecode_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def ended(descriptor: int) -> bool:
    listening = select.poll()  # takes descriptors of any number
    listening.register(descriptor, select.POLLIN)
    return bool(listening.poll(30_000))


def test_a_killed_process_is_reported_as_such(shop: DbtProject, temporary: Path) -> None:
    heard = Heard(at_first_line=lambda: [os.kill(pid, signal.SIGKILL) for pid in dbt_processes()])
    with pytest.raises(DbtCrashed, match="process of dbt was killed by SIGKILL, perhaps for want of memory"):
        shop.invoke(["build"], observer=heard)
    assert list(temporary.iterdir()) == []


def test_a_process_that_cannot_start_dbt_gives_its_last_words(
    shop: DbtProject, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "click.py").write_text("raise OSError('this click is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(DbtCrashed, match=r"(?s)ended with exit code 1 .*OSError: this click is broken"):
        shop.invoke(["build"])
    assert list(temporary.iterdir()) == []


def test_an_interruption_ends_the_process_and_leaves_no_folder(shop: DbtProject, temporary: Path) -> None:
    def interrupt() -> None:
        [pid] = dbt_processes()
        left.append(pid)
        [folder] = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "profiles.yml").stat().st_mode & 0o777 == 0o600
        raise KeyboardInterrupt

    left: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        shop.invoke(["build"], observer=Heard(at_first_line=interrupt))
    assert list(temporary.iterdir()) == []
    assert dbt_processes() == []
    with pytest.raises(ProcessLookupError):
        os.kill(left[0], 0)


def test_a_cancelled_coroutine_ends_its_process(shop: DbtProject, temporary: Path) -> None:
    async def cancel_at_the_first_line() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        heard = Heard(at_first_line=lambda: loop.call_soon_threadsafe(begun.set))
        invocation = asyncio.ensure_future(shop.ainvoke(["build"], observer=heard))
        await begun.wait()
        invocation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await invocation
        assert dbt_processes() == []

    asyncio.run(cancel_at_the_first_line())
    assert list(temporary.iterdir()) == []


PARENT = """
import sys
from shop import Heard, dbt_processes
from strongroom_dbt import DbtProfile, DbtProject
from strongroom import DuckDB

profile = DbtProfile(warehouse=DuckDB(path=sys.argv[2]))
heard = Heard(at_first_line=lambda: print(*dbt_processes(), flush=True))
DbtProject(project_dir=sys.argv[1], profile=profile).invoke(["build"], observer=heard)
"""


def test_dbt_does_not_outlive_a_parent_that_is_killed(shop: DbtProject, tmp_path: Path, temporary: Path) -> None:
    arguments = [sys.executable, "-c", PARENT, str(shop.project_dir), str(tmp_path / "warehouse.duckdb")]
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, text=True) as parent:
        assert parent.stdout is not None
        with watched(int(parent.stdout.readline())) as dbt:
            parent.send_signal(signal.SIGKILL)
            assert ended(dbt)
    assert list(temporary.iterdir()) == []


def test_two_builds_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    first = project_in(tmp_path, SHOP)
    second = first.model_copy(
        update={
            "profile": DbtProfile(warehouse=DuckDB(path=str(tmp_path / "second.duckdb")), schema_name="other"),
            "target_path": tmp_path / "second-target",
        }
    )
    with ThreadPoolExecutor(2) as threads:
        builds = [
            threads.submit(project.invoke, ["build"], vars={"limit": limit})
            for project, limit in ((first, 21), (second, 0))
        ]
        assert all(build.result().success for build in builds)
    assert DuckDB(path=str(tmp_path / "warehouse.duckdb")).fetch_one("select count(*) from main.best") == (1,)
    assert DuckDB(path=str(tmp_path / "second.duckdb")).fetch_one("select count(*) from other.best") == (2,)
    assert (tmp_path / "second-target/manifest.json").is_file()
    assert (tmp_path / "second-target/logs/dbt.log").is_file()


def test_compiled_modules_are_cached_elsewhere_only_where_python_may_not_keep_them(tmp_path: Path) -> None:
    source, named = tmp_path / "cli.py", tmp_path / "named"
    cache, forbidden = {"XDG_CACHE_HOME": str(tmp_path)}, {"PYTHONDONTWRITEBYTECODE": "1"}
    source.write_text("")
    assert bytecode_folder(cache, source) is None
    assert bytecode_folder({**cache, **forbidden, "PYTHONPYCACHEPREFIX": str(named)}, source) is None
    folder = bytecode_folder({**cache, **forbidden}, source)
    assert folder == str(tmp_path / "strongroom/bytecode")
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    py_compile.compile(str(source))
    assert bytecode_folder({**cache, **forbidden}, source) is None
