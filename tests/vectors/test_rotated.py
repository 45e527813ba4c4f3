"""The second reader on what format 2 brought: several wraps, rotation, recovery codes, uses, anchors, older formats."""

from __future__ import annotations

import hmac
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from strongroom_registry import open_registry
from strongroom_registry.workspaces import new_workspace
from vectors import reader
from vectors.written import change, copied, interrupt, microseconds, new_key, outcome

ROOT = Path(__file__).parents[2]


class Kept:
    """A registry with a few documents, and what opens it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path, self.key = folder, folder / "registry.db", new_key(folder / "registry.key")
        with self.product() as registry:
            for number in range(3):
                put(registry, f"many-{number}", b'{"value":1}')
            for value in (b'{"value":1}', b'{"value":2}', b'{"value":3}'):
                put(registry, "lake", value, b'{"region":"eu"}')

    def product(self, path: Path | None = None, key: str | None = None, **more: Any) -> Any:
        """Open it with the product."""
        return open_registry(f"sqlite:///{path or self.path}", key=key or f"file:{self.key}", **more)

    def second(self, path: Path | None = None, provider: reader.Provider | None = None) -> reader.Registry:
        """Open it with the reader."""
        return reader.Registry(path or self.path, provider or reader.read_key_file(self.key))

    def copy(self, name: str) -> Path:
        """A copy of it as it is now."""
        return copied(self.path, self.folder / name)

    def both(self, path: Path, ask: Callable[[Any], Any], ask_second: Callable[[Any], Any] | None = None) -> Any:
        """What both make of a question: the reader first, for the product writes what it believed."""

        def second() -> Any:
            with self.second(path) as registry:
                return (ask_second or ask)(registry)

        def product() -> Any:
            with self.product(path) as registry:
                return ask(registry)

        found = outcome(second)
        assert outcome(product) == found
        return found


def put(registry: Any, name: str, payload: bytes = b"{}", public: bytes = b"", **more: Any) -> Any:
    """Save a version."""
    return registry.put(name, type="secret", schema="1:ab", payload=payload, public=public, overwrite=True, **more)


def lake(registry: Any) -> bytes:
    """The payload of a document."""
    payload: bytes = registry.get("lake").payload
    return payload


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A registry of the test's own."""
    return Kept(tmp_path)


# several wraps


