"""The file of a backup: as its specification says, and every damage of it found."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry import backup_file, open_registry
from strongroom_registry.backup import summarise
from strongroom_registry.backup_file import BackupReader, BackupWriter, Header, NodeRow, Row
from strongroom_registry.errors import (
    BackupDamaged,
    HeadTampered,
    IntegrityError,
    StoreNewer,
    StoreUnavailable,
)
from strongroom_registry.keyring import WrappedKey
from strongroom_registry.restoring import restore_backup, verify_backup
from strongroom_registry.stores.store import AuditRow, HeadRow, UseRow, VersionRow, WorkspaceRow

from .conftest import backed_up, dump, file_of, saver


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.backup"


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'restored' / 'registry.db'}"


class TestDamage:
    @pytest.fixture
    def small(self, url: str, file: Path) -> bytes:
        with open_registry(url) as registry:
            saver(registry)("lake", references=["river"])
            saver(registry)("river")
        backed_up(url, file)
        return file.read_bytes()

    def read(self, file: Path) -> None:
        with BackupReader(file) as reader:
            summarise(reader)

    def test_every_cut_is_found_before_anything_is_restored(self, small: bytes, file: Path, target: str) -> None:
        for length in range(len(small)):
            file.write_bytes(small[:length])
            with pytest.raises(BackupDamaged):
                self.read(file)
        with pytest.raises(BackupDamaged):
            restore_backup(file, target)
        assert not file_of(target).exists()

    def test_every_changed_bit_is_found(self, small: bytes, file: Path) -> None:
        for position in range(len(small)):
            changed = bytearray(small)
            changed[position] ^= 1 << random.Random(position).randrange(8)
            file.write_bytes(changed)
            with pytest.raises((BackupDamaged, StoreNewer)):
                self.read(file)

    def test_what_stands_behind_the_end_is_found(self, small: bytes, file: Path) -> None:
        file.write_bytes(small + b"\0")
        with pytest.raises(BackupDamaged, match="behind the end"):
            self.read(file)

    def test_a_file_that_changes_between_proof_and_restoring_is_not_restored(
        self, small: bytes, file: Path, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from strongroom_registry import restoring

        restore = restoring._restore

        def damaged_first(reader: BackupReader, url: str) -> None:
            with file.open("r+b") as opened:
                opened.seek(len(small) - 60)
                opened.write(b"\xff" * 8)
            restore(reader, url)

        monkeypatch.setattr(restoring, "_restore", damaged_first)
        with pytest.raises(BackupDamaged):
            restore_backup(file, target)
        with pytest.raises(StoreUnavailable, match="never finished"):
            open_registry(target, create=False)

    def rewritten(self, file: Path, change: Callable[[Row], Iterator[Row]]) -> None:
        """The same backup with other rows, all hashes and counts right: what somebody does who forges one."""
        with BackupReader(file) as reader:
            rows = [changed for row in reader.rows() for changed in change(row)]
            header = reader.header
        with file.open("wb") as opened:
            writer = BackupWriter(opened, header)
            for row in rows:
                writer.put(row)
            writer.finish()

    @pytest.mark.parametrize("kind", [WorkspaceRow, WrappedKey, NodeRow, HeadRow, VersionRow, AuditRow])
    def test_a_forged_row_is_found_by_its_seal(self, small: bytes, file: Path, target: str, kind: type) -> None:
        def flipped(data: bytes) -> bytes:
            return data[:-1] + bytes([data[-1] ^ 1])

        def forge(row: Row) -> Iterator[Row]:
            match row:
                case WrappedKey() if kind is WrappedKey:
                    yield replace(row, canary=flipped(row.canary))
                case NodeRow() if kind is NodeRow:
                    yield row._replace(node=flipped(row.node))
                case VersionRow() if kind is VersionRow:
                    yield row._replace(body=flipped(row.body))
                case WorkspaceRow() | HeadRow() | AuditRow() if isinstance(row, kind):
                    yield row._replace(mac=flipped(row.mac))
                case _:
                    yield row

        self.rewritten(file, forge)
        self.read(file)
        assert not verify_backup(file).ok
        with pytest.raises(IntegrityError):
            restore_backup(file, target)
        assert not file_of(target).exists()

    def test_a_place_in_the_trie_that_is_not_that_of_the_name_is_put_right(
        self, small: bytes, file: Path, path: Path, target: str
    ) -> None:
        self.rewritten(file, lambda row: iter((row._replace(path="0f") if isinstance(row, HeadRow) else row,)))
        restore_backup(file, target)
        assert dump(file_of(target)) == dump(path)

    def test_rows_that_are_there_twice_are_refused(self, small: bytes, file: Path) -> None:
        def twice(row: Row) -> Iterator[Row]:
            yield row
            if isinstance(row, AuditRow):
                yield row

        self.rewritten(file, twice)
        with pytest.raises(BackupDamaged, match="do not fit together"):
            verify_backup(file)

    @pytest.mark.parametrize("kind", [HeadRow, VersionRow, AuditRow])
    def test_a_row_that_was_left_out_is_missed(self, small: bytes, file: Path, kind: type) -> None:
        left_out: list[Row] = []

        def without_one(row: Row) -> Iterator[Row]:
            if isinstance(row, kind) and not left_out:
                left_out.append(row)
            else:
                yield row

        if kind is HeadRow:  # its version would come behind nothing that it belongs to
            self.rewritten(file, lambda row: iter(()) if isinstance(row, HeadRow | VersionRow) else iter((row,)))
        else:
            self.rewritten(file, without_one)
        assert not verify_backup(file).ok

    def test_rows_in_an_order_that_makes_no_sense_are_refused(self, small: bytes, file: Path) -> None:
        with BackupReader(file) as reader:
            rows, header = list(reader.rows()), reader.header
        for moved in (HeadRow, WorkspaceRow, WrappedKey, VersionRow):
            first = next(row for row in rows if isinstance(row, moved))
            with file.open("wb") as opened:
                writer = BackupWriter(opened, header)
                for row in [*(row for row in rows if row is not first), first]:
                    writer._before = min(backup_file._BY_ROW[type(row)].after)  # a writer that looks at no order
                    writer.put(row)
                writer._before = backup_file._AUDIT
                writer.finish()
            with pytest.raises(BackupDamaged):
                self.read(file)


def test_the_file_has_the_bytes_of_the_specification(filled: str, path: Path, file: Path) -> None:
    """Taken apart by what docs/spec/backup.md says, and compared with the tables."""
    backed_up(filled, file)
    data, rows = file.read_bytes(), dump(path)
    assert data[:8] == b"SRBK\x01\0\0\0"
    link, position, records = sha256(b"strongroom/v1/backup" + data[:8]).digest(), 8, []
    while position < len(data):
        length = int.from_bytes(data[position + 1 : position + 5], "big")
        end = position + 5 + length
        link = sha256(link + data[position:end]).digest()
        assert data[end : end + 32] == link
        records.append((data[position], data[position + 5 : end]))
        position = end + 32

    def blob(value: object) -> bytes:
        content = value.encode() if isinstance(value, str) else value
        assert isinstance(content, bytes)
        return len(content).to_bytes(4, "big") + content

    def u64(value: object) -> bytes:
        assert isinstance(value, int)
        return value.to_bytes(8, "big")

    [(_, store_id)], [(id_, name, state, mac)] = rows["store"], rows["workspaces"]
    [(_, epoch, provider, fingerprint, wrapped, canary, created_at)] = rows["workspace_keys"]
    expected = {
        1: [id_ + blob(name) + blob(state) + blob(mac)],  # type: ignore[operator]
        2: [b"\0\0\0\1" + b"".join(map(blob, (provider, fingerprint, wrapped, canary))) + u64(created_at)],
        3: [blob(path_) + blob(node) for _, path_, node in rows["trie"]],
        4: [
            blob(name) + document + blob(record) + blob(mac) + blob(path_)  # type: ignore[operator]
            for _, name, document, record, mac, path_ in sorted(rows["heads"], key=lambda row: str(row[-1]))
        ],
        6: [blob(used) + blob(user) + u64(number) for _, used, user, number in rows["uses"]],
        7: [
            u64(seq) + blob(record) + blob(mac) for _, seq, record, mac in sorted(rows["audit"], key=lambda row: row[1])
        ],  # type: ignore[arg-type,return-value]
    }
    versions = {
        u64(number)
        + b"".join(map(blob, (record, mac, note, public)))
        + (b"\0" if wrap is None else b"\1" + blob(wrap))
        + blob(body)
        for _, number, record, mac, note, public, wrap, body in rows["versions"]
    }
    assert epoch == 1
    assert records[0][0] == 0
    assert records[0][1][:16] == store_id
    assert records[0][1][24:] == blob("0.0") + b"\0\0\0\2"
    for kind, contents in expected.items():
        found = [content for code, content in records if code == kind]
        assert (sorted(found) if kind in (3, 6) else found) == (sorted(contents) if kind in (3, 6) else contents)
    assert {content for code, content in records if code == 5} == versions
    counts = [sum(code == kind for code, _ in records) for kind in range(1, 8)]
    assert records[-1] == (8, b"".join(map(u64, counts)))


blobs = st.binary(max_size=40)
ids = st.binary(min_size=16, max_size=16)
numbers = st.integers(0, 2**64 - 1)
texts = st.text(max_size=20)
moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
documents = st.tuples(
    st.builds(HeadRow, texts, ids, blobs, blobs, texts),
    st.lists(st.builds(VersionRow, numbers, blobs, blobs, blobs, blobs, st.none() | blobs, blobs), max_size=3),
)
workspaces = st.tuples(
    st.builds(WorkspaceRow, ids, texts, blobs, blobs),
    st.lists(
        st.builds(WrappedKey, st.integers(0, 2**32 - 1), texts, texts, blobs, blobs, moments), min_size=1, max_size=2
    ),
    st.lists(st.builds(NodeRow, texts, blobs), max_size=3),
    st.lists(documents, max_size=3),
    st.lists(st.builds(UseRow, texts, texts, numbers), max_size=2),
    st.lists(st.builds(AuditRow, numbers, blobs, blobs), min_size=1, max_size=3),
)


@given(st.lists(workspaces, min_size=1, max_size=2), st.uuids(), moments, texts)
def test_rows_come_back_as_they_were_written(tmp_path_factory, content, store_id, made_at, made_by) -> None:  # type: ignore[no-untyped-def]
    rows: list[Row] = []
    for workspace, keys, nodes, heads, uses, audit in content:
        rows += [workspace, *keys, *nodes]
        for head, versions in heads:
            rows += [head, *versions]
        rows += [*uses, *audit]
    header = Header(store_id, made_at, made_by)
    file = tmp_path_factory.getbasetemp() / f"{os.getpid()}.backup"
    with file.open("wb") as opened:
        writer = BackupWriter(opened, header)
        for row in rows:
            writer.put(row)
        writer.finish()
    with BackupReader(file) as reader:
        assert reader.header == header
        assert list(reader.rows()) == rows
        assert list(reader.rows()) == rows


records = st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=60)), max_size=4)


@given(records)
def test_records_that_somebody_made_up_are_read_or_refused(tmp_path_factory, made_up) -> None:  # type: ignore[no-untyped-def]
    """All links are right, behind a header that is: what a forger can do without looking at the rest."""
    header = bytes(16) + bytes(8) + b"\0\0\0\0" + b"\0\0\0\2"
    data = b"SRBK\x01\0\0\0"
    link = sha256(b"strongroom/v1/backup" + data).digest()
    for kind, content in [(0, header), *made_up]:
        record = bytes([kind]) + len(content).to_bytes(4, "big") + content
        link = sha256(link + record).digest()
        data += record + link
    file = tmp_path_factory.getbasetemp() / f"{os.getpid()}.made-up"
    file.write_bytes(data)
    with BackupReader(file) as reader, pytest.raises((BackupDamaged, HeadTampered)):
        summarise(reader)
