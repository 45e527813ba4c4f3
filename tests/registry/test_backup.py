"""Backups: whole, of one moment, found out when they are damaged, and as good as what they were made of."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from servers.postgres import PostgresDatabase
from strongroom_registry import backup, backup_file, open_registry
from strongroom_registry.anchors import AnchorFile
from strongroom_registry.backup import back_up, summarise
from strongroom_registry.backup_file import BackupReader
from strongroom_registry.errors import (
    AnchorTampered,
    BackupDamaged,
    HeadTampered,
    NameTaken,
    RollbackDetected,
    StoreNewer,
    StoreOccupied,
    StoreProblem,
    StoreRolledBack,
    StoreUnavailable,
    WrongKey,
)
from strongroom_registry.keys import generate_key_file
from strongroom_registry.restoring import restore_backup, restore_sealed, verify_backup
from strongroom_registry.stores.memory import MemoryStore
from strongroom_registry.workspaces import new_workspace

from .conftest import backed_up, dump, file_of, saver


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.backup"


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'restored' / 'registry.db'}"


class TestBackingUpAndRestoring:
    def test_what_is_restored_has_the_same_rows_and_opens_with_the_same_key(
        self, filled: str, path: Path, file: Path, target: str
    ) -> None:
        summary = backed_up(filled, file)
        verified = restore_backup(file, target)
        assert verified.ok
        assert verified.summary == summary
        assert dump(file_of(target)) == dump(path)
        with open_registry(filled) as one, open_registry(target) as other:
            assert one.store_id == other.store_id
            assert one.anchor() == other.anchor()
            assert one.list(deleted=True) == other.list(deleted=True)
            assert other.get("lake@stable").payload == b"more"
            assert len(other.get("large").payload) == 300_000
            assert [use.name for use in other.used_by("river")] == ["lake"]
            saver(other)("lake", overwrite=True)
            assert other.verify().ok
            assert other.verify_audit().ok

    def test_a_summary_counts_what_there_is_and_names_the_keys(self, filled: str, path: Path, file: Path) -> None:
        summary = backed_up(filled, file)
        rows = dump(path)
        [workspace] = summary.workspaces
        assert workspace.name == "default"
        assert workspace.documents == len(rows["heads"]) == 6
        assert workspace.versions == len(rows["versions"]) == 8
        assert workspace.audit_entries == len(rows["audit"])
        [(_, epoch, provider, fingerprint, *_)] = rows["workspace_keys"]
        assert [(key.epoch, key.provider, key.fingerprint) for key in workspace.keys] == [
            (epoch, provider, fingerprint)
        ]
        assert summary.size == file.stat().st_size
        with BackupReader(file) as reader:
            assert summarise(reader) == summary

    def test_a_backup_is_private_and_replaces_nothing(self, filled: str, file: Path) -> None:
        backed_up(filled, file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        before = file.read_bytes()
        with pytest.raises(NameTaken, match=str(file)):
            backed_up(filled, file)
        assert file.read_bytes() == before
        link = file.with_name("link")
        link.symlink_to(file.with_name("nowhere"))
        with pytest.raises(NameTaken):
            backed_up(filled, link)

    def test_a_backup_needs_no_key(self, filled: str, file: Path, tmp_path: Path) -> None:
        shutil.rmtree(tmp_path / "config")
        backed_up(filled, file)
        with BackupReader(file) as reader:
            assert summarise(reader).workspaces[0].documents == 6

    def test_no_secret_and_nothing_destroyed_is_in_it(self, url: str, file: Path) -> None:
        secret = secrets.token_bytes(24)
        with open_registry(url) as registry:
            saver(registry)("lake", secret)
            saver(registry)("gone", b"x", public=b"public of what is gone")
            registry.destroy("gone")
        backed_up(url, file)
        assert secret not in file.read_bytes()
        assert b"public of what is gone" not in file.read_bytes()

    def test_all_workspaces_are_in_it_each_with_its_own_key(
        self, url: str, file: Path, tmp_path: Path, target: str
    ) -> None:
        other = f"file:{tmp_path / 'other.key'}"
        with open_registry(url) as registry:
            saver(registry)("lake")
        new_workspace("team", url, key_of_new=other)
        with open_registry(url, workspace="team", key=other) as team:
            saver(team)("lake", b"of the team")
        summary = backed_up(url, file)
        assert [workspace.name for workspace in summary.workspaces] == ["default", "team"]
        default_key = summary.workspaces[0].keys[0].provider
        assert verify_backup(file, key_uris=[default_key, other]).ok
        alone = verify_backup(file)
        assert [workspace.ok for workspace in alone.workspaces] == [True, False]
        assert isinstance(alone.workspaces[1].key_problem, WrongKey)
        assert summary.workspaces[1].keys[0].fingerprint in str(alone.workspaces[1].key_problem)
        with pytest.raises(WrongKey, match="--key"):
            restore_backup(file, target)
        assert not file_of(target).exists()
        restore_backup(file, target, key_uris=[other, default_key])
        with open_registry(target, workspace="team", key=other) as team:
            assert team.get("lake").payload == b"of the team"

    def test_after_rotations_it_opens_with_the_key_that_counts_now(
        self, filled: str, path: Path, file: Path, target: str, tmp_path: Path
    ) -> None:
        other = f"file:{tmp_path / 'other.key'}"
        with open_registry(filled) as registry:
            first = registry.keys()[0].provider
            registry.rotate("workspace")
            registry.rotate("data")
            registry.add_key(other)
        summary = backed_up(filled, file)
        [workspace] = summary.workspaces
        assert {(key.epoch, key.provider) for key in workspace.keys} == {(3, first), (3, other)}
        for uri in (first, other):
            assert verify_backup(file, key_uris=[uri]).ok
        restore_backup(file, target, key_uris=[other])
        assert dump(file_of(target)) == dump(path)
        with open_registry(target, key=other) as registry:
            assert registry.get("lake@stable").payload == b"more"
            assert registry.verify_audit().ok

    def test_an_empty_registry_can_be_backed_up_and_an_unfinished_one_not(
        self, url: str, path: Path, file: Path, target: str
    ) -> None:
        open_registry(url).close()
        backed_up(url, file)
        restore_backup(file, target)
        assert dump(file_of(target)) == dump(path)
        with pytest.raises(StoreUnavailable, match="nothing to back up"):
            back_up(MemoryStore(), file.with_name("other"))

    def test_any_store_will_do(self, file: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from strongroom_registry.keys.material import new_key_text

        monkeypatch.setenv("A_KEY", new_key_text())
        with open_registry("memory:", key="env:A_KEY") as registry:
            saver(registry)("river")
            saver(registry)("lake", b"water", references=["river"])
            back_up(registry._access.store, file)
        restore_backup(file, target, key_uris=["env:A_KEY"])
        with open_registry(target, key="env:A_KEY") as registry:
            assert registry.get("lake").payload == b"water"
            assert [use.name for use in registry.used_by("river")] == ["lake"]

    def test_it_moves_from_one_kind_of_store_to_another_and_back(
        self, filled: str, path: Path, file: Path, target: str, postgres: PostgresDatabase
    ) -> None:
        backed_up(filled, file)
        restore_backup(file, postgres.url)
        with open_registry(postgres.url) as registry:
            assert registry.verify().ok
            assert registry.get("lake@stable").payload == b"more"
        again = file.with_name("again.backup")
        backed_up(postgres.url, again)
        with pytest.raises(StoreOccupied) as refused:
            restore_backup(again, postgres.url)
        assert postgres.password not in str(refused.value)
        restore_backup(again, target)
        before, after = dump(path), dump(file_of(target))
        for table in ("store", "workspace_keys", "versions", "uses"):
            assert after[table] == before[table]
        assert len(after["audit"]) == len(before["audit"]) + 1  # that it was loaded in between
        with open_registry(target) as registry:
            assert registry.verify().ok
            assert registry.verify_audit().ok

    def test_it_is_of_one_moment_while_others_write(self, url: str, file: Path) -> None:
        """A process writes all the time; each backup holds as many documents as entries of the audit say."""
        code = (
            "import itertools, sys; from strongroom_registry import open_registry\n"
            "with open_registry(sys.argv[1]) as registry:\n"
            "    for n in itertools.count():\n"
            "        registry.put(f'n{n}', type='t', schema='s', payload=b'x')\n"
            "        print(n, flush=True)\n"
        )
        open_registry(url).close()
        with subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for number in range(4):
                for _ in range(5):
                    writer.stdout.readline()
                [workspace] = backed_up(url, file.with_name(f"{number}.backup")).workspaces
                assert workspace.documents == workspace.versions == workspace.audit_entries - 1 == workspace.seq - 1 > 0
            writer.kill()
        for number in range(4):
            assert verify_backup(file.with_name(f"{number}.backup")).ok

    def test_memory_is_bounded(self, url: str, file: Path, target: str) -> None:
        with open_registry(url) as registry:
            for number in range(24):
                saver(registry)(f"n{number}", secrets.token_bytes(1_000_000))
        tracemalloc.start()
        try:
            backed_up(url, file)
            restore_backup(file, target)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert file.stat().st_size > 24_000_000
        assert peak < 14_000_000


class TestRefusals:
    def test_a_live_store_is_never_restored_over(self, filled: str, path: Path, file: Path) -> None:
        backed_up(filled, file)
        before = dump(path)
        for restore in (restore_backup, restore_sealed):
            with pytest.raises(StoreOccupied, match=r"registry\.db"):
                restore(file, filled)
        assert dump(path) == before

    def test_one_that_was_made_in_between_is_not_either(
        self, filled: str, file: Path, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from strongroom_registry import restoring

        backed_up(filled, file)
        monkeypatch.setattr(restoring, "_check_vacant", lambda url: open_registry(url).close())
        with pytest.raises(StoreOccupied):
            restore_backup(file, target)
        with open_registry(target) as registry:
            assert registry.list() == []

    def test_a_process_that_is_killed_leaves_an_empty_place(self, filled: str, file: Path, target: str) -> None:
        """Killed when all rows are written and the transaction has not ended."""
        code = (
            "import os, signal, sys; from strongroom_registry import restoring\n"
            "fill = restoring.fill\n"
            "def killed(transaction, rows):\n"
            "    fill(transaction, rows)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            "restoring.fill = killed\n"
            "restoring.restore_sealed(sys.argv[1], sys.argv[2])\n"
        )
        backed_up(filled, file)
        killed = subprocess.run([sys.executable, "-c", code, str(file), target], check=False)
        assert killed.returncode == -signal.SIGKILL
        with pytest.raises(StoreUnavailable, match="never finished"):
            open_registry(target, create=False)
        assert restore_backup(file, target).ok

    def test_another_file_is_left_as_it_is(self, filled: str, file: Path, target: str) -> None:
        backed_up(filled, file)
        file_of(target).parent.mkdir()
        file_of(target).write_bytes(b"not a database, and longer than its header would be" * 9)
        with pytest.raises(StoreProblem):
            restore_backup(file, target)
        assert file_of(target).read_bytes().startswith(b"not a database")

    def test_memory_is_no_place_to_restore_to(self, filled: str, file: Path) -> None:
        backed_up(filled, file)
        with pytest.raises(StoreUnavailable, match="gone at once"):
            restore_backup(file, "memory:")

    def test_the_key_that_is_needed_is_named_when_it_is_missing(
        self, filled: str, file: Path, target: str, tmp_path: Path
    ) -> None:
        summary = backed_up(filled, file)
        shutil.rmtree(tmp_path / "config")
        [workspace] = verify_backup(file).workspaces
        assert summary.workspaces[0].keys[0].fingerprint in str(workspace.key_problem)
        assert not workspace.problems
        with pytest.raises(WrongKey):
            restore_backup(file, target)
        wrong = generate_key_file(tmp_path / "wrong.key")
        with pytest.raises(WrongKey, match=wrong.fingerprint):
            restore_backup(file, target, key_uris=[wrong.uri])
        assert not file_of(target).exists()

    def test_without_a_key_it_is_restored_sealed(self, filled: str, path: Path, file: Path, target: str) -> None:
        backed_up(filled, file)
        summary = restore_sealed(file, target)
        assert summary.workspaces[0].documents == 6
        assert dump(file_of(target)) == dump(path)

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"", BackupDamaged),
            (b"SRBK", BackupDamaged),
            (b"SQLite format 3\0" * 9, BackupDamaged),
            (b"SRBK\x01\0\0\1" + bytes(99), BackupDamaged),
            (b"SRBK\x02\0\0\0" + bytes(99), StoreNewer),
            (b"SRBK\x01\0\0\0" + b"\0\xff\xff\xff\xff" + bytes(99), BackupDamaged),
        ],
    )
    def test_what_is_no_backup_is_told(self, file: Path, target: str, content: bytes, error: type[Exception]) -> None:
        file.write_bytes(content)
        for use in (lambda: verify_backup(file), lambda: restore_sealed(file, target)):
            with pytest.raises(error, match=str(file)):
                use()

    @pytest.mark.parametrize(("rows", "error"), [(1, BackupDamaged), (3, StoreNewer)])
    def test_rows_of_another_format_are_refused(
        self, filled: str, file: Path, monkeypatch: pytest.MonkeyPatch, rows: int, error: type[Exception]
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(backup_file, "ROWS_FORMAT", rows)
            backed_up(filled, file)
        with pytest.raises(error, match=f"format {rows}"):
            verify_backup(file)

    def test_rows_of_a_new_registry_are_of_the_format_that_a_backup_says(self) -> None:
        from strongroom_registry.stores import sqlite_format

        assert sqlite_format.FORMAT == backup_file.ROWS_FORMAT

    @pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: None])
    def test_what_is_no_file_is_told_at_once(self, file: Path, make: Callable[[Path], object]) -> None:
        make(file)
        with pytest.raises(StoreUnavailable, match=str(file)):
            verify_backup(file)

    @pytest.mark.parametrize("table", ["workspace_keys", "audit"])
    def test_a_workspace_that_lacks_what_it_cannot_do_without_is_not_backed_up(
        self, filled: str, path: Path, file: Path, table: str
    ) -> None:
        with sqlite3.connect(path) as database:
            database.execute(f"DELETE FROM {table}")
        database.close()
        with pytest.raises(HeadTampered, match="without key or audit"):
            backed_up(filled, file)
        assert not file.exists()

    def test_a_registry_with_a_damaged_trie_is_not_backed_up(self, filled: str, path: Path, file: Path) -> None:
        with sqlite3.connect(path) as database:
            database.execute("DELETE FROM trie WHERE path = ''")
        database.close()
        with pytest.raises(RollbackDetected):
            backed_up(filled, file)
        assert list(file.parent.glob("*backup*")) == []

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE workspaces SET record = x'00'",
            "UPDATE heads SET document = document, name = cast(x'fffe' AS TEXT) WHERE name = 'lake'",
            "UPDATE versions SET number = -1 WHERE number = 3",
        ],
    )
    def test_rows_that_no_registry_writes_are_refused_or_found(
        self, filled: str, path: Path, file: Path, change: str
    ) -> None:
        with sqlite3.connect(path) as database:
            database.execute(change)
        database.close()
        try:
            backed_up(filled, file)
        except HeadTampered:
            assert not file.exists()
        else:
            assert not verify_backup(file).ok


class TestFilesThatCannotBeWritten:
    def test_a_folder_that_is_not_there_is_told(self, filled: str, file: Path) -> None:
        with pytest.raises(StoreUnavailable, match="No such file"):
            backed_up(filled, file / "below")

    def test_a_full_disk_leaves_nothing_behind(self, filled: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(backup.os, "fsync", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            backed_up(filled, file)
        assert list(file.parent.glob("*backup*")) == []

    def test_where_there_are_no_hard_links_a_file_is_moved(
        self, filled: str, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(backup.os, "link", refuse)
        backed_up(filled, file)
        assert verify_backup(file).ok
        assert [found.name for found in file.parent.glob("*backup*")] == [file.name]

    def test_a_process_that_is_killed_leaves_no_backup(self, filled: str, file: Path) -> None:
        code = (
            "import os, signal, sys; from strongroom_registry import backup; from strongroom_registry.stores import "
            "open_store\n"
            "backup.os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "backup.back_up(open_store(sys.argv[1]), sys.argv[2])\n"
        )
        killed = subprocess.run([sys.executable, "-c", code, filled, str(file)], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert not file.exists()
        backed_up(filled, file)
        assert verify_backup(file).ok

    def test_one_that_somebody_else_made_meanwhile_stays(
        self, filled: str, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backup.os, "fsync", lambda _: file.write_bytes(b"of somebody else"))
        with pytest.raises(NameTaken):
            backed_up(filled, file)
        assert file.read_bytes() == b"of somebody else"


class TestAnchors:
    @pytest.fixture
    def places(self, tmp_path: Path) -> AnchorFile:
        (tmp_path / "elsewhere").mkdir()
        return AnchorFile(tmp_path / "elsewhere" / "anchors")

    @pytest.fixture
    def older(self, url: str, file: Path, places: AnchorFile) -> Path:
        """A backup after which the registry went on."""
        with open_registry(url, anchor=places.uri) as registry:
            saver(registry)("lake")
        backed_up(url, file)
        with open_registry(url, anchor=places.uri) as registry:
            saver(registry)("river")
        return file

    def test_verifying_tells_both_changes(self, older: Path, places: AnchorFile) -> None:
        [workspace] = verify_backup(older, anchors=places).workspaces
        assert workspace.ok
        assert (workspace.backed_up.seq, workspace.anchor_seq) == (2, 3)
        assert verify_backup(older).workspaces[0].anchor_seq is None

    def test_an_old_backup_is_a_rollback_and_has_to_be_meant(
        self, older: Path, places: AnchorFile, target: str
    ) -> None:
        with pytest.raises(StoreRolledBack, match="--reset-anchor"):
            restore_backup(older, target, anchors=places)
        with pytest.raises(StoreRolledBack, match="at change 2, and its anchor says 3"):
            restore_sealed(older, target, anchors=places)
        assert not file_of(target).exists()
        restore_backup(older, target, anchors=places, reset_anchors=True)
        with open_registry(target, anchor=places.uri) as registry:
            assert [head.name for head in registry.list()] == ["lake"]
            saver(registry)("sea")

    def test_the_newest_backup_goes_on_from_its_anchor(
        self, url: str, older: Path, places: AnchorFile, target: str, tmp_path: Path
    ) -> None:
        backed_up(url, tmp_path / "newest")
        restore_backup(tmp_path / "newest", target, anchors=places)
        with open_registry(target, anchor=places.uri) as registry:
            assert len(registry.list()) == 2

    def test_where_there_is_no_anchor_yet_one_is_written(self, older: Path, target: str, tmp_path: Path) -> None:
        places = AnchorFile(tmp_path / "new-anchors")
        restore_backup(older, target, anchors=places)
        open_registry(target, anchor=places.uri).close()

    def test_a_forged_anchor_is_told(self, older: Path, places: AnchorFile, target: str) -> None:
        line = places.path.read_text().strip()
        places.path.write_text(line[:-1] + ("0" if line[-1] != "0" else "1") + "\n")
        with pytest.raises(AnchorTampered, match="--reset-anchor"):
            restore_backup(older, target, anchors=places)
