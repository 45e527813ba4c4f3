"""Somebody who can write the database changes rows of a real file. Each change is found and named when it is read."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from strongroom_registry import DocumentState, open_registry
from strongroom_registry.errors import (
    AuditChainBroken,
    EnvelopeMalformed,
    EnvelopeUnsupported,
    HeadTampered,
    HiddenVersion,
    IntegrityError,
    KeyProblem,
    PublicFieldsTampered,
    RollbackDetected,
    SealBroken,
    StoreForeign,
    StrongroomError,
    VersionTampered,
)
from strongroom_registry.stores import sqlite_format
from strongroom_registry.tree import path_of
from strongroom_registry.workspaces import new_workspace

from .conftest import saver

Sql = Callable[..., list[tuple[object, ...]]]
DOCUMENT_OF = "(SELECT document FROM heads WHERE name = '{}')"
LAKE = DOCUMENT_OF.format("lake")
SEA = DOCUMENT_OF.format("sea")


@pytest.fixture
def filled(url: str, path: Path) -> Path:
    """``lake`` with three versions, the second labelled; ``sea`` with one; ``pond``, which is deleted."""
    with open_registry(url, actor="alice") as registry:
        save = saver(registry)
        save("lake", b"lake one", public=b'{"host": "one"}', message="first")
        save("lake", b"lake two", public=b'{"host": "two"}', overwrite=True, labels=["stable"])
        save("lake", b"lake six", public=b'{"host": "six"}', overwrite=True)
        save("sea", b"sea one", public=b'{"host": "sea"}')
        save("pond", b"pond one")
        registry.delete("pond")
    return path


@contextmanager
def sql_on(path: Path) -> Iterator[Sql]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield lambda text, *values: connection.execute(text, values).fetchall()


def tamper(path: Path, *statements: str) -> None:
    with sql_on(path) as sql:
        for statement in statements:
            sql(statement)


def expect(url: str, error: type[IntegrityError], reference: str = "lake", match: str | None = None) -> None:
    """Loading is refused by name; so it is in ``verify``; and nothing else of the registry is hurt."""
    with open_registry(url) as registry:
        with pytest.raises(error, match=match) as refused:
            registry.get(reference)
        assert type(refused.value) is error
        problems = registry.verify().problems
        assert error in {type(problem.error) for problem in problems}
        assert all(problem.name in ("lake", "pond") for problem in problems)
        assert registry.get("sea").payload == b"sea one"


def flip(data: bytes, bit: int) -> bytes:
    return bytes([*data[: bit // 8], data[bit // 8] ^ (1 << bit % 8), *data[bit // 8 + 1 :]])


class TestVersions:
    def test_public_fields_edited(self, filled: Path, url: str) -> None:
        """The way to a password: point ``host`` at oneself and wait for the next login."""
        tamper(filled, f'UPDATE versions SET public = CAST(\'{{"host": "evil"}}\' AS BLOB) WHERE document = {LAKE}')
        expect(url, PublicFieldsTampered, match="lake@3")
        with open_registry(url) as registry:
            assert registry.list("lake")[0].state is DocumentState.QUARANTINED
            with pytest.raises(PublicFieldsTampered):
                registry.history("lake")

    def test_public_fields_of_another_version(self, filled: Path, url: str) -> None:
        old = f"(SELECT public FROM versions WHERE document = {LAKE} AND number = 1)"
        tamper(filled, f"UPDATE versions SET public = {old} WHERE document = {LAKE} AND number = 3")
        expect(url, PublicFieldsTampered)

    def test_note_edited(self, filled: Path, url: str) -> None:
        with sql_on(filled) as sql:
            [(note,)] = sql(f"SELECT note FROM versions WHERE document = {LAKE} AND number = 1")
            assert isinstance(note, bytes)
            edited = note.replace(b"first", b"worst")
            assert edited != note
            sql(f"UPDATE versions SET note = ? WHERE document = {LAKE} AND number = 1", edited)
        expect(url, VersionTampered, "lake@1", "date, actor or message")

    @pytest.mark.parametrize("edit", [(b"lake", b"cake"), (b"s1", b"s2")], ids=["type", "schema"])
    def test_type_or_schema_edited(self, filled: Path, url: str, edit: tuple[bytes, bytes]) -> None:
        with sql_on(filled) as sql:
            [(record,)] = sql(f"SELECT record FROM versions WHERE document = {LAKE} AND number = 3")
            assert isinstance(record, bytes)
            edited = record.replace(*edit)
            assert edited != record
            sql(f"UPDATE versions SET record = ? WHERE document = {LAKE} AND number = 3", edited)
        expect(url, VersionTampered)

    def test_data_key_taken_away(self, filled: Path, url: str) -> None:
        tamper(filled, f"UPDATE versions SET wrap = NULL WHERE document = {LAKE} AND number = 3")
        expect(url, VersionTampered, match="nobody destroyed")

    def test_body_and_wrap_swapped_between_versions(self, filled: Path, url: str) -> None:
        old = "(SELECT {} FROM versions WHERE document = " + LAKE + " AND number = 1)"
        tamper(
            filled,
            f"UPDATE versions SET wrap = {old.format('wrap')}, body = {old.format('body')} "
            f"WHERE document = {LAKE} AND number = 3",
        )
        expect(url, SealBroken, match="lake@3")

    def test_body_swapped_between_documents(self, filled: Path, url: str) -> None:
        other = f"(SELECT body FROM versions WHERE document = {SEA} AND number = 1)"
        tamper(filled, f"UPDATE versions SET body = {other} WHERE document = {LAKE} AND number = 3")
        expect(url, SealBroken)

    @pytest.mark.parametrize("other", [f"{LAKE} AND number = 1", f"{SEA} AND number = 1"], ids=["version", "document"])
    def test_whole_rows_swapped(self, filled: Path, url: str, other: str) -> None:
        columns = "record, mac, note, public, wrap, body"
        row = f"(SELECT {columns} FROM versions WHERE document = {other})"
        tamper(filled, f"UPDATE versions SET ({columns}) = {row} WHERE document = {LAKE} AND number = 3")
        expect(url, VersionTampered, match="another version")

    def test_newest_version_hidden(self, filled: Path, url: str) -> None:
        tamper(filled, f"DELETE FROM versions WHERE document = {LAKE} AND number = 3")
        expect(url, HiddenVersion, match="Version 3")

    def test_older_version_hidden(self, filled: Path, url: str) -> None:
        tamper(filled, f"DELETE FROM versions WHERE document = {LAKE} AND number = 1")
        with open_registry(url) as registry:
            assert registry.get("lake").payload == b"lake six"
            with pytest.raises(HiddenVersion):
                registry.history("lake")
        expect(url, HiddenVersion, "lake@1")

    def test_a_version_that_no_head_names(self, filled: Path, url: str) -> None:
        tamper(
            filled,
            "INSERT INTO versions SELECT document, 4, record, mac, note, public, wrap, body "
            f"FROM versions WHERE document = {LAKE} AND number = 3",
        )
        with open_registry(url) as registry:
            [problem] = registry.verify().problems
            assert (problem.name, problem.version, type(problem.error)) == ("lake", 4, HiddenVersion)

    def test_destroyed_version_put_back(self, filled: Path, url: str) -> None:
        with sql_on(filled) as sql:
            [row] = sql(f"SELECT wrap, body, public FROM versions WHERE document = {LAKE} AND number = 1")
        with open_registry(url) as registry:
            registry.destroy("lake", 1)
        with sql_on(filled) as sql:
            sql(f"UPDATE versions SET (wrap, body, public) = (?, ?, ?) WHERE document = {LAKE} AND number = 1", *row)
        with open_registry(url) as registry:
            with pytest.raises(RollbackDetected, match="put it back"):
                registry.history("lake")
            assert [type(problem.error) for problem in registry.verify().problems] == [RollbackDetected]


class TestHeads:
    @pytest.mark.parametrize("old", [b"stable", b"lake"], ids=["label", "name"])
    def test_label_or_name_edited(self, filled: Path, url: str, old: bytes) -> None:
        with sql_on(filled) as sql:
            [(record,)] = sql("SELECT record FROM heads WHERE name = 'lake'")
            assert isinstance(record, bytes)
            sql("UPDATE heads SET record = ? WHERE name = 'lake'", record.replace(old, old[::-1]))
        expect(url, HeadTampered)

    def test_undeleted_by_hand(self, filled: Path, url: str) -> None:
        """The state is one byte of the record; every other value of every byte is refused just the same."""
        with sql_on(filled) as sql:
            [(record,)] = sql("SELECT record FROM heads WHERE name = 'pond'")
            assert isinstance(record, bytes)
            for position in range(len(record)):
                edited = bytes([*record[:position], record[position] ^ 1, *record[position + 1 :]])
                sql("UPDATE heads SET record = ? WHERE name = 'pond'", edited)
                with open_registry(url) as registry, pytest.raises(HeadTampered):
                    registry.get("pond")

    def test_head_of_another_document(self, filled: Path, url: str) -> None:
        other = "(SELECT record, mac FROM heads WHERE name = 'sea')"
        tamper(filled, f"UPDATE heads SET (record, mac) = {other} WHERE name = 'lake'")
        expect(url, HeadTampered, match="another block")

    def test_documents_swap_names(self, filled: Path, url: str) -> None:
        tamper(
            filled,
            "UPDATE heads SET name = 'x' WHERE name = 'lake'",
            "UPDATE heads SET name = 'lake' WHERE name = 'pond'",
            "UPDATE heads SET name = 'pond' WHERE name = 'x'",
        )
        expect(url, HeadTampered)

    def test_document_renamed(self, filled: Path, url: str) -> None:
        tamper(filled, "UPDATE heads SET name = 'river' WHERE name = 'lake'")
        with open_registry(url) as registry:
            with pytest.raises(HeadTampered):
                registry.get("river")
            with pytest.raises(HiddenVersion):
                registry.get("lake")

    def test_document_removed(self, filled: Path, url: str) -> None:
        """It is not taken for a name that is free: neither to read nor to write."""
        tamper(filled, f"DELETE FROM versions WHERE document = {LAKE}", "DELETE FROM heads WHERE name = 'lake'")
        with open_registry(url) as registry:
            for call in (registry.get, registry.exists, registry.head, saver(registry)):
                with pytest.raises(HiddenVersion, match="lake is gone"):
                    call("lake")
            [problem] = registry.verify().problems
            assert (problem.name, type(problem.error)) == ("", HiddenVersion)

    def test_a_bad_row_spoils_no_listing(self, filled: Path, url: str) -> None:
        tamper(filled, "UPDATE heads SET mac = zeroblob(32) WHERE name = 'lake'")
        with open_registry(url) as registry:
            lake, sea = registry.list()
        assert (lake.name, lake.state) == ("lake", DocumentState.QUARANTINED)
        assert "changed" in (lake.quarantine or "")
        assert (sea.name, sea.state) == ("sea", DocumentState.LIVE)

    def test_a_bad_node_of_the_trie_spoils_what_lies_below_it_alone(self, url: str, path: Path) -> None:
        names = [f"lake-{number}" for number in range(40)]
        with open_registry(url) as registry:
            for name in names:
                saver(registry)(name)
        digit = Counter(path_of(name)[0] for name in names).most_common(1)[0][0]
        tamper(path, f"UPDATE trie SET node = zeroblob(16) WHERE path = '{digit}'")
        below = {name for name in names if path_of(name).startswith(digit)}
        with open_registry(url) as registry:
            heads = {head.name: head for head in registry.list()}
            assert {name for name, head in heads.items() if head.state is DocumentState.QUARANTINED} == below
            for name, head in heads.items():
                if name in below:
                    with pytest.raises(RollbackDetected) as refused:
                        registry.head(name)
                    assert refused.value.problem == head.quarantine
                else:
                    assert registry.head(name) == head
        assert 1 < len(below) < len(names)

    def test_a_listing_says_of_each_document_what_asking_for_it_says(self, filled: Path, url: str) -> None:
        """Whatever is wrong with the current version is the reason for its quarantine."""
        with open_registry(url) as registry:
            saver(registry)("dune")
            saver(registry)("fjord")
        at = "WHERE document = (SELECT document FROM heads WHERE name = '{}')"
        tamper(
            filled,
            f"DELETE FROM versions {at.format('lake')} AND number = 3",
            f"UPDATE versions SET note = x'00' {at.format('sea')}",
            f"UPDATE versions SET public = x'00' {at.format('dune')}",
        )
        with open_registry(url) as registry:
            heads = {head.name: head for head in registry.list(deleted=True)}
            for name in ("lake", "sea", "dune"):
                with pytest.raises(IntegrityError) as refused:
                    registry.head(name)
                assert heads[name].quarantine == refused.value.problem
            assert {name: heads[name] for name in ("fjord", "pond")} == {
                name: registry.head(name) for name in ("fjord", "pond")
            }

    def test_a_name_that_is_no_text_spoils_no_listing(self, filled: Path, url: str) -> None:
        tamper(filled, "UPDATE heads SET name = CAST(x'ff1b5b31' AS TEXT) WHERE name = 'lake'")
        with open_registry(url) as registry:
            names = {head.name: head.state for head in registry.list()}
        assert names == {r"'\ufffd\x1b[1'": DocumentState.QUARANTINED, "sea": DocumentState.LIVE}

    def test_a_head_that_is_no_document_is_named(self, filled: Path, url: str) -> None:
        tamper(
            filled,
            "INSERT INTO heads SELECT workspace, CAST(x'ff1b5b31' AS TEXT), randomblob(16), record, mac, 'x' "
            "FROM heads WHERE name = 'sea'",
        )
        with open_registry(url) as registry:
            (problem,) = registry.verify().problems
        assert isinstance(problem.error, HeadTampered)


ODD = {"nothing": "NULL", "text": "'12'", "a number": "3000000000", "a fraction": "1.5", "no bytes": "x''"}
"""What a column may hold where nobody enforces its type, as in pages that were written without SQLite."""


class TestOtherTypes:
    """SQLite itself refuses such values in our tables; the tables are made anew without types, under the registry."""

    @pytest.mark.parametrize("odd", ODD)
    @pytest.mark.parametrize(
        "column",
        ["heads.name", "heads.document", "heads.record", "heads.mac", "versions.number", "versions.record",
         "versions.mac", "versions.note", "versions.public", "versions.body", "trie.node", "audit.seq", "audit.record",
         "audit.mac", "workspaces.record", "workspaces.mac"],
    )  # fmt: skip
    def test_are_found_and_hurt_no_other_document(
        self, filled: Path, url: str, column: str, odd: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table, _, name = column.partition(".")
        where = {"heads": "name = 'lake'", "versions": f"document = {LAKE} AND number = 3"}.get(table, "true")
        self.make_untyped(filled, table, f"UPDATE {table} SET {name} = {ODD[odd]} WHERE {where}")
        monkeypatch.setattr(sqlite_format, "_check_tables", lambda *_: None)
        if table == "workspaces":
            with pytest.raises(HeadTampered):
                open_registry(url)
            return
        with open_registry(url) as registry:
            for reference in ("lake", "lake@1", "sea"):
                with suppress(StrongroomError):
                    assert registry.get(reference).payload in (b"lake six", b"lake one", b"sea one")
            assert {"sea"} <= {head.name for head in registry.list()}
            assert not (registry.verify().ok and registry.verify_audit().ok)
            if table in ("heads", "versions"):
                assert registry.get("sea").payload == b"sea one"

    @pytest.mark.parametrize("odd", ODD)
    @pytest.mark.parametrize("name", ["epoch", "provider", "fingerprint", "wrapped", "canary", "created_at"])
    def test_in_the_record_of_a_key(
        self, filled: Path, url: str, name: str, odd: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.make_untyped(filled, "workspace_keys", f"UPDATE workspace_keys SET {name} = {ODD[odd]}")
        monkeypatch.setattr(sqlite_format, "_check_tables", lambda *_: None)
        with pytest.raises((IntegrityError, KeyProblem)):
            open_registry(url)

    def make_untyped(self, path: Path, table: str, change: str) -> None:
        with sql_on(path) as sql:
            columns = ", ".join(str(row[1]) for row in sql(f"PRAGMA table_info({table})"))
        tamper(
            path,
            f"CREATE TABLE rows AS SELECT * FROM {table}",
            f"DROP TABLE {table}",
            f"CREATE TABLE {table} ({columns})",
            f"INSERT INTO {table} SELECT * FROM rows",
            "DROP TABLE rows",
            change,
        )


class TestTables:
    """Whoever writes the file can put code in the place of a table: SQLite runs views and triggers."""

    @pytest.mark.parametrize(
        "statements",
        [
            (
                "ALTER TABLE heads RENAME TO rows",
                "CREATE VIEW heads AS WITH RECURSIVE endless(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM endless) "
                "SELECT rows.* FROM rows, (SELECT max(i) FROM endless)",
            ),
            ("CREATE TRIGGER t BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END",),
            ("CREATE INDEX i ON heads (hex(record))",),
            ("ALTER TABLE heads ADD COLUMN more BLOB AS (hex(record))",),
            ("ALTER TABLE versions DROP COLUMN note",),
            ("DROP TABLE trie",),
            ("DROP TABLE audit", "CREATE TABLE audit (workspace, seq, record, mac)"),
            ("PRAGMA user_version = -5",),
        ],
        ids=lambda statements: statements[-1].partition(" AS ")[0],
    )
    def test_that_are_not_as_they_were_made(self, filled: Path, url: str, statements: tuple[str, ...]) -> None:
        tamper(filled, *statements)
        with pytest.raises(StoreForeign):
            open_registry(url)

    def test_whose_own_text_was_changed(self, filled: Path, url: str) -> None:
        """SQLite quotes it in its error, which is then no UTF-8."""
        with sql_on(filled) as sql:
            sql("PRAGMA wal_checkpoint(TRUNCATE)")
        content = filled.read_bytes()
        assert b"TABLE heads" in content
        filled.write_bytes(content.replace(b"TABLE heads", b"TABL\xfc heads"))
        with pytest.raises(StoreForeign):
            open_registry(url)

    def test_of_others_do_no_harm(self, filled: Path, url: str) -> None:
        """Such as those of a program that copies the file elsewhere while it is in use, or SQLite's own statistics."""
        tamper(filled, "CREATE TABLE _copied (seq INTEGER)", "ANALYZE")
        with open_registry(url) as registry:
            assert registry.get("lake").payload == b"lake six"


