"""The second reader for files: sealed ones, what an export holds, and backups, written from ``docs/spec`` alone.

It builds on :mod:`vectors.reader` and shares no code with the product nor with ``generate.py``.
"""

from __future__ import annotations

import hmac
import json
from datetime import datetime
from typing import Any

from vectors.reader import (
    FORMAT,
    KINDS,
    Bytes,
    Provider,
    Refused,
    check,
    framed,
    hkdf,
    is_text,
    number,
    parameters_of,
    sha256,
    unseal,
    unwrap_workspace_key,
    vector_provider,
)

KEY, HEADER, CHUNK = (f"strongroom/v1/container-{name}".encode() for name in ("key", "header", "chunk"))
SIZE = 65536
KEY_PROBLEMS = ("KeyUnavailable", "KeyExposed", "KeyMalformed", "KeyDenied", "KeyAbsent")


# export §1 to §4: sealed files


def _recipients(header: bytes, purpose: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """File id, salt and recipients (fingerprint and wrapped key): checks 5 and 6 of §4."""
    take = Bytes(header, "EnvelopeMalformed")
    found, file_id, salt = take.text(), take.raw(16), take.raw(32)
    check(is_text(found, 32), "EnvelopeMalformed", "length of the purpose")
    recipients = []
    for _ in range(take.number(4)):
        uri, printed, wrapped = take.text(), take.text(), take.raw(take.number(4))
        fits = is_text(uri, 4096) and is_text(printed, 255) and 1 <= len(wrapped) <= 4096
        check(fits, "EnvelopeMalformed", "a recipient")
        recipients.append((printed, wrapped))
    take.end()
    check(1 <= len(recipients) <= 8, "EnvelopeMalformed", "how many recipients there are")
    check(found == purpose, "EnvelopeMalformed", "another purpose")
    return file_id, salt, recipients


def _file_key(recipients: list[tuple[str, bytes]], keys: list[Provider], context: bytes) -> bytes:
    """The file key, by the first key that fits a recipient: check 7 of §4."""
    problem = Refused("WrongKey", "for none of the keys")
    for printed, wrapped in recipients:
        for key in keys:
            try:
                if key.fingerprint_for(parameters_of(key, wrapped)) == printed:
                    return unwrap_workspace_key(key, wrapped, context)
            except Refused as refused:
                if refused.error in KEY_PROBLEMS and problem.error == "WrongKey":
                    problem = refused
    raise problem


def open_file(data: bytes, purpose: str, keys: list[Provider]) -> bytes:
    """The content of a sealed file (export §4)."""
    check(len(data) >= 12 and data[:4] == b"SRCT", "EnvelopeMalformed", "no SRCT")
    check(data[4:8] == FORMAT, "EnvelopeUnsupported", "format of the file")
    size = int.from_bytes(data[8:12], "big")
    check(size <= SIZE, "EnvelopeMalformed", "length of the header")
    check(len(data) >= 44 + size, "EnvelopeMalformed", "the header ends too early")
    start, its_mac, rest = data[: 12 + size], data[12 + size : 44 + size], data[44 + size :]
    file_id, salt, recipients = _recipients(start[12:], purpose)
    key = _file_key(recipients, keys, framed(KEY, purpose.encode(), file_id))
    header_key, chunk_key = (hkdf(key, salt, framed(label), 32) for label in (HEADER, CHUNK))
    fits = hmac.compare_digest(hmac.digest(header_key, framed(HEADER, start), "sha256"), its_mac)
    check(fits, "SealBroken", "MAC of the header")
    content, at = b"", 0
    while at == 0 or rest:
        piece, rest = rest[: SIZE + 16], rest[SIZE + 16 :]
        check(len(piece) > 16 or (at == 0 and len(piece) == 16), "EnvelopeMalformed", "a chunk is too short")
        nonce = number(at, 11) + (b"\0" if rest else b"\1")
        content += unseal(chunk_key, nonce, piece, framed(CHUNK, its_mac))
        at += 1
    return content


# export §5: what an export holds

MEMBERS = {
    *("name", "type", "schema", "version", "main", "labels", "created_at", "actor", "message", "expires_at"),
    *("public", "payload"),
}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    check(len(found) == len(pairs), "ExportMalformed", "a key stands twice")
    return found


def read_export(content: bytes) -> list[dict[str, Any]]:
    """The versions that an export holds; what is wrong with it has no class of its own in the specification."""
    check(len(content) <= 2**30 and content.isascii() and content.endswith(b"\n"), "ExportMalformed", "no lines")
    head, *versions, end = [json.loads(line, object_pairs_hook=_object) for line in content[:-1].split(b"\n")]
    check(set(head) == {"strongroom-export", "workspace", "created_at"}, "ExportMalformed", "the first line")
    check(head["strongroom-export"] == 1, "ExportMalformed", "another format")
    datetime.fromisoformat(head["created_at"])
    check(end == {"end": len(versions)}, "ExportMalformed", "the last line")
    for version in versions:
        check(set(version) == MEMBERS, "ExportMalformed", "the members of a version")
        for field in ("created_at", "expires_at"):
            if version[field] is not None:
                datetime.fromisoformat(version[field])
    names = {version["name"] for version in versions}
    check(len({(v["name"], v["version"]) for v in versions}) == len(versions), "ExportMalformed", "a version twice")
    mains = [version["name"] for version in versions if version["main"]]
    check(sorted(mains) == sorted(names), "ExportMalformed", "not one main version of each document")
    return versions


# backups

AFTER = {0: {1}, 1: {2}, 2: {2, 3, 4, 6, 7}, 3: {3, 4}, 4: {4, 5, 6, 7}, 5: {4, 5, 6, 7}, 6: {6, 7}, 7: {1, 7, 8}}
MOST = 83886076


def _row(kind: int, data: bytes) -> tuple[Any, ...]:
    """The fields of one record, those of the table that it stands in."""
    take = Bytes(data, "BackupDamaged")
    row: tuple[Any, ...]

    def blob() -> bytes:
        return take.raw(take.number(4))

    match kind:
        case 0:
            row = (take.raw(16), take.number(8), take.text(), take.number(4))
            check(row[3] <= 2, "StoreNewer", "rows of a later format")
            check(row[3] == 2, "BackupDamaged", "rows of an earlier format")
        case 1:
            row = (take.raw(16), take.text(), blob(), blob())
        case 2:
            row = (take.number(4), take.text(), take.text(), blob(), blob(), take.number(8))
        case 3:
            row = (take.text(), blob())
        case 4:
            row = (take.text(), take.raw(16), blob(), blob(), take.text())
        case 5:
            row = (take.number(8), blob(), blob(), blob(), blob())
            there = take.number(1)
            check(there <= 1, "BackupDamaged", "the mark of a wrap")
            row = (*row, blob() if there else None, blob())
        case 6:
            row = (take.text(), take.text(), take.number(8))
        case 7:
            row = (take.number(8), blob(), blob())
        case _:
            row = tuple(take.number(8) for _ in range(7))
    take.end()
    return row


def read_backup(data: bytes) -> list[tuple[int, tuple[Any, ...]]]:
    """The records of a backup, each with its kind (backup §2)."""
    check(data[:4] == b"SRBK" and len(data) >= 8, "BackupDamaged", "no SRBK")
    check(data[4] <= 1, "StoreNewer", "a later format")
    check(data[4] == 1 and data[5:8] == bytes(3), "BackupDamaged", "the first bytes")
    link, rest = sha256(b"strongroom/v1/backup" + data[:8]), data[8:]
    rows: list[tuple[int, tuple[Any, ...]]] = []
    before = -1
    while before != 8:
        check(len(rest) >= 5, "BackupDamaged", "the file ends too early")
        kind, size = rest[0], int.from_bytes(rest[1:5], "big")
        check(size <= MOST and len(rest) >= 37 + size, "BackupDamaged", "the file ends within a record")
        link = sha256(link + rest[: 5 + size])
        check(rest[5 + size : 37 + size] == link, "BackupDamaged", "a link")
        check(kind in AFTER.get(before, {0}), "BackupDamaged", "a record in the wrong place")
        rows.append((kind, _row(kind, rest[5 : 5 + size])))
        rest, before = rest[37 + size :], kind
    check(not rest, "BackupDamaged", "something follows the end")
    counts = tuple(sum(kind == wanted for kind, _ in rows) for wanted in range(1, 8))
    check(rows[-1][1] == counts, "BackupDamaged", "the counts")
    return rows


# envelope §12: test vectors


def run_file(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Open a sealed file."""
    keys = [vector_provider(key) for key in vector["keys"]]
    return {"content": open_file(bytes.fromhex(vector["file"]), vector["purpose"], keys)}


def run_backup(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Read a backup; its end says how many records there are of each kind."""
    return {"counts": list(read_backup(bytes.fromhex(vector["file"]))[-1][1])}


KINDS |= {"file": run_file, "backup": run_backup}
