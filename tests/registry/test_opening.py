"""The first opening of a registry and every later one: keys, refusals, settings, crashes."""

from __future__ import annotations

import logging
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from strongroom_registry import current, open_registry, set_current, using
from strongroom_registry.errors import (
    InvalidReference,
    KeyUnavailable,
    StoreProblem,
    StoreUnavailable,
    StrongroomError,
    UnknownWorkspace,
    WrongKey,
)
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.workspaces import new_workspace

from .conftest import saver


def key_files(config: Path) -> list[Path]:
    return sorted((config / "strongroom" / "keys").glob("*.key"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def other_key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OTHER_KEY", new_key_text())
    return "env:OTHER_KEY"


def frozen(path: Path) -> dict[str, bytes]:
    """Every file of a registry that is closed."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


class TestTheFirstTime:
    def test_a_key_is_made_apart_from_the_data_and_its_place_is_said_once(
        self, url: str, path: Path, config: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="strongroom")
        with open_registry(url) as registry:
            [key] = key_files(config)
            assert UUID(key.stem) == registry.store_id
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert not list(path.parent.glob("*.key"))
        said = capsys.readouterr()
        assert str(key) in said.err
        assert "keep a copy" in said.err
        assert said.out == ""
        assert str(key) in caplog.text
        open_registry(url).close()
        assert capsys.readouterr().err == ""

    def test_a_key_that_is_named_is_used_and_none_is_made(
        self, url: str, config: Path, other_key: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        open_registry(url, key=other_key).close()
        assert key_files(config) == []
        assert capsys.readouterr().err == ""

    def test_a_key_file_that_is_named_and_missing_is_made(
        self, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        key = tmp_path / "vault" / "my.key"
        open_registry(url, key=f"file:{key}").close()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert str(key) in capsys.readouterr().err
        open_registry(url, key=f"file:{key}").close()

    def test_a_key_that_cannot_be_had_leaves_nothing_half_made(self, url: str, path: Path) -> None:
        with pytest.raises(KeyUnavailable):
            open_registry(url, key="env:NOT_SET")
        open_registry(url).close()

    def test_nothing_is_made_where_that_is_not_wanted(self, url: str, path: Path, config: Path) -> None:
        with pytest.raises(StoreUnavailable, match="init"):
            open_registry(url, create=False)
        assert not path.exists()
        assert key_files(config) == []

    def test_an_empty_file_is_finished_or_refused(self, url: str, path: Path) -> None:
        path.parent.mkdir()
        path.touch()
        with pytest.raises(StoreUnavailable, match="never finished"):
            open_registry(url, create=False)
        with open_registry(url) as registry:
            saver(registry)("lake")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


INTERRUPTED = """
import os, signal, sys
from strongroom_registry import open_registry
from strongroom_registry.keys import file
write_key = file.generate_key_file
def die_after(path):
    write_key(path)
    os.kill(os.getpid(), signal.SIGKILL)
file.generate_key_file = die_after
open_registry(sys.argv[1])
"""


def test_a_crash_between_the_key_and_the_store_is_overcome_by_the_next_opening(
    url: str, path: Path, config: Path
) -> None:
    crashed = subprocess.run([sys.executable, "-c", INTERRUPTED, url])
    assert crashed.returncode == -signal.SIGKILL
    assert path.exists()
    assert len(key_files(config)) == 1
    with open_registry(url) as registry:
        saver(registry)("lake")
        mine = config / "strongroom" / "keys" / f"{registry.store_id}.key"
    assert mine in key_files(config)
    with open_registry(url) as registry:
        assert registry.get("lake").payload == b"payload"


AT_ONCE = """
import sys
from strongroom_registry import open_registry
print("ready", flush=True)
sys.stdin.readline()
with open_registry(sys.argv[1]) as registry:
    print(registry.store_id)
"""


def test_processes_that_open_a_new_registry_at_once_make_one(url: str, config: Path) -> None:
    pipe = subprocess.PIPE
    children = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE, url], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0] * 4, answers
    assert len({out for out, _ in answers}) == 1
    assert sum("made a new registry" in err for _, err in answers) == 1
    assert len(key_files(config)) == 1


class TestEveryOtherTime:
    @pytest.fixture(autouse=True)
    def _filled(self, url: str, path: Path) -> None:
        with open_registry(url) as registry:
            saver(registry)("lake", b"water")
        self.before = frozen(path)

    def test_another_key_is_refused_with_both_fingerprints(
        self, url: str, path: Path, config: Path, other_key: str
    ) -> None:
        from strongroom_registry.keys import FileKey, resolve

        with pytest.raises(WrongKey) as refused:
            open_registry(url, key=other_key)
        theirs, ours = resolve(other_key), FileKey(key_files(config)[0])
        assert theirs.fingerprint in str(refused.value)  # type: ignore[attr-defined]
        assert ours.fingerprint in str(refused.value)
        assert frozen(path) == self.before

    def test_a_missing_key_is_never_replaced_by_a_new_one(self, url: str, path: Path, config: Path) -> None:
        [key] = key_files(config)
        key.rename(key.with_suffix(".away"))
        with pytest.raises(KeyUnavailable, match="STRONGROOM_KEY") as refused:
            open_registry(url)
        assert str(key) in str(refused.value)
        assert key_files(config) == []
        assert frozen(path) == self.before

    def test_an_empty_environment_makes_no_new_key(
        self, url: str, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A container that lost its configuration: another home, no variables."""
        for name in list(os.environ):
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
        with pytest.raises(KeyUnavailable):
            open_registry(url)
        assert not (tmp_path / "elsewhere").exists()
        assert frozen(path) == self.before

    @pytest.mark.parametrize("content", [b"", b"strongroom-key-v1:", b"x" * 100, None])
    def test_a_key_file_that_was_cut_off_is_refused(
        self, url: str, path: Path, config: Path, content: bytes | None
    ) -> None:
        [key] = key_files(config)
        key.write_bytes(key.read_bytes()[:-5] if content is None else content)
        with pytest.raises(StrongroomError, match=str(key)):
            open_registry(url)
        assert frozen(path) == self.before

    def test_a_second_workspace_needs_the_key_of_the_first(self, url: str, path: Path, other_key: str) -> None:
        with pytest.raises(WrongKey):
            new_workspace("team", url, key=other_key)
        with pytest.raises(WrongKey):
            open_registry(url, workspace="team", key=other_key)
        assert frozen(path) == self.before
        new_workspace("team", url)
        with open_registry(url, workspace="team") as registry:
            assert registry.workspace == "team"

    @pytest.mark.parametrize("create", [True, False])
    def test_a_workspace_of_a_mistyped_name_is_never_made(self, url: str, path: Path, create: bool) -> None:
        with pytest.raises(UnknownWorkspace, match=r"'taem'.*strongroom workspace new"):
            open_registry(url, workspace="taem", create=create)
        assert frozen(path) == self.before

    def test_a_key_from_the_environment_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_key: str
    ) -> None:
        second = f"sqlite:///{tmp_path / 'second.db'}"
        monkeypatch.setenv("STRONGROOM_KEY", other_key)
        with open_registry(second) as registry:
            saver(registry)("lake")
        monkeypatch.setenv("STRONGROOM_KEY", "")
        with pytest.raises(KeyUnavailable, match="env:OTHER_KEY"):
            open_registry(second)

    def test_a_running_registry_says_when_it_was_closed(self, url: str) -> None:
        registry = open_registry(url)
        registry.close()
        registry.close()
        with pytest.raises(StoreProblem, match="closed"):
            registry.get("lake")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, strongroom_home: Path) -> None:
    monkeypatch.setenv("STRONGROOM_WORKSPACE", "team")
    monkeypatch.setenv("STRONGROOM_ACTOR", "bob")
    with open_registry() as registry:
        assert (strongroom_home / "registry.db").exists()
        assert registry.workspace == "team"
        assert saver(registry)("lake").actor == "bob"


def test_a_registry_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch, path: Path, url: str) -> None:
    monkeypatch.setenv("STRONGROOM_REGISTRY", url)
    open_registry().close()
    assert path.exists()


def test_a_workspace_needs_a_name() -> None:
    with pytest.raises(InvalidReference):
        open_registry("memory:", workspace="No Name")


class TestCurrent:
    @pytest.fixture(autouse=True)
    def _closed_afterwards(self) -> object:
        yield
        set_current(None)

    def test_it_is_opened_once_from_the_settings(self, strongroom_home: Path) -> None:
        assert current() is current()
        assert (strongroom_home / "registry.db").exists()

    def test_another_one_can_be_used_for_a_while(self) -> None:
        with open_registry("memory:") as registry:
            with using(registry) as used:
                assert current() is used is registry
            assert current() is not registry

    def test_it_can_be_set_for_the_whole_process_and_forgotten(self) -> None:
        registry = open_registry("memory:")
        set_current(registry)
        assert current() is registry
        set_current(None)
        assert current() is not registry
        with pytest.raises(StoreProblem):
            registry.exists("lake")


def test_importing_the_errors_loads_no_cryptography() -> None:
    code = (
        "import sys, strongroom_registry.errors, strongroom_registry.current as c; print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
