"""A registry in PostgreSQL as a team uses it: several processes at once, what is destroyed, and somebody with SQL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from servers.postgres import PostgresDatabase
from strongroom_registry import DocumentState, Registry, open_registry
from strongroom_registry.errors import (
    AuditChainBroken,
    HeadTampered,
    HiddenVersion,
    IntegrityError,
    PublicFieldsTampered,
    RollbackDetected,
    SealBroken,
    StoreUnavailable,
    VersionTampered,
)
from strongroom_registry.stores.postgres import PostgresStore
from strongroom_registry.stores.postgres import store as postgres_store
from strongroom_registry.stores.store import AuditRow
from strongroom_registry.testing import HEAD, KEY, VERSION, WORKSPACE, fill

from .conftest import saver

PIPE = subprocess.PIPE


@pytest.fixture
def shared(postgres: PostgresDatabase) -> Iterator[Registry]:
    with open_registry(f"{postgres.url}?options=-c%20lock_timeout%3D5s", actor="alice") as registry:
        yield registry


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)


def let_go(children: list[subprocess.Popen[str]]) -> list[tuple[str, str]]:
    """Wait until all are ready, let all go, and return what they said."""
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0] * len(children), answers
    return answers


OPEN_AT_ONCE = """
import sys
from strongroom_registry import open_registry
import strongroom_registry.stores.postgres
print("ready", flush=True)
sys.stdin.readline()
with open_registry(sys.argv[1]) as registry:
    print(registry.store_id)
"""


def test_processes_that_open_a_new_registry_at_once_make_one(postgres: PostgresDatabase) -> None:
    answers = let_go([start(OPEN_AT_ONCE, postgres.url) for _ in range(3)])
    assert len({out for out, _ in answers}) == 1
    assert sum("made a new registry" in err for _, err in answers) == 1


COUNT = """
import sys
from strongroom_registry import open_registry
from strongroom_registry.errors import StaleExpectation
with open_registry(sys.argv[1], create=False) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(15):
        while True:
            document = registry.get("counter")
            try:
                registry.put("counter", type="lake", schema="s1", payload=b"%d" % (int(document.payload) + 1),
                    expect=document.version.number)
                break
            except StaleExpectation:
                pass
