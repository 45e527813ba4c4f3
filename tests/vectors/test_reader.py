"""The second reader: it reproduces every vector, opens what the product wrote, and refuses what was changed."""

import ast
import json
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from strongroom_registry import open_registry
from strongroom_registry.workspaces import new_workspace
from vectors import file_reader, reader
from vectors.written import Written, microseconds, outcome, split

VECTORS = sorted(Path(__file__).parent.glob("*.json"))


def test_the_reader_shares_no_code() -> None:
    """Nothing but the standard library and two primitives of ``cryptography``."""
    names: set[str] = set()
    for module in (reader, file_reader):
        tree = ast.parse(Path(module.__file__ or "").read_text())
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert [name for name in names if name.startswith(("strongroom", "vectors", "generate"))] == ["vectors.reader"]
    assert {name for name in names if name.startswith("cryptography")} == {
        "cryptography.exceptions",
        "cryptography.hazmat.primitives.asymmetric.x25519",
        "cryptography.hazmat.primitives.ciphers.aead",
        "cryptography.hazmat.primitives.kdf.argon2",
    }


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    """What a vector expects is what the reader finds, or the class that it refuses with."""
    vector = json.loads(path.read_text())
    assert vector["name"] == path.stem
    assert reader.run_vector(vector) == reader.expected(vector)


def test_examples_of_the_specification() -> None:
    """The records that the page on the registry writes out are read as the text beside them says."""
    page = (Path(__file__).parents[2] / "docs/spec/registry.md").read_text()
    examples = page.split("### 2.6 Examples")[1].split("## 3.")[0].split("```")[1::2]
    assert page.split("```sql no-run")[1].split("```")[0].split() == reader.TABLES.split()
    note, head, entry = (bytes.fromhex("".join(example.split())) for example in examples)
    at = microseconds(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))
    assert reader.read_note(note) == reader.Note(at, "alice", "why")
    labels = {"previous": 3, "stable": 3}
    document, body_hash = b"\x64" * 16, b"\x68" * 32
    assert reader.read_head(head) == reader.Head(
        1, "lake", document, 2, 3, 4, "deleted", labels, ((1, 2),), body_hash, 9, at
    )
    assert reader.read_entry(entry) == reader.Entry(1, 7, at, "alice", "load", "done", "lake", document, 4, "", "", 2)
    for example, read in ((note, reader.read_note), (head, reader.read_head), (entry, reader.read_entry)):
        for changed in (example[:-1], example + b"\0", b""):
            with pytest.raises(reader.Refused):
                read(changed)


