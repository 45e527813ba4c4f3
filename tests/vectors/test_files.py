"""The second reader on files that the product writes: sealed exports and backups."""

from __future__ import annotations

import io
import json
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from strongroom_registry import container
from strongroom_registry.backup_file import BackupReader
from strongroom_registry.keys import FileKey
from vectors import file_reader, reader
from vectors.written import Written, copied, new_key, outcome

PASSPHRASE = secrets.token_hex(12)
ELSEWHERE = "A_TOKEN_KEPT_ELSEWHERE"


class Files:
    """A registry, an export of it that is sealed to a key and to a passphrase, a plain one, and a backup."""

    def __init__(self, folder: Path) -> None:
        self.registry, self.key = Written(folder, "rotated"), new_key(folder / "export.key")
        with self.registry.product() as registry:
            registry.put("long", type="secret", schema="1:ab", payload=json.dumps({"value": "y" * 150_000}).encode())
            registry.put("user", type="secret", schema="1:ab", payload=b'{"value":"z"}', references=["lake"])
        self._run("block", "new", "secret", "pointed", "--set", f"value:source=env:{ELSEWHERE}")
        self.export, self.plain, self.backup = (folder / name for name in ("sealed", "plain", "backup"))
        self._run("export", "--history", "--to", f"file:{self.key}", "--to", "passphrase", "-o", str(self.export))
        self._run("export", "lake", "--plain", "--yes-i-want-secrets-in-clear", "-o", str(self.plain))
        self._run("backup", str(self.backup))

    def _run(self, *arguments: str) -> None:
        settings = {
            "STRONGROOM_REGISTRY": f"sqlite:///{self.registry.path}",
            "STRONGROOM_KEY": f"file:{self.registry.key}",
            "STRONGROOM_HOME": str(self.registry.path.parent / "home"),
            "STRONGROOM_FILE_PASSPHRASE": PASSPHRASE,
            ELSEWHERE: PASSPHRASE,
        }
        command = [sys.executable, "-m", "strongroom", *arguments]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def second(self, data: bytes) -> Any:
        """What the reader makes of the sealed file, or of one that was changed."""
        return outcome(lambda: file_reader.open_file(data, "export", [reader.read_key_file(self.key)]))

    def product(self, data: bytes) -> Any:
        """What the product makes of it."""
        keys = [FileKey(self.key)]
        return outcome(lambda: b"".join(container.open_file(io.BytesIO(data), "export", keys)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of this module."""
    return Files(tmp_path_factory.mktemp("files"))


def test_an_export_is_what_is_in_the_registry(files: Files) -> None:
    """Every version that is live, with its payload, by either of the recipients."""
    data = files.export.read_bytes()
    content = files.second(data)
    assert content == files.product(data)
    versions = file_reader.read_export(content)
    with files.registry.second() as second:
        live = [name for name in second.names() if second.head(name).state == "live"]
        assert {version["name"] for version in versions} == set(live)
        for version in versions:
            document = second.get(version["name"], version["version"])
            assert version["payload"] == json.loads(document.payload)
            assert version["public"] == document.public.decode()
            said = (document.record.type, document.record.schema, document.note.actor, document.note.message)
            assert (version["type"], version["schema"], version["actor"], version["message"]) == said
            assert version["main"] == (version["version"] == document.head.current)
            labels = {label for label, number in document.head.labels.items() if number == version["version"]}
            assert set(version["labels"]) == labels - {"previous", "pending"}
    assert sorted(v["version"] for v in versions if v["name"] == "lake") == [1, 2, 3]
    assert [v["version"] for v in versions if v["name"] == "partly"] == [3, 2]


def test_a_secret_that_is_kept_elsewhere(files: Files) -> None:
    """A payload has the reference to it, in the exact form, and so has an export; neither has the secret."""
    with files.registry.second() as second:
        document = second.get("pointed")
    assert document.payload == b'{"$exact":{"value":{"$source":"env:%s"}}}' % ELSEWHERE.encode()
    assert (document.public, document.note.references) == (b"{}", ())
    content = files.second(files.export.read_bytes())
    (pointed,) = (version for version in file_reader.read_export(content) if version["name"] == "pointed")
    assert pointed["payload"] == document.json()
    assert PASSPHRASE.encode() not in content


def test_a_passphrase_of_the_file_opens_it(files: Files) -> None:
    """As well as the key does; another one does not."""
    data = files.export.read_bytes()
    good, bad = (reader.Passphrase(text.encode()) for text in (PASSPHRASE, PASSPHRASE + "!"))
    assert file_reader.open_file(data, "export", [bad, good]) == files.second(data)


def test_a_plain_export(files: Files) -> None:
    """The same lines, in clear, with what it refers to."""
    (lake,) = file_reader.read_export(files.plain.read_bytes())
    assert (lake["name"], lake["version"], lake["payload"]) == ("lake", 3, {"value": "third €"})


def chunks_of(data: bytes) -> int:
    """Where the chunks of a sealed file begin."""
    return 44 + int.from_bytes(data[8:12], "big")


SIZE = 65536 + 16


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda data, at: data[: at + SIZE], "SealBroken"),
        (lambda data, at: data[: at + SIZE + 15], "EnvelopeMalformed"),
        (lambda data, at: data[: at + SIZE + 16], "EnvelopeMalformed"),
        (lambda data, at: data[: at + SIZE + 17], "SealBroken"),
        (lambda data, at: data[:at] + data[at + SIZE :], "SealBroken"),
        (lambda data, at: data[:at] + data[at + SIZE : at + 2 * SIZE] + data[at : at + SIZE], "SealBroken"),
        (lambda data, at: data + data[at : at + SIZE], "SealBroken"),
        (lambda data, at: data + b"\0", "SealBroken"),
        (lambda data, at: data[:-1], "SealBroken"),
        (lambda data, at: data[:at], "EnvelopeMalformed"),
        (lambda data, at: data[: at - 1], "EnvelopeMalformed"),
    ],
)
def test_a_changed_export(files: Files, change: Callable[[bytes, int], bytes], error: str) -> None:
    """Chunks that were cut off, swapped, doubled."""
    data = files.export.read_bytes()
    assert len(data) > chunks_of(data) + 2 * SIZE
    changed = change(data, chunks_of(data))
    assert files.second(changed) == files.product(changed) == error


def test_bits_of_the_start_of_an_export(files: Files) -> None:
    """Whatever bit is changed up to the first chunk, both refuse, and name the same class."""
    data, chance = files.export.read_bytes(), Random(7)
    for _ in range(150):
        changed, at = bytearray(data), chance.randrange(chunks_of(data) + 40)
        changed[at] ^= 1 << chance.randrange(8)
        second = files.second(bytes(changed))
        assert isinstance(second, str), at
        assert files.product(bytes(changed)) == second, at


COLUMNS = {
    1: "id, name, record, mac FROM workspaces",
    2: "epoch, provider, fingerprint, wrapped, canary, created_at FROM workspace_keys",
    3: "path, node FROM trie",
    4: "name, document, record, mac, path FROM heads",
    5: "number, record, mac, note, public, wrap, body FROM versions",
    6: "used, user, number FROM uses",
    7: "seq, record, mac FROM audit",
}


def test_a_backup_is_the_rows_of_the_registry(files: Files) -> None:
    """All of them, of each table; written into new tables they are a registry, which the reader opens."""
    rows = file_reader.read_backup(files.backup.read_bytes())
    with closing(sqlite3.connect(files.registry.path)) as registry:
        for kind, columns in COLUMNS.items():
            found = registry.execute(f"SELECT {columns}").fetchall()
            assert sorted(found, key=repr) == sorted((row for of, row in rows if of == kind), key=repr)
            assert found, columns
        assert registry.execute("SELECT id FROM store").fetchone() == (rows[0][1][0],)
    restored = copied(files.registry.path, files.backup.with_suffix(".db"))
    with closing(sqlite3.connect(restored, isolation_level=None)) as registry:
        registry.execute("PRAGMA foreign_keys = OFF")
        tables = ("workspaces", "workspace_keys", "trie", "heads", "versions", "uses", "audit")
        for table in tables:
            registry.execute(f"DELETE FROM {table}")
        workspace = document = b""
        for kind, row in rows[1:-1]:
            workspace = row[0] if kind == 1 else workspace
            document = row[1] if kind == 4 else document
            before = {1: (), 5: (document,)}.get(kind, (workspace,))
            values = (*before, *row)
            named = COLUMNS[kind].split(" FROM ")[0]
            columns = ", ".join([*{1: [], 5: ["document"]}.get(kind, ["workspace"]), named])
            marks = ", ".join("?" * len(values))
            registry.execute(f"INSERT INTO {tables[kind - 1]} ({columns}) VALUES ({marks})", values)
    with files.registry.second(restored) as second, files.registry.second() as former:
        assert second.names() == former.names()
        assert second.get("lake").payload == former.get("lake").payload
        assert len(second.audit()) == len(former.audit())


def test_a_changed_backup(files: Files) -> None:
    """Whatever bit was changed and wherever it was cut, both refuse, and name the same class."""
    data, chance, path = files.backup.read_bytes(), Random(7), files.backup.with_suffix(".changed")

    def product() -> int:
        with closing(BackupReader(path)) as opened:
            return len(list(opened.rows()))

    for turn in range(60):
        at = chance.randrange(len(data)) if turn > 20 else turn
        changed = bytearray(data)
        changed[at] ^= 1 << chance.randrange(8)
        for content in (bytes(changed), data[:at]):
            path.write_bytes(content)
            second = outcome(lambda content=content: file_reader.read_backup(content))
            assert isinstance(second, str), at
            assert outcome(product) == second, at