"""


def test_no_update_of_two_processes_is_lost(shared: Registry, postgres: PostgresDatabase) -> None:
    saver(shared)("counter", b"0")
    let_go([start(COUNT, postgres.url) for _ in range(2)])
    document = shared.get("counter")
    assert document.payload == b"30"
    assert document.version.number == 31
    assert [version.number for version in shared.history("counter")] == list(range(31, 0, -1))
    assert shared.verify().ok
    assert shared.verify_audit().ok


def test_a_forked_process_saves_while_its_parent_does(shared: Registry) -> None:
    save = saver(shared)
    save("lake", b"water")
    shared.get("lake")
    child = os.fork()
    if child == 0:
        try:
            for number in range(10):
                saver(shared)(f"child-{number}", b"own")
            os._exit(0 if shared.get("lake").payload == b"water" else 1)
        finally:
            os._exit(2)
    for number in range(10):
        save(f"parent-{number}", b"own")
    assert os.waitpid(child, 0)[1] == 0
    assert len(shared.list("*-*")) == 20
    assert shared.verify().ok
    assert shared.verify_audit().ok


class TestDestroying:
    @pytest.fixture
    def files(self, postgres: PostgresDatabase) -> Path:
        """The folder of the database's own files."""
        [(place, number)] = postgres.administer(
            "select current_setting('data_directory'), oid from pg_database where datname = current_database()"
        )
        return Path(place) / "base" / str(number)

    def found(self, postgres: PostgresDatabase, files: Path, *rows: bytes) -> list[bytes]:
        postgres.administer("checkpoint")
        content = b"".join(file.read_bytes() for file in files.iterdir())
        return [row for row in rows if row[:64] in content]

    def rows(self, postgres: PostgresDatabase, name: str) -> list[bytes]:
        """Wrap, body and public projection of a document's versions."""
        with postgres.connect() as connection:
            query = (
                "select wrap, body, public from strongroom.versions where document = "
                "(select document from strongroom.heads where name = %s)"
            )
            return [column for row in connection.execute(query, (name,), binary=True) for column in row]

    def test_no_byte_stays_in_the_files_of_the_database(
        self, shared: Registry, postgres: PostgresDatabase, files: Path
    ) -> None:
        save = saver(shared)
        save("kept", b"kept", public=b"kept in clear")
        save("gone", b"small", public=b"small in clear " * 4)
        save("gone", os.urandom(20_000), public=os.urandom(6000).hex().encode(), overwrite=True)
        kept, gone = self.rows(postgres, "kept"), self.rows(postgres, "gone")
        assert self.found(postgres, files, *kept, *gone) == [*kept, *gone]
        shared.destroy("gone")
        assert self.found(postgres, files, *gone) == []
        assert self.found(postgres, files, *kept) == kept
        assert shared.get("kept").payload == b"kept"
        assert shared.head("gone").state is DocumentState.DESTROYED

    def test_nor_do_removed_keys_and_workspaces_leave_one(self, postgres: PostgresDatabase, files: Path) -> None:
        wrapped, body, record = os.urandom(64), os.urandom(20_000), os.urandom(64)
        store = PostgresStore(postgres.url)
        store.initialise(fill)
        with store.writing() as transaction:
            transaction.put_key(WORKSPACE.id, replace(KEY, epoch=2, wrapped=wrapped))
            transaction.put_version(HEAD.document, VERSION._replace(number=2, body=body))
            transaction.append_audit(WORKSPACE.id, [AuditRow(2, record, b"mac")])
        assert self.found(postgres, files, wrapped, body, record) == [wrapped, body, record]
        with store.writing() as transaction:
            transaction.remove_key(WORKSPACE.id, 2, KEY.fingerprint)
        store.scrub()
        assert self.found(postgres, files, wrapped, body, record) == [body, record]
        with store.writing() as transaction:
            transaction.remove_workspace(WORKSPACE.id)
        store.scrub()
        assert self.found(postgres, files, wrapped, body, record) == []
        store.close()

    @pytest.mark.parametrize("looks_at", ["versions", "heads"])
    def test_while_somebody_still_reads_it_that_is_said_and_repeated(
        self,
        shared: Registry,
        postgres: PostgresDatabase,
        files: Path,
        looks_at: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(postgres_store, "_LOCK_PATIENCE", "200ms")
        monkeypatch.setattr(postgres_store, "_PAUSES", (0, 0))
        saver(shared)("gone", b"small", public=b"small in clear " * 4)
        gone = self.rows(postgres, "gone")
        with postgres.connect() as reader:
            reader.execute(f"begin isolation level repeatable read; select from strongroom.{looks_at}")
            with pytest.raises(StoreUnavailable, match=r"versions .* is not cleaned.*repeat"):
                shared.destroy("gone")
            assert shared.head("gone").state is DocumentState.DESTROYED
        assert self.found(postgres, files, *gone) != []
        shared.destroy("gone")
        assert self.found(postgres, files, *gone) == []

    def test_a_large_table_holds_nobody_up(
        self, shared: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(postgres_store, "_REWRITTEN_UP_TO", 0)
        saver(shared)("gone")
        shared.destroy("gone")
        assert "VACUUM FULL" in caplog.text

    def test_readers_go_on_meanwhile(self, shared: Registry, postgres: PostgresDatabase) -> None:
        save = saver(shared)
        save("lake", b"water")
        for number in range(10):
            save(f"gone-{number}", b"x" * 1000)
        done = threading.Event()
        failures: list[BaseException] = []

        def read() -> None:
            try:
                with open_registry(postgres.url) as other:
                    while not done.is_set():
                        assert other.get("lake").payload == b"water"
                        assert other.head("lake").current == 1
            except BaseException as exc:
                failures.append(exc)

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(10):
            shared.destroy(f"gone-{number}")
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []


LAKE = "(select document from strongroom.heads where name = 'lake')"
SEA = "(select document from strongroom.heads where name = 'sea')"
FLIPPED = "set_byte({0}, {1}, get_byte({0}, {1}) # 1)"


class TestSomebodyWithSql:
    @pytest.fixture
    def filled(self, shared: Registry) -> Registry:
        save = saver(shared)
        save("lake", b"lake one", public=b'{"host": "one"}')
        save("lake", b"lake two", public=b'{"host": "two"}', overwrite=True, labels=["stable"])
        save("sea", b"sea one", public=b'{"host": "sea"}')
        return shared

    @pytest.mark.parametrize(
        ("statement", "error"),
        [
            (f"update strongroom.versions set public = '{{}}' where document = {LAKE}", PublicFieldsTampered),
            (f"update strongroom.versions set note = note || '\\x00' where document = {LAKE}", VersionTampered),
            (f"update strongroom.versions set body = {FLIPPED.format('body', 40)} where document = {LAKE}", SealBroken),
            (
                f"update strongroom.versions set body = (select body from strongroom.versions where document = {SEA}) "
                f"where document = {LAKE}",
                SealBroken,
            ),
            (f"delete from strongroom.versions where document = {LAKE} and number = 2", HiddenVersion),
            ("delete from strongroom.heads where name = 'lake'", HiddenVersion),
            (f"update strongroom.heads set record = {FLIPPED.format('record', 40)} where name = 'lake'", HeadTampered),
            ("delete from strongroom.trie where path = ''", RollbackDetected),
        ],
    )
    def test_a_changed_row_is_found_and_named(
        self, filled: Registry, postgres: PostgresDatabase, statement: str, error: type[IntegrityError]
    ) -> None:
        with postgres.connect() as connection:
            connection.execute(statement)
        with open_registry(postgres.url) as fresh:
            with pytest.raises(error):
                fresh.get("lake")
            assert error in {type(problem.error) for problem in fresh.verify().problems}

    def test_rows_that_were_put_back_are_found_by_a_process_that_saw_later_ones(
        self, filled: Registry, postgres: PostgresDatabase
    ) -> None:
        with postgres.connect() as connection:
            connection.execute("create schema kept")
            for table in ("workspaces", "heads", "versions", "trie", "audit"):
                connection.execute(f"create table kept.{table} as table strongroom.{table}")
            saver(filled)("lake", b"lake three", overwrite=True)
            for table in ("workspaces", "heads", "versions", "trie", "audit"):
                connection.execute(f"truncate strongroom.{table}")
                connection.execute(f"insert into strongroom.{table} table kept.{table}")
        with pytest.raises(RollbackDetected):
            filled.get("lake")

    @pytest.mark.parametrize(
        "statement",
        [
            "delete from strongroom.audit where seq = 2",
            "update strongroom.audit set seq = -1 where seq = 1",
            "update strongroom.audit set seq = 9223372036854775807 where seq = (select max(seq) from strongroom.audit)",
            "update strongroom.audit set mac = record where seq = 3",
        ],
    )
    def test_a_changed_audit_is_found(self, filled: Registry, postgres: PostgresDatabase, statement: str) -> None:
        with postgres.connect() as connection:
            connection.execute(statement)
        report = filled.verify_audit()
        assert isinstance(report.problem, AuditChainBroken)

    def test_a_name_that_was_made_up_is_listed_and_not_believed(
        self, filled: Registry, postgres: PostgresDatabase
    ) -> None:
        with postgres.connect() as connection:
            connection.execute("update strongroom.heads set name = E'\\U0001F512\\n' || name where name = 'sea'")
        states = {head.name: head.state for head in filled.list()}
        assert states == {"lake": DocumentState.LIVE, ascii("🔒\nsea"): DocumentState.QUARANTINED}