class TestPuttingBack:
    """Old rows are perfectly sealed and MACed. They are found because the trie says what is current."""

    tables = ("heads", "versions", "audit", "trie", "workspaces")

    def before_and_after(self, filled: Path, url: str) -> dict[str, list[tuple[object, ...]]]:
        """The rows as they were before ``lake`` got another version and ``sea`` another payload."""
        with sql_on(filled) as sql:
            before = {table: sql(f"SELECT * FROM {table}") for table in self.tables}
        with open_registry(url) as registry:
            saver(registry)("lake", b"lake new", overwrite=True)
            registry.label("lake", "stable")
        return before

    def put_back(self, path: Path, before: dict[str, list[tuple[object, ...]]], *tables: str) -> None:
        with sql_on(path) as sql:
            for table in tables:
                sql(f"DELETE FROM {table}")
                for row in before[table]:
                    sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)

    @pytest.mark.parametrize(
        "tables",
        [("heads",), ("heads", "versions"), ("heads", "versions", "audit"), ("heads", "versions", "audit", "trie")],
        ids=["head", "and versions", "and audit", "and trie"],
    )
    def test_rows_of_documents_put_back(self, filled: Path, url: str, tables: tuple[str, ...]) -> None:
        self.put_back(filled, self.before_and_after(filled, url), *tables)
        with open_registry(url) as registry:
            with pytest.raises(RollbackDetected):
                registry.get("lake")
            with pytest.raises(RollbackDetected):
                saver(registry)("lake", overwrite=True)
            assert "lake" in {head.name for head in registry.list() if head.state is DocumentState.QUARANTINED}
            assert not registry.verify().ok

    def test_deleted_document_put_back(self, filled: Path, url: str) -> None:
        with sql_on(filled) as sql:
            [live] = sql("SELECT record, mac FROM heads WHERE name = 'sea'")
        with open_registry(url) as registry:
            registry.delete("sea")
        with sql_on(filled) as sql:
            sql("UPDATE heads SET (record, mac) = (?, ?) WHERE name = 'sea'", *live)
        with open_registry(url) as registry, pytest.raises(RollbackDetected):
            registry.get("sea")

    def test_only_the_state_put_back(self, filled: Path, url: str) -> None:
        self.put_back(filled, self.before_and_after(filled, url), "workspaces")
        with open_registry(url) as registry:
            with pytest.raises(RollbackDetected):
                registry.get("lake")
            assert not registry.verify_audit().ok

    def test_the_whole_registry_put_back_under_a_running_process(self, filled: Path, url: str, tmp_path: Path) -> None:
        """Without an anchor a process that starts afterwards cannot know; one that has seen more does."""
        before = self.before_and_after(filled, url)
        with open_registry(url) as running:
            assert running.get("lake").payload == b"lake new"
            self.put_back(filled, before, *self.tables)
            for call in (running.get, running.head, running.exists, saver(running)):
                with pytest.raises(RollbackDetected, match="older copy"):
                    call("lake")

    def test_another_history_of_the_same_length_put_under_a_running_process(
        self, filled: Path, url: str, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copy.db"
        shutil.copy(filled, copy)
        with open_registry(f"sqlite:///{copy}") as other:
            saver(other)("lake", b"copied", overwrite=True)
        with sql_on(copy) as sql:
            rows = {table: sql(f"SELECT * FROM {table}") for table in self.tables}
        with open_registry(url) as running:
            saver(running)("lake", b"genuine", overwrite=True)
            self.put_back(filled, rows, *self.tables)
            with pytest.raises(RollbackDetected):
                running.get("lake")


class TestState:
    def test_state_edited_or_gone(self, filled: Path, url: str) -> None:
        tamper(filled, "UPDATE workspaces SET mac = zeroblob(32)")
        with pytest.raises(HeadTampered, match="workspace 'default'"):
            open_registry(url)

    def test_state_gone_under_a_running_process(self, filled: Path, url: str) -> None:
        with open_registry(url) as registry:
            registry.get("lake")
            tamper(filled, "DELETE FROM workspaces")
            with pytest.raises(HeadTampered):
                registry.get("lake")

    def test_workspaces_swap_names(self, url: str, path: Path) -> None:
        open_registry(url, workspace="blue").close()
        new_workspace("green", url)
        tamper(
            path,
            "UPDATE workspaces SET name = 'x' WHERE name = 'blue'",
            "UPDATE workspaces SET name = 'blue' WHERE name = 'green'",
        )
        with pytest.raises(HeadTampered, match="another"):
            open_registry(url, workspace="blue")

    @pytest.mark.parametrize("create", [True, False])
    def test_a_workspace_renamed_is_not_made_anew(self, filled: Path, url: str, create: bool) -> None:
        """An empty one in its place would take what is saved next, and say that there is nothing else."""
        tamper(filled, "UPDATE workspaces SET name = 'x'")
        with pytest.raises(HeadTampered, match="'x'"):
            open_registry(url, create=create)

    def test_all_workspaces_gone(self, filled: Path, url: str) -> None:
        tamper(filled, "DELETE FROM workspaces")
        with pytest.raises(HeadTampered, match="gone"):
            open_registry(url)


class TestAudit:
    @pytest.mark.parametrize(
        ("statement", "first_bad"),
        [
            ("DELETE FROM audit WHERE seq = 3", 3),
            ("DELETE FROM audit WHERE seq = 1", 1),
            ("DELETE FROM audit WHERE seq >= 5", 5),
            ("DELETE FROM audit", 1),
            ("UPDATE audit SET mac = zeroblob(32) WHERE seq = 4", 4),
            ("UPDATE audit SET record = CAST(record || x'00' AS BLOB) WHERE seq = 4", 4),
            ("UPDATE audit SET record = zeroblob(3) WHERE seq = 4", 4),
            ("UPDATE audit SET (record, mac) = (SELECT record, mac FROM audit WHERE seq = 2) WHERE seq = 5", 5),
            ("INSERT INTO audit SELECT workspace, 100, record, mac FROM audit WHERE seq = 1", 8),
            ("INSERT INTO audit SELECT workspace, 8, record, mac FROM audit WHERE seq = 1", 8),
            ("INSERT INTO audit SELECT workspace, 0, record, mac FROM audit WHERE seq = 1", 1),
        ],
    )
    def test_the_first_bad_entry_is_named(self, filled: Path, url: str, statement: str, first_bad: int) -> None:
        tamper(filled, statement)
        with open_registry(url) as registry:
            report = registry.verify_audit()
        assert (report.ok, report.first_bad, report.entries) == (False, first_bad, first_bad - 1)
        assert f"entry {first_bad} " in str(report.problem)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit SET record = CAST(replace(record, x'616c696365', x'6d61726961') AS BLOB) WHERE seq = 4",
            "DELETE FROM audit WHERE seq = 4",
            "DELETE FROM audit WHERE seq <= 4",
            "DELETE FROM audit WHERE seq = 7",
            "UPDATE audit SET mac = zeroblob(32) WHERE seq = 4",
            "INSERT INTO audit SELECT workspace, 100, record, mac FROM audit WHERE seq = 1",
            "INSERT INTO audit SELECT workspace, 0, record, mac FROM audit WHERE seq = 1",
        ],
    )
    def test_what_was_changed_is_not_listed(self, filled: Path, url: str, statement: str) -> None:
        with open_registry(url) as registry:
            assert {entry.actor for entry in registry.audit()} == {"alice"}
            tamper(filled, statement)
            with pytest.raises(AuditChainBroken):
                list(registry.audit())

    def test_an_entry_that_cannot_be_read_is_an_error_of_its_own(self, filled: Path, url: str) -> None:
        tamper(filled, "UPDATE audit SET record = zeroblob(3) WHERE seq = 4")
        with open_registry(url) as registry, pytest.raises(AuditChainBroken, match="entry 4"):
            list(registry.audit())