@pytest.fixture(scope="module", params=["plain", "rotated", "interrupted"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The registries of this module, one after the other; tests that change one change a copy."""
    return Written(tmp_path_factory.mktemp("written"), request.param)


def test_the_epochs_of_the_records(written: Written) -> None:
    """A registry that was rotated is under the last epoch, one whose rotation was interrupted under both."""
    with closing(sqlite3.connect(written.path)) as rows:
        found = {
            int.from_bytes(record[:4], "big")
            for table in ("heads", "versions")
            for (record,) in rows.execute(f"SELECT record FROM {table}")
        }
    with written.second() as second:
        said = (second.state.epoch, second.state.oldest)
    assert (written.kind, found, said) in [
        ("plain", {1}, (1, 1)),
        ("rotated", {3}, (3, 3)),
        ("interrupted", {1, 2}, (2, 1)),
    ]


def test_every_head_is_that_of_the_product(written: Written) -> None:
    """Names, ids, numbers, states, labels and dates, also of what was deleted or destroyed."""
    with written.product() as registry, written.second() as second:
        heads = registry.list(deleted=True)
        assert second.names() == [head.name for head in heads]
        for head in heads:
            found = second.head(head.name)
            assert (found.name, found.document, found.generation) == (head.name, head.id.bytes, head.generation)
            assert (found.current, found.state, found.labels) == (head.current, head.state.value, dict(head.labels))
            assert found.updated_at == microseconds(head.updated_at)
        assert len(second.leaves()) == len(heads) == 31
        assert {head.state.value for head in heads} == {"live", "deleted", "destroyed"}


def test_every_version_is_that_of_the_product(written: Written) -> None:
    """All versions of all documents, their payloads or why there is none."""
    opened = 0
    with written.product() as registry, written.second() as second:
        for head in registry.list(deleted=True):
            versions = list(reversed(registry.history(head.name)))
            history = second.history(head.name)
            for version, (record, note, public) in zip(versions, history, strict=True):
                assert (record.number, record.generation) == (version.number, version.generation)
                assert (record.type, record.schema, public) == (version.type, version.schema, version.public)
                said = (microseconds(version.created_at), version.actor, version.message)
                assert (note.created_at, note.actor, note.message) == said
                name, number = head.name, version.number
                product = outcome(lambda at=f"{name}@{number}": registry.get(at).payload)
                assert outcome(lambda name=name, number=number: second.get(name, number).payload) == product
                opened += isinstance(product, bytes)
    assert opened == 24 + 3 + 1 + 1 + 1 + 2


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("lake", {"value": "third €"}),
        ("lake@stable", {"value": "second"}),
        ("lake@previous", {"value": "second"}),
        ("lake@oldest", {"value": "first"}),
        ("large", {"value": "x" * 100_000}),
        ("again@two", {"value": 2}),
        ("back", {"value": 1}),
        ("lake@old", "UnknownLabel"),
        ("lake@0", "UnknownVersion"),
        ("lake@4", "UnknownVersion"),
        ("nothing", "UnknownDocument"),
        ("gone", "DocumentDeleted"),
        ("gone@1", "DocumentDeleted"),
        ("again@1", "DocumentDeleted"),
        ("again@one", "UnknownLabel"),
        ("partly@1", "VersionDestroyed"),
        ("ashes", "VersionDestroyed"),
        ("ashes@last", "VersionDestroyed"),
    ],
)
def test_reference(written: Written, reference: str, expected: Any, tmp_path: Path) -> None:
    """What is opened or refused is what the product opens or refuses."""
    with written.second() as second:
        assert outcome(lambda: second.get(*split(reference)).json()) == expected
    if reference != "lake@0":  # which is no reference for the product
        with written.product(written.copy(tmp_path / "copy.db")) as registry:
            assert outcome(lambda: json.loads(registry.get(reference).payload)) == expected


def test_names_that_are_not_there(written: Written) -> None:
    """Their paths end at an empty slot or at the leaf of another name, and both mean that there is no such document."""
    with written.second() as second:
        for number in range(40):
            assert outcome(lambda name=f"nothing-{number}": second.get(name)) == "UnknownDocument"


def test_the_audit_is_that_of_the_product(written: Written) -> None:
    """The chain fits from the first entry to the state, and says the same."""
    with written.product() as registry:
        report, product = registry.verify_audit(), list(registry.audit())
    assert report.ok
    with written.second() as second:
        entries = second.audit()[: len(product)]
    for entry, theirs in zip(entries, reversed(product), strict=True):
        assert (entry.seq, entry.at, entry.actor) == (theirs.seq, microseconds(theirs.at), theirs.actor)
        assert (entry.action, entry.outcome, entry.name) == (theirs.action, theirs.outcome, theirs.name)
        assert entry.document == (theirs.document.bytes if theirs.document else bytes(16))
        assert (entry.version, entry.label) == (theirs.version or 0, theirs.label)
        assert (entry.message, entry.count) == (theirs.message, theirs.count)
    assert {entry.action for entry in entries} - {"rotate", "retire"} == {
        *("create", "put", "load", "label", "unlabel", "delete", "undelete", "destroy"),
    }
    loads = [(entry.version, entry.count) for entry in entries if entry.action == "load" and entry.name == "lake"]
    assert loads[:2] == [(3, 1), (3, 2)]


def test_a_registry_without_documents(tmp_path: Path) -> None:
    """Its trie is not stored, and its audit has one entry."""
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(f"strongroom-key-v1:{secrets.token_hex(32)}")
    open_registry(f"sqlite:///{tmp_path}/empty.db", key=f"file:{key}").close()
    with reader.Registry(tmp_path / "empty.db", reader.read_key_file(key)) as second:
        assert (second.names(), second.leaves()) == ([], {})
        assert outcome(lambda: second.get("lake")) == "UnknownDocument"
        assert [(entry.action, entry.name) for entry in second.audit()] == [("create", "default")]


def test_a_passphrase_and_two_workspaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each workspace has its own key, wrapped by the same passphrase, which is normalized."""
    passphrase = "passe\u0301 " + secrets.token_hex(8)
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", passphrase)
    url = f"sqlite:///{tmp_path}/two.db"
    open_registry(url, key="passphrase:").close()
    new_workspace("second", url, key="passphrase:")
    for workspace in ("default", "second"):
        with open_registry(url, key="passphrase:", workspace=workspace) as registry:
            registry.put("lake", type="secret", schema="1:ab", payload=json.dumps(workspace).encode())
    provider = reader.Passphrase(passphrase.encode())
    for workspace in ("default", "second"):
        with reader.Registry(tmp_path / "two.db", provider, workspace) as second:
            assert second.get("lake").payload == json.dumps(workspace).encode()
    wrong = reader.Passphrase(passphrase.encode() + b"\n")
    assert outcome(lambda: reader.Registry(tmp_path / "two.db", wrong)) == "WrongKey"
    assert outcome(lambda: reader.Registry(tmp_path / "two.db", provider, "third")) == "UnknownWorkspace"


def test_what_a_sealer_sealed(written: Written) -> None:
    """A value of the product's sealer opens with the key of its epoch, and with nothing else."""
    with written.product() as registry:
        sealed = registry.sealer("results").seal(b"a result", context=b"here")
    with written.second() as second:
        keyring = second.keyring
        where = (keyring.store_id, keyring.workspace_id)
        assert reader.open_sealed(keyring.key, "results", *where, b"here", sealed) == b"a result"
        assert outcome(lambda: reader.open_sealed(keyring.key, "results", *where, b"there", sealed)) == "SealBroken"


@pytest.mark.parametrize(
    ("text", "mode", "error"),
    [
        ("strongroom-key-v1:" + "0" * 64, 0o600, "WrongKey"),
        ("strongroom-key-v1:" + "0" * 63, 0o600, "KeyMalformed"),
        ("strongroom-key-v1:" + "0" * 64, 0o640, "KeyExposed"),
        ("no key", 0o604, "KeyExposed"),
        (None, 0, "KeyUnavailable"),
        ("folder", 0, "KeyMalformed"),
        ("link", 0, "KeyExposed"),
    ],
)
def test_key_file(written: Written, tmp_path: Path, text: str | None, mode: int, error: str) -> None:
    """A key file that is absent, exposed, no key or another one is refused alike."""
    key = tmp_path / "key"
    if text == "folder":
        key.mkdir(mode=0o700)
    elif text == "link":
        key.symlink_to(written.key)
    elif text is not None:
        key.touch()
        key.chmod(mode)
        key.write_text(text)
    assert outcome(lambda: reader.Registry(written.path, reader.read_key_file(key))) == error
    assert outcome(lambda: open_registry(f"sqlite:///{written.path}", key=f"file:{key}")) == error


def read_everything(second: reader.Registry) -> None:
    """Read all that there is, and refuse at the first error that is not that a version is gone."""
    for name in second.names():
        for version in range(1, second.head(name).current + 1):
            opened = outcome(lambda name=name, version=version: second.get(name, version))
            if isinstance(opened, str) and opened not in ("DocumentDeleted", "VersionDestroyed"):
                raise reader.Refused(opened)
        second.history(name)
    second.audit()


NEWEST_KEY = "workspace_keys WHERE epoch = (SELECT max(epoch) FROM workspace_keys)"
LAKE = "(SELECT document FROM heads WHERE name = 'lake')"
CURRENT = f"versions WHERE number = 3 AND document = {LAKE}"
OLDER = f"versions WHERE number = 2 AND document = {LAKE}"
FIRST = f"versions WHERE number = 1 AND document = {LAKE}"


@pytest.mark.parametrize(
    ("column", "row", "at", "error"),
    [
        ("id", "store", 0, "SealBroken"),
        ("id", "workspaces", 0, "KeyUnavailable"),
        ("record", "workspaces", 3, "HeadTampered"),
        ("record", "workspaces", -1, "HeadTampered"),
        ("mac", "workspaces", 5, "HeadTampered"),
        ("provider", NEWEST_KEY, -1, "SealBroken"),
        ("fingerprint", NEWEST_KEY, 3, "WrongKey"),
        ("wrapped", NEWEST_KEY, 0, "EnvelopeMalformed"),
        ("wrapped", NEWEST_KEY, 4, "EnvelopeUnsupported"),
        ("wrapped", NEWEST_KEY, 5, "WrongKey"),
        ("wrapped", NEWEST_KEY, 60, "SealBroken"),
        ("canary", NEWEST_KEY, -1, "SealBroken"),
        ("document", "heads WHERE name = 'lake'", 0, "HeadTampered"),
        ("record", "heads WHERE name = 'lake'", 0, "HeadTampered"),
        ("record", "heads WHERE name = 'lake'", 50, "HeadTampered"),
        ("mac", "heads WHERE name = 'lake'", 0, "HeadTampered"),
        ("record", CURRENT, 3, "VersionTampered"),
        ("record", CURRENT, -1, "VersionTampered"),
        ("mac", CURRENT, 31, "VersionTampered"),
        ("note", CURRENT, 12, "VersionTampered"),
        ("public", FIRST, 4, "PublicFieldsTampered"),
        ("wrap", CURRENT, 0, "EnvelopeMalformed"),
        ("wrap", CURRENT, 7, "EnvelopeUnsupported"),
        ("wrap", CURRENT, 10, "SealBroken"),
        ("wrap", CURRENT, 20, "SealBroken"),
        ("wrap", OLDER, 80, "SealBroken"),
        ("body", CURRENT, 1, "EnvelopeMalformed"),
        ("body", CURRENT, 5, "EnvelopeUnsupported"),
        ("body", CURRENT, 45, "SealBroken"),
        ("body", CURRENT, 90, "SealBroken"),
        ("body", OLDER, -1, "SealBroken"),
        ("node", "trie WHERE path = ''", 0, "RollbackDetected"),
        ("node", "trie WHERE path = ''", -1, "RollbackDetected"),
    ],
)
def test_a_flipped_bit_is_refused(written: Written, tmp_path: Path, column: str, row: str, at: int, error: str) -> None:
    """One bit, changed with SQL: the reader and the product refuse, and name the same class."""
    path = written.copy(tmp_path / "copy.db")
    version = 2 if row == OLDER else 1 if row == FIRST else 3
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("PRAGMA foreign_keys = OFF")
        (value,) = rows.execute(f"SELECT {column} FROM {row}").fetchone()
        changed = bytearray(value.encode() if isinstance(value, str) else value)
        changed[at] ^= 2
        new = changed.decode() if isinstance(value, str) else bytes(changed)
        table, _, where = row.partition(" WHERE ")
        rows.execute(f"UPDATE {table} SET {column} = ? WHERE {where or 'true'}", (new,))

    def second() -> None:
        with written.second(path) as registry:
            registry.get("lake", version)

    def whole() -> None:
        with written.second(path) as registry:
            read_everything(registry)

    def product() -> None:
        with written.product(path) as registry:
            registry.get(f"lake@{version}")

    assert outcome(second) == error
    assert isinstance(outcome(whole), str)
    assert outcome(product) == error


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("UPDATE audit SET record = (SELECT record FROM audit WHERE seq = 8) WHERE seq = 9", 9),
        ("UPDATE audit SET record = x'' WHERE seq = 9", 9),
        ("UPDATE audit SET mac = zeroblob(32) WHERE seq = 9", 9),
        ("UPDATE audit SET mac = (SELECT mac FROM audit WHERE seq = 8) WHERE seq = 9", 9),
        ("DELETE FROM audit WHERE seq = 9", 9),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET seq = -seq WHERE seq = 9", 1),
        ("INSERT INTO audit SELECT workspace, 0, record, mac FROM audit WHERE seq = 9", 1),
    ],
)
def test_a_changed_audit_is_refused(written: Written, tmp_path: Path, change: str, error: int) -> None:
    """An entry that was changed, moved, removed or added is the first bad one."""
    path = written.copy(tmp_path / "copy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute(change)
    with written.second(path) as registry, pytest.raises(reader.Refused, match=f"AuditChainBroken: entry {error}$"):
        registry.audit()
    with written.product(path) as registry:
        assert registry.verify_audit().first_bad == error


def test_a_cut_audit_is_refused(written: Written, tmp_path: Path) -> None:
    """Entries removed at the end, or added there, do not fit the state."""
    path = written.copy(tmp_path / "copy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        (last,) = rows.execute("SELECT max(seq) FROM audit").fetchone()
        rows.execute("INSERT INTO audit SELECT workspace, seq + 1, record, mac FROM audit WHERE seq = ?", (last,))
        for bad in (last + 1, last):
            with written.second(path) as registry, pytest.raises(reader.Refused, match=f"entry {bad}$"):
                registry.audit()
            rows.execute("DELETE FROM audit WHERE seq >= ?", (last,))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("DELETE FROM heads WHERE name = 'lake'", "HiddenVersion"),
        (f"DELETE FROM {CURRENT}", "HiddenVersion"),
        ("UPDATE heads SET name = 'river' WHERE name = 'lake'", "HiddenVersion"),
        (f"UPDATE versions SET wrap = NULL WHERE document = {LAKE}", "VersionTampered"),
        (f"UPDATE versions SET body = x'' WHERE document = {LAKE}", "EnvelopeMalformed"),
        (f"UPDATE versions SET body = (SELECT body FROM {OLDER}) WHERE document = {LAKE}", "SealBroken"),
        (f"UPDATE versions SET wrap = (SELECT wrap FROM {OLDER}) WHERE document = {LAKE}", "SealBroken"),
        ("DELETE FROM trie", "RollbackDetected"),
        ("DELETE FROM store", "StoreForeign"),
        ("DELETE FROM workspaces", "HeadTampered"),
        ("DELETE FROM workspace_keys", "KeyUnavailable"),
        ("ALTER TABLE trie ADD COLUMN more TEXT", "StoreForeign"),
        ("ALTER TABLE trie RENAME TO tree", "StoreForeign"),
        ("CREATE INDEX more ON trie (node)", "StoreForeign"),
        ("CREATE TRIGGER more AFTER INSERT ON audit BEGIN DELETE FROM audit; END", "StoreForeign"),
        ("PRAGMA application_id = 7", "StoreForeign"),
        ("PRAGMA user_version = 0", "StoreForeign"),
        ("PRAGMA user_version = 3", "StoreNewer"),
        ("PRAGMA user_version = 1", "StoreForeign"),
    ],
)
def test_a_changed_row_is_refused(written: Written, tmp_path: Path, change: str, error: str) -> None:
    """Rows removed, renamed or swapped: the reader and the product refuse, and name the same class."""
    path = written.copy(tmp_path / "copy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("PRAGMA foreign_keys = OFF")
        rows.execute(change)

    def second() -> None:
        with written.second(path) as registry:
            registry.get("lake")

    def product() -> None:
        with written.product(path) as registry:
            registry.get("lake")

    assert outcome(second) == error
    assert outcome(product) == error


def test_a_version_under_another_number_is_refused(written: Written, tmp_path: Path) -> None:
    """All that a version is, moved to where another one stood: it fits itself, but not its place."""
    path = written.copy(tmp_path / "copy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute(f"DELETE FROM {FIRST}")
        rows.execute(f"UPDATE versions SET number = 1 WHERE number = 2 AND document = {LAKE}")
    with written.second(path) as second, written.product(path) as registry:
        assert outcome(lambda: second.get("lake", 1)) == outcome(lambda: registry.get("lake@1")) == "VersionTampered"


def test_a_renamed_workspace_is_refused(written: Written, tmp_path: Path) -> None:
    """Its state says what its name is, and is looked at as well where another name is asked for."""
    path = written.copy(tmp_path / "copy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("UPDATE workspaces SET name = 'other'")
    provider = reader.read_key_file(written.key)
    for workspace in ("other", "default", "third"):
        assert outcome(lambda name=workspace: reader.Registry(path, provider, name)) == "HeadTampered"
        where = {"key": f"file:{written.key}", "workspace": workspace}
        assert outcome(lambda where=where: open_registry(f"sqlite:///{path}", **where)) == "HeadTampered"


def test_rows_of_a_sister_are_refused(written: Written, tmp_path: Path) -> None:
    """Two copies that went on apart have the same keys: the rows of one fit the MACs of the other, but nothing else."""
    one, two = (written.copy(tmp_path / f"{name}.db") for name in ("one", "two"))
    for path in (one, two):
        with written.product(path) as registry:
            payload = json.dumps({"value": path.stem}).encode()
            registry.put("lake", type="secret", schema="1:ab", payload=payload, overwrite=True)
    with closing(sqlite3.connect(one, isolation_level=None)) as rows:
        rows.execute("ATTACH ? AS two", (str(two),))
        rows.execute("DELETE FROM versions WHERE number = 4")
        rows.execute("INSERT INTO versions SELECT * FROM two.versions WHERE number = 4")
        (last,) = rows.execute("SELECT max(seq) FROM audit").fetchone()
        rows.execute("DELETE FROM audit WHERE seq = ?", (last,))
        rows.execute("INSERT INTO audit SELECT * FROM two.audit WHERE seq = ?", (last,))
    with written.second(one) as second:
        assert outcome(lambda: second.get("lake")) == "RollbackDetected"
        with pytest.raises(reader.Refused, match=f"AuditChainBroken: entry {last}$"):
            second.audit()
    with written.product(one) as registry:
        assert registry.verify_audit().first_bad == last
        assert outcome(lambda: registry.get("lake")) == "RollbackDetected"


def test_a_document_put_back_is_refused(written: Written, tmp_path: Path) -> None:
    """The rows of one document as they were before: every MAC fits, but the trie does not."""
    path = written.copy(tmp_path / "copy.db")
    with written.product(path) as registry:
        registry.put("lake", type="secret", schema="1:ab", payload=b'{"value":"fourth"}', overwrite=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("ATTACH ? AS old", (str(written.path),))
        rows.execute(
            "UPDATE heads SET (record, mac) = (SELECT record, mac FROM old.heads WHERE name = 'lake') "
            "WHERE name = 'lake'"
        )
        rows.execute(f"DELETE FROM versions WHERE number = 4 AND document = {LAKE}")
    with written.second(path) as second:
        assert outcome(lambda: second.get("lake")) == "RollbackDetected"
        assert outcome(lambda: second.get("large").json()["value"]) == "x" * 100_000
    with written.product(path) as registry:
        assert outcome(lambda: registry.get("lake")) == "RollbackDetected"


def test_a_destroyed_version_put_back_is_refused(written: Written, tmp_path: Path) -> None:
    """Wrap and body from an older copy do not bring back what was destroyed."""
    path = written.copy(tmp_path / "copy.db")
    with written.product(path) as registry:
        registry.destroy("lake", 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("ATTACH ? AS old", (str(written.path),))
        for column in ("wrap", "body", "public"):
            rows.execute(
                f"UPDATE versions SET {column} = (SELECT {column} FROM old.versions AS o "
                "WHERE o.document = versions.document AND o.number = versions.number) WHERE number = 2"
            )
    with written.second(path) as second:
        assert outcome(lambda: second.get("lake", 2)) == "VersionDestroyed"
        assert outcome(lambda: second.history("lake")) == "RollbackDetected"
    with written.product(path) as registry:
        assert outcome(lambda: registry.get("lake@2")) == "VersionDestroyed"
        assert outcome(lambda: registry.history("lake")) == "RollbackDetected"