def test_every_provider_that_wrapped_opens(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, another one, a passphrase and a recovery code, for each epoch there is."""
    passphrase, further = secrets.token_hex(8), new_key(kept.folder / "further.key")
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", passphrase)
    with kept.product() as registry:
        registry.add_key(f"file:{further}")
        registry.add_key("passphrase:")
        code = registry.recovery_kit().shown()
    monkeypatch.setenv("STRONGROOM_RECOVERY_CODE", code)
    providers: dict[str, reader.Provider] = {
        f"file:{kept.key}": reader.read_key_file(kept.key),
        f"file:{further}": reader.read_key_file(further),
        "passphrase:": reader.Passphrase(passphrase.encode()),
        "recovery:": reader.RecoveryCode(code.lower().replace("-", " ")),
    }
    for epoch in (1, 2):
        for uri, provider in providers.items():
            if (epoch, uri) == (1, "passphrase:"):
                continue  # once is enough of what costs so much
            with kept.second(provider=provider) as second:
                assert (lake(second), second.keyring.newest) == (b'{"value":3}', epoch)
                wraps = [record for record in second.keyring.records if record.epoch == epoch]
            assert sorted(record.provider for record in wraps) == sorted(providers)
            with kept.product(key=uri) as registry:
                assert lake(registry) == b'{"value":3}'
        if epoch == 1:
            with kept.product(key="recovery:") as registry:
                assert registry.rotate("workspace").retired == (1,)
    other = reader.RecoveryCode(code[:-1] + ("A" if code[-1] != "A" else "B"))
    assert outcome(lambda: kept.second(provider=other)) == "KeyMalformed"
    assert outcome(lambda: kept.second(provider=reader.Passphrase(b"another one"))) == "WrongKey"


def test_a_provider_that_was_replaced_opens_no_more(kept: Kept) -> None:
    """Rotation at the level of the provider wraps the same workspace key anew, and takes the old wrap away."""
    further = new_key(kept.folder / "further.key")
    with kept.second() as second:
        before = second.keyring.key(1)
    with kept.product() as registry:
        registry.rotate("provider", to=f"file:{further}")
    assert outcome(kept.second) == outcome(kept.product) == "WrongKey"
    with kept.second(provider=reader.read_key_file(further)) as second:
        assert hmac.compare_digest(second.keyring.key(1), before)
        assert [entry.action for entry in second.audit()][-2:] == ["key-add", "key-remove"]
        added, removed = second.audit()[-2:]
        assert (added.message, removed.message) == (f"file:{further}", f"file:{kept.key}")
        assert added.label == second.keyring.records[0].fingerprint != removed.label


@pytest.mark.parametrize(
    ("column", "at", "error"),
    [
        ("provider", -1, "SealBroken"),
        ("fingerprint", 0, "WrongKey"),
        ("wrapped", 0, "WrongKey"),
        ("wrapped", 4, "WrongKey"),
        ("wrapped", 20, "SealBroken"),
        ("wrapped", -1, "SealBroken"),
        ("canary", 0, "SealBroken"),
    ],
)
def test_a_changed_wrap_among_several(kept: Kept, column: str, at: int, error: str) -> None:
    """Its own provider is refused, the other one does not mind."""
    further = new_key(kept.folder / "further.key")
    with kept.product() as registry:
        registry.add_key(f"file:{further}")
    with closing(sqlite3.connect(kept.path)) as rows:
        where = f"provider = 'file:{kept.key}'"
        ((value,),) = rows.execute(f"SELECT {column} FROM workspace_keys WHERE {where}").fetchall()
        changed = bytearray(value.encode() if isinstance(value, str) else value)
        changed[at] ^= 2
        new = changed.decode() if isinstance(value, str) else bytes(changed)
        rows.execute(f"UPDATE workspace_keys SET {column} = ? WHERE {where}", (new,))
        rows.commit()
    assert outcome(kept.second) == outcome(kept.product) == error
    with kept.second(provider=reader.read_key_file(further)) as second, kept.product(key=f"file:{further}") as registry:
        assert lake(second) == lake(registry) == b'{"value":3}'


# retired epochs


def test_what_retired_epochs_leave(kept: Kept) -> None:
    """One record each, under the key that was current then; the audit goes through them all, and sealed values do."""
    sealed = []
    for level in ("workspace", "data", "workspace"):
        with kept.product() as registry:
            sealed.append(registry.sealer("results").seal(b"a result", context=b"here"))
            put(registry, f"before-{level}")
            report = registry.rotate(level)
        assert (report.retired, report.problems) == ((len(sealed),), ())
    with kept.second() as second, kept.product() as registry:
        assert (second.state.epoch, second.state.oldest, second.keyring.newest) == (4, 4, 4)
        assert [(record.epoch, record.provider) for record in second.keyring.records] == [
            *((epoch, f"epoch:{epoch + 1}") for epoch in (1, 2, 3)),
            (4, f"file:{kept.key}"),
        ]
        for record in second.keyring.records[:3]:
            assert record.fingerprint == reader.key_id(second.keyring.key(record.epoch + 1)).hex()
            assert (record.wrapped[:8], len(record.wrapped)) == (b"SRKW\1\3\0\0", 100)
        entries = second.audit()
        told = [(e.action, e.version, e.label, e.message) for e in entries if e.action in ("rotate", "retire")]
        assert told == [
            ("rotate", 2, "workspace", ""),
            ("retire", 1, "", ""),
            ("rotate", 3, "data", "all"),
            ("retire", 2, "", ""),
            ("rotate", 4, "workspace", ""),
            ("retire", 3, "", ""),
        ]
        assert {entry.epoch for entry in entries} == {1, 2, 3, 4}
        assert all((e.name, e.document) == ("default", bytes(16)) for e in entries if e.action in ("rotate", "retire"))
        where = (second.keyring.store_id, second.keyring.workspace_id)
        for value in sealed:
            assert reader.open_sealed(second.keyring.key, "results", *where, b"here", value) == b"a result"
            assert registry.sealer("results").open(value, context=b"here") == b"a result"


def test_rotation_of_data_seals_anew_and_that_of_the_workspace_does_not(kept: Kept) -> None:
    """The bodies stay the same at the level of the workspace, and none does at that of the data."""

    def bodies() -> list[bytes]:
        with kept.second() as second:
            return [record.body_hash for record, *_ in second.history("lake")]

    before = bodies()
    with kept.product() as registry:
        registry.rotate("workspace")
    assert bodies() == before
    with kept.product() as registry:
        registry.rotate("data")
    assert not set(bodies()) & set(before)


OLD_HEAD = "FROM old.heads AS o WHERE o.name = heads.name"


def test_a_row_of_before_is_refused(kept: Kept) -> None:
    """Heads and versions from before an epoch was retired are not believed, though their MACs fit."""
    old = kept.copy("old.db")
    with kept.product() as registry:
        registry.rotate("workspace")
    head = f"UPDATE heads SET (record, mac) = (SELECT record, mac {OLD_HEAD}) WHERE name = 'lake'"
    assert kept.both(change(kept.copy("head.db"), head, old=old), lake) == "HeadTampered"
    versions = ("DELETE FROM versions", "INSERT INTO versions SELECT * FROM old.versions")
    path = change(kept.copy("versions.db"), *versions, old=old)
    assert kept.both(path, lake) == "VersionTampered"
    assert version(kept, path, 2) == "VersionTampered"
    trie = ("DELETE FROM trie", "INSERT INTO trie SELECT * FROM old.trie")
    assert kept.both(change(kept.copy("trie.db"), *trie, old=old), lake) == "RollbackDetected"
    state = "UPDATE workspaces SET (record, mac) = (SELECT record, mac FROM old.workspaces)"
    with kept.second(change(kept.copy("audit.db"), "DELETE FROM audit WHERE seq > 2")) as second:
        assert outcome(second.audit) == "AuditChainBroken"
    assert outcome(lambda: kept.second(change(kept.copy("state.db"), state, old=old))) == "HeadTampered"


ALL = ("workspaces", "heads", "versions", "trie", "audit", "uses")


def test_a_state_of_before_is_refused(kept: Kept) -> None:
    """All rows but those of the keys as they were before the rotation."""
    old = kept.copy("old.db")
    with kept.product() as registry:
        registry.rotate("workspace")
    back = [f"DELETE FROM {table}" for table in ALL] + [
        f"INSERT INTO {table} SELECT * FROM old.{table}" for table in ALL
    ]
    path = change(kept.copy("back.db"), *back, old=old)
    assert kept.both(path, lake) == "HeadTampered"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("DELETE FROM workspace_keys WHERE epoch = 1", "AuditChainBroken"),
        ("UPDATE workspace_keys SET provider = 'epoch:1' WHERE epoch = 1", "WrongKey"),
        ("UPDATE workspace_keys SET provider = 'epoch:3' WHERE epoch = 1", "AuditChainBroken"),
        ("UPDATE workspace_keys SET fingerprint = 'other' WHERE epoch = 1", "WrongKey"),
        ("UPDATE workspace_keys SET canary = zeroblob(32) WHERE epoch = 1", "AuditChainBroken"),
        ("UPDATE workspace_keys SET created_at = created_at + 1 WHERE epoch = 1", "AuditChainBroken"),
        ("UPDATE workspace_keys SET wrapped = zeroblob(100) WHERE epoch = 1", "EnvelopeMalformed"),
    ],
)
def test_a_changed_record_of_a_retired_epoch(kept: Kept, statement: str, error: str) -> None:
    """Documents do not need it; the audit does."""
    with kept.product() as registry:
        registry.rotate("workspace")
    path = change(kept.copy("changed.db"), statement)
    assert kept.both(path, lake) == b'{"value":3}'
    with kept.second(path) as second:
        assert outcome(second.audit) == error
    with kept.product(path) as registry:
        report = outcome(registry.verify_audit)
        assert error == (report if isinstance(report, str) else type(report.problem).__name__)


# interrupted rotations


def epochs_of(path: Path) -> dict[int, int]:
    """How many heads and versions say each epoch."""
    found: dict[int, int] = {}
    with closing(sqlite3.connect(path)) as rows:
        for table in ("heads", "versions"):
            for (record,) in rows.execute(f"SELECT record FROM {table}"):
                epoch = int.from_bytes(record[:4], "big")
                found[epoch] = found.get(epoch, 0) + 1
    return found


CHILD = """
import os, signal, sys
from strongroom_registry import open_registry, rotation
rotation.BATCH = 2
steps = iter(range(int(sys.argv[3])))
def progress(_):
    if next(steps, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
open_registry(sys.argv[1], key=sys.argv[2]).rotate(sys.argv[4], progress=progress)
"""


@pytest.mark.parametrize(("level", "steps"), [("workspace", 0), ("workspace", 3), ("data", 2)])
def test_a_rotation_whose_process_was_killed(kept: Kept, level: str, steps: int) -> None:
    """Whatever it came to, all can be read under the keys of both epochs, and the next one goes on."""
    command = [sys.executable, "-c", CHILD, f"sqlite:///{kept.path}", f"file:{kept.key}", str(steps), level]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = epochs_of(kept.path)
    assert set(found) <= {1, 2}
    with kept.second() as second:
        assert (second.state.epoch, second.state.oldest, second.keyring.newest) == (2, 1, 2)
        assert [second.get("lake", number).payload[-2:-1] for number in (1, 2, 3)] == [b"1", b"2", b"3"]
        assert len(second.leaves()) == len(second.names()) == 4
        second.audit()
    with kept.product() as registry:
        assert registry.rotate(level).retired == (1,)
        assert registry.verify().problems == ()
    with kept.second() as second:
        assert (second.state.oldest, lake(second)) == (2, b'{"value":3}')
    assert set(epochs_of(kept.path)) == {2}


def test_rows_of_before_within_an_interrupted_rotation(kept: Kept) -> None:
    """As long as the earlier epoch is not retired, its versions count; a head must hang in the trie all the same."""
    old = kept.copy("old.db")
    with kept.product() as registry:
        interrupt(registry, 1, batch=2)
    assert set(epochs_of(kept.path)) == {1, 2}
    versions = ("DELETE FROM versions", "INSERT INTO versions SELECT * FROM old.versions")
    assert kept.both(change(kept.copy("versions.db"), *versions, old=old), lake) == b'{"value":3}'
    heads = f"UPDATE heads SET (record, mac) = (SELECT record, mac {OLD_HEAD})"
    path = change(kept.copy("heads.db"), heads, old=old)
    names = [*(f"many-{number}" for number in range(3)), "lake"]
    with closing(sqlite3.connect(kept.path)) as rows:
        moved = [name for name, record in rows.execute("SELECT name, record FROM heads") if record[3] == 2]
    for name in names:
        found = kept.both(path, lambda r, name=name: bool(r.get(name)))
        assert found == ("RollbackDetected" if name in moved else True)


# what is not current


def test_versions_that_wait_and_are_promoted(kept: Kept) -> None:
    """A head names the newest version where that is not the current one."""
    with kept.product() as registry:
        put(registry, "lake", b'{"value":4}', pending=True)
    with kept.second() as second, kept.product() as registry:
        head = second.head("lake")
        assert (head.current, head.newest, head.last) == (3, 4, 4)
        assert head.labels == dict(registry.head("lake").labels) == {"previous": 2, "pending": 4}
        assert lake(second) == b'{"value":3}'
        assert second.get("lake", 4).payload == second.get("lake", "pending").payload == b'{"value":4}'
        assert len(second.history("lake")) == 4
        assert outcome(lambda: second.get("lake", 5)) == "UnknownVersion"
        registry.promote("lake", 4, message="it works")
    with kept.second() as second, kept.product() as registry:
        head = second.head("lake")
        assert (head.current, head.newest, head.labels) == (4, 0, {"previous": 3})
        registry.promote("lake", 2)
    with kept.second() as second:
        head = second.head("lake")
        assert (head.current, head.newest, head.last, head.labels) == (2, 4, 4, {"previous": 4})
        promoted = [(entry.version, entry.message) for entry in second.audit() if entry.action == "promote"]
        assert promoted == [(4, "it works"), (2, "")]
        assert lake(second) == b'{"value":2}'


def test_a_version_that_is_not_current_may_be_that_of_a_sister(kept: Kept) -> None:
    """Nothing ties the row of such a version to the trie: two copies that went on apart can lend each other theirs."""
    one, two = kept.copy("one.db"), kept.copy("two.db")
    for path in (one, two):
        with kept.product(path) as registry:
            for number in (4, 5):
                put(registry, "lake", f'"{path.stem} {number}"'.encode())
    for number, found in ((4, b'"two 4"'), (5, "RollbackDetected")):
        path = copied(one, kept.folder / f"mixed-{number}.db")
        where = f"WHERE number = {number}"
        change(
            path, f"DELETE FROM versions {where}", f"INSERT INTO versions SELECT * FROM old.versions {where}", old=two
        )
        opened = kept.both(
            path, lambda r, n=number: r.get(f"lake@{n}").payload, lambda s, n=number: s.get("lake", n).payload
        )
        assert opened == found


def version(kept: Kept, path: Path, number: int) -> Any:
    """The payload of a version."""
    return kept.both(path, lambda r: r.get(f"lake@{number}").payload, lambda s: s.get("lake", number).payload)


# references, expiry, uses


def test_references_and_expiry(kept: Kept) -> None:
    """A note says what its version refers to and when it expires; the table of uses is believed only with it."""
    expires = datetime(2031, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    with kept.product() as registry:
        put(registry, "job", references=["lake@2", "many-1", "lake"], expires_at=expires)
        put(registry, "labelled", references=["lake"], labels=["stable"])
        put(registry, "labelled", expires_at=expires)
        put(registry, "former", references=["lake"])
        put(registry, "former")
        put(registry, "waiting")
        put(registry, "waiting", references=["lake@stable"], pending=True)
        for name in ("deleted", "destroyed"):
            put(registry, name, references=["lake"], labels=["stable"])
        registry.delete("deleted")
        registry.destroy("destroyed")
    expected = [("job", 1), ("labelled", 1), ("waiting", 2)]
    lies = [
        f"INSERT OR REPLACE INTO uses SELECT id, 'lake', '{user}', {number} FROM workspaces"
        for user, number in (
            *(
                ("many-0", 1),
                ("nobody", 1),
                ("job", 7),
                ("labelled", 2),
                ("former", 1),
                ("destroyed", 1),
                ("deleted", 1),
            ),
            ("lake", 3),
        )
    ]
    lying = change(kept.copy("lying.db"), *lies)
    for path in (kept.path, lying):
        with kept.second(path) as second, kept.product(path) as registry:
            (record, note, _), product = second.history("job")[0], registry.history("job")[0]
            assert note.references == tuple(product.references) == ("lake", "lake@2", "many-1")
            assert note.expires_at == microseconds(expires) == microseconds(product.expires_at)
            assert second.history("labelled")[1][1].expires_at == microseconds(expires)
            assert second.history("former")[1][1] == reader.Note(
                second.history("former")[1][1].created_at, registry.history("former")[0].actor, ""
            )
            assert second.used_by("lake") == [(use.name, use.version) for use in registry.used_by("lake")] == expected
            assert second.used_by("many-1") == [("job", 1)]
            assert record.number == 1
    hidden = change(kept.copy("hidden.db"), "DELETE FROM uses")
    with kept.second(hidden) as second, kept.product(hidden) as registry:
        assert second.used_by("lake") == registry.used_by("lake") == []
    for statement, error in (
        ("UPDATE heads SET mac = zeroblob(32) WHERE name = 'job'", "HeadTampered"),
        (
            "UPDATE versions SET note = x'' WHERE document = (SELECT document FROM heads WHERE name = 'job')",
            "VersionTampered",
        ),
    ):
        assert kept.both(change(kept.copy("changed.db"), statement), lambda r: r.used_by("lake")) == error


# anchors


def anchored(kept: Kept, path: Path, file: Path) -> tuple[Any, Any]:
    """What reader and product make of a registry and a file of anchors."""

    def second() -> str:
        with kept.second(path) as registry:
            registry.check_anchor(file.read_bytes() if file.exists() else b"")
        return "fits"

    def product() -> str:
        kept.product(path, anchor=f"file:{file}").close()
        return "fits"

    return outcome(second), outcome(product)


def test_an_anchor_follows_the_registry(kept: Kept) -> None:
    """It is that of the last state, also across a rotation; an older copy is refused, written to or not."""
    file = kept.folder / "anchors"
    assert anchored(kept, kept.path, file) == ("AnchorUnavailable",) * 2
    with kept.product() as registry:
        file.write_text(registry.anchor().line + "\n")
    first, old = file.read_bytes(), kept.copy("old.db")
    assert anchored(kept, kept.path, file) == ("fits",) * 2
    with kept.product(anchor=f"file:{file}") as registry:
        put(registry, "lake", b'{"value":4}')
        lake(registry)
    with kept.second() as second:
        assert reader.read_anchor(file.read_text()).seq == second.state.seq > reader.read_anchor(first.decode()).seq
        second.check_anchor(file.read_bytes())
        second.check_anchor(first)
    assert anchored(kept, old, file) == ("StoreRolledBack",) * 2
    with kept.product(old) as registry:
        for _ in range(5):
            put(registry, "lake", b'{"value":5}')
    assert anchored(kept, old, file) == ("StoreRolledBack",) * 2
    with kept.product(anchor=f"file:{file}") as registry:
        before = file.read_bytes()
        registry.rotate("workspace")
    with kept.second() as second:
        assert reader.read_anchor(file.read_text()).epoch == 2
        assert reader.read_anchor(before.decode()).epoch == second.state.oldest - 1
        for text in (first, before, file.read_bytes()):
            second.check_anchor(text)
    assert anchored(kept, old, file) == ("StoreRolledBack",) * 2


@pytest.mark.parametrize(
    ("change_it", "error"),
    [
        (lambda line: line[:-1] + ("0" if line[-1] != "0" else "1"), "AnchorTampered"),
        (lambda line: line[:-2], "AnchorTampered"),
        (lambda line: line + "00", "AnchorTampered"),
        (lambda line: f"# a comment\n{line} ", "fits"),
        (lambda line: f" {line}", "AnchorUnavailable"),
        (lambda line: f"{line}\n{line}", "AnchorUnavailable"),
        (lambda line: line.replace(line[29:61], "0" * 32), "AnchorUnavailable"),
        (lambda line: f"{line[:21]}00000007{line[29:]}", "StoreRolledBack"),
        (lambda line: f"{line[:21]}00000000{line[29:]}", "AnchorTampered"),
    ],
)
def test_a_changed_anchor(kept: Kept, change_it: Callable[[str], str], error: str) -> None:
    """Lines that were changed, doubled or are of something else."""
    file = kept.folder / "anchors"
    with kept.product() as registry:
        file.write_text(change_it(registry.anchor().line) + "\n")
    assert anchored(kept, kept.path, file) == (error,) * 2


# format 1


def as_format_1(path: Path, target: Path, *, also: str = "") -> Path:
    """What format 1 would have written: the same rows in its tables (registry §9)."""
    with closing(sqlite3.connect(target, isolation_level=None)) as rows:
        rows.execute("PRAGMA foreign_keys = OFF")
        rows.executescript(reader.TABLES_OF_FORMAT_1)
        rows.execute("ATTACH ? AS old", (str(path),))
        for table in ("store", "workspaces", "workspace_keys", "heads", "versions", "trie", "audit"):
            columns = ", ".join(row[1] for row in rows.execute(f"PRAGMA main.table_info({table})"))
            rows.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old.{table}")
        rows.execute(f"PRAGMA application_id = {0x53524D31}")
        rows.execute("PRAGMA user_version = 1")
        rows.executescript(also)
    target.chmod(0o600)
    return target


def test_a_file_of_format_1(kept: Kept) -> None:
    """The reader reads it as it is, the product brings it to format 2, and both find the same."""
    path = as_format_1(kept.path, kept.folder / "first.db")
    assert kept.both(path, lake) == b'{"value":3}'
    with closing(sqlite3.connect(path)) as rows:
        assert rows.execute("PRAGMA user_version").fetchone() == (2,)
        assert rows.execute("SELECT count(*) FROM uses").fetchone() == (0,)
        found = dict(rows.execute("SELECT name, path FROM heads"))
    assert found == {name: reader.trie_path(name).hex() for name in found}
    assert kept.both(path, lambda registry: len(registry.history("lake"))) == 3
    with kept.product(path) as registry:
        assert registry.rotate("workspace").retired == (1,)
    assert kept.both(path, lake) == b'{"value":3}'


@pytest.mark.parametrize(
    ("also", "error"),
    [
        ("ALTER TABLE trie ADD COLUMN more TEXT", "StoreForeign"),
        ("CREATE TABLE uses (more TEXT)", "StoreForeign"),
        ("CREATE INDEX uses_by_user ON heads (mac)", "StoreForeign"),
        ("UPDATE heads SET mac = zeroblob(32)", "HeadTampered"),
        ("PRAGMA user_version = 2", "StoreForeign"),
        ("PRAGMA user_version = 0", "StoreForeign"),
    ],
)
def test_a_bad_file_of_format_1(kept: Kept, also: str, error: str) -> None:
    """It is compared with the tables of format 1 before anything else."""
    path = as_format_1(kept.path, kept.folder / "first.db", also=also)
    assert kept.both(path, lake) == error


# workspaces of several keys


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "SELECT 1",
            {
                "default": ("default", "UnknownWorkspace", "WrongKey", "WrongKey"),
                "second": ("UnknownWorkspace", "second", "WrongKey", "WrongKey"),
                "third": ("UnknownWorkspace", "UnknownWorkspace", "WrongKey", "WrongKey"),
            },
        ),
        (
            "UPDATE workspaces SET mac = zeroblob(32) WHERE name = 'second'",
            {
                "default": ("default", "HeadTampered", "WrongKey", "WrongKey"),
                "second": ("UnknownWorkspace", "HeadTampered", "WrongKey", "WrongKey"),
                "third": ("UnknownWorkspace", "HeadTampered", "WrongKey", "WrongKey"),
            },
        ),
        (
            "UPDATE workspaces SET name = 'third' WHERE name = 'second'",
            {
                "default": ("default", "HeadTampered", "WrongKey", "WrongKey"),
                "second": ("UnknownWorkspace", "HeadTampered", "WrongKey", "WrongKey"),
                "third": ("UnknownWorkspace", "HeadTampered", "WrongKey", "WrongKey"),
            },
        ),
        (
            "UPDATE workspace_keys SET wrapped = x'00' "
            "WHERE workspace = (SELECT id FROM workspaces WHERE name = 'second')",
            {
                "default": ("default", "WrongKey", "WrongKey", "WrongKey"),
                "second": ("EnvelopeMalformed",) * 4,
                "third": ("EnvelopeMalformed",) * 3 + ("WrongKey",),
            },
        ),
        (
            "DELETE FROM workspace_keys WHERE workspace = (SELECT id FROM workspaces WHERE name = 'second')",
            {
                "default": ("default", "WrongKey", "WrongKey", "WrongKey"),
                "second": ("KeyUnavailable",) * 4,
                "third": ("KeyUnavailable",) * 4,
            },
        ),
    ],
)
def test_workspaces_of_several_keys(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, statement: str, expected: dict[str, tuple[str, ...]]
) -> None:
    """Who has the key of one workspace learns nothing of the others, and is told what is wrong with his own."""
    passphrase = secrets.token_hex(8)
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", passphrase)
    keys = [kept.key, new_key(kept.folder / "second.key"), new_key(kept.folder / "third.key")]
    new_workspace("second", f"sqlite:///{kept.path}", key=f"file:{kept.key}", key_of_new=f"file:{keys[1]}")
    change(kept.path, statement)
    providers = [*map(reader.read_key_file, keys), reader.Passphrase(passphrase.encode())]
    uris = [*(f"file:{key}" for key in keys), "passphrase:"]
    for workspace, found in expected.items():
        assert tuple(outcome(lambda p=p, w=workspace: state_of(kept.path, p, w)) for p in providers) == found
        assert tuple(outcome(lambda u=u, w=workspace: name_of(kept, u, w)) for u in uris) == found


def state_of(path: Path, provider: reader.Provider, workspace: str) -> str:
    """The name of the workspace that the reader opens."""
    with reader.Registry(path, provider, workspace) as second:
        return second.state.name


def name_of(kept: Kept, uri: str, workspace: str) -> str:
    """The name of the workspace that the product opens."""
    with kept.product(key=uri, workspace=workspace) as registry:
        return str(registry.workspace)