SAMPLES = [
    ("workspaces", "record", (HeadTampered,)),
    ("workspaces", "mac", (HeadTampered,)),
    ("heads", "record", (HeadTampered,)),
    ("heads", "mac", (HeadTampered,)),
    ("heads", "document", (HeadTampered,)),
    ("versions", "record", (VersionTampered,)),
    ("versions", "mac", (VersionTampered,)),
    ("versions", "note", (VersionTampered,)),
    ("versions", "public", (PublicFieldsTampered,)),
    ("versions", "wrap", (SealBroken, EnvelopeMalformed, EnvelopeUnsupported)),
    ("versions", "body", (SealBroken, EnvelopeMalformed, EnvelopeUnsupported)),
    ("trie", "node", (RollbackDetected,)),
    ("workspace_keys", "wrapped", (IntegrityError, KeyProblem)),
    ("workspace_keys", "canary", (SealBroken,)),
]


@pytest.mark.parametrize(("table", "column", "errors"), SAMPLES, ids=[f"{t}.{c}" for t, c, _ in SAMPLES])
def test_every_changed_byte_is_found_by_a_new_process(
    url: str, path: Path, table: str, column: str, errors: tuple[type[Exception], ...]
) -> None:
    original = _one_document(url, path, table, column)
    with sql_on(path) as sql:
        for position in range(len(original)):
            sql(f"UPDATE {table} SET {column} = ?", flip(original, position * 8 + position % 8))
            with pytest.raises(errors):
                _load(url)


IN_USE = [sample for sample in SAMPLES if sample[0] in ("heads", "versions")]


@pytest.mark.parametrize(("table", "column", "errors"), IN_USE, ids=[f"{t}.{c}" for t, c, _ in IN_USE])
def test_every_flipped_bit_is_found_by_a_process_that_has_the_document_loaded(
    url: str, path: Path, table: str, column: str, errors: tuple[type[Exception], ...]
) -> None:
    original = _one_document(url, path, table, column)
    with open_registry(url) as registry, sql_on(path) as sql:
        for bit in range(len(original) * 8):
            sql(f"UPDATE {table} SET {column} = ?", flip(original, bit))
            with pytest.raises((*errors, HiddenVersion)):
                registry.get("lake")
            if bit % 64 == 0:
                sql(f"UPDATE {table} SET {column} = ?", original)
                assert registry.get("lake").payload == b"water"


def _one_document(url: str, path: Path, table: str, column: str) -> bytes:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water", public=b"{}")
    with sql_on(path) as sql:
        [(original,)] = sql(f"SELECT {column} FROM {table}")
    assert isinstance(original, bytes)
    return original


def _load(url: str) -> bytes:
    with open_registry(url) as registry:
        return registry.get("lake").payload


@pytest.mark.parametrize(
    ("table", "column", "errors"), [s for s in SAMPLES if s[0] != "workspace_keys"], ids=lambda value: str(value)[:20]
)
def test_every_truncated_column_is_found(
    url: str, path: Path, table: str, column: str, errors: tuple[type[Exception], ...]
) -> None:
    original = _one_document(url, path, table, column)
    with sql_on(path) as sql:
        sql("PRAGMA ignore_check_constraints = ON")
        for size in {0, 1, len(original) // 2, len(original) - 1}:
            sql(f"UPDATE {table} SET {column} = ?", original[:size])
            with pytest.raises((*errors, HiddenVersion)):
                _load(url)


def test_a_refused_load_is_in_the_audit(filled: Path, url: str) -> None:
    tamper(filled, "UPDATE heads SET mac = zeroblob(32) WHERE name = 'lake'")
    with open_registry(url, actor="bob") as registry:
        with pytest.raises(HeadTampered):
            registry.get("lake")
        entry = next(registry.audit())
    assert (entry.actor, entry.action, entry.outcome, entry.name) == ("bob", "load", "HeadTampered", "lake")
