"""Every vector of the specification through the product, and every good one made again from its parts."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from strongroom_registry import container, envelope, errors, sealer
from strongroom_registry.anchoring import Anchoring, check_anchor
from strongroom_registry.anchors import AnchorFile
from strongroom_registry.audit import AUDIT_PURPOSE, decode_entry
from strongroom_registry.authority import VERSION_PURPOSE, Authority, decoded
from strongroom_registry.backup_file import BackupReader
from strongroom_registry.derivation import framed
from strongroom_registry.document import DocumentState
from strongroom_registry.envelope import Binding, Sealed
from strongroom_registry.heads import Note, StateRecord, VersionRecord, hashed, record_epoch
from strongroom_registry.keyring import Keyring, WorkspaceKey, WrappedKey
from strongroom_registry.keys import EnvKey, FileKey, PassphraseKey
from strongroom_registry.keys.provider import KeyProvider
from strongroom_registry.keys.recovery import RecoveryCode, RecoveryKey, fingerprint_of
from strongroom_registry.keys.remote import RemoteKeyProvider
from strongroom_registry.sealer import Sealer
from strongroom_registry.sealing_keys import WorkspaceSealing
from strongroom_registry.stores.store import AuditRow, HeadRow, WorkspaceRow

FOLDER = Path(__file__).parent.parent / "vectors"
FILES = sorted(FOLDER.glob("*.json"))

Vector = dict[str, Any]


def key(label: str) -> bytes:
    return hashlib.sha256(b"strongroom test key: " + label.encode()).digest()


def filled(template: str, label: str) -> str:
    secret = key(label)[:20]
    check = hashlib.sha256(framed(b"strongroom/v1/recovery", secret)).digest()[:5]
    code = base64.b32encode(secret + check).decode()
    groups = "-".join(code[at : at + 5] for at in range(0, 40, 5))
    digits = key(label).hex()
    return template.format(hex=digits, HEX=digits.upper(), code=code, groups=groups, lower=groups.lower())


def data(value: str | Vector) -> bytes:
    return bytes.fromhex(value) if isinstance(value, str) else bytes.fromhex(value["repeat"]) * value["count"]


def workspace_key(given: Vector) -> WorkspaceKey:
    return WorkspaceKey(given["epoch"], key(given["workspace_key"]))


def binding(fields: Vector) -> Binding:
    ids = ("store_id", "workspace_id", "document_id", "note_hash", "public_hash")
    return Binding(**fields | {name: bytes.fromhex(fields[name]) for name in ids})


class Chance:
    """``os.urandom`` and the rest, returning what a vector was made from, in the order in which it is asked for."""

    def __init__(self, *values: bytes) -> None:
        self._values = list(values)

    def __call__(self, size: int) -> bytes:
        value = self._values.pop(0)
        assert len(value) == size
        return value


Again = Callable[[ModuleType, Chance], None]


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> Again:
    def replace(module: ModuleType, chance: Chance) -> None:
        monkeypatch.setattr(module.os, "urandom", chance)

    return replace


def run_key_text(vector: Vector, tmp_path: Path) -> Vector:
    path = tmp_path / "key"
    path.write_bytes(filled(vector["template"], vector["label"]).encode())
    path.chmod(0o600)
    return {"fingerprint": FileKey(path).fingerprint}


def run_mac(vector: Vector, _: Path) -> Vector:
    made_with, purpose, content = workspace_key(vector), bytes.fromhex(vector["purpose"]), bytes.fromhex(vector["data"])
    mac = made_with.mac(purpose, content)
    assert made_with.verify(purpose, content, mac)
    return {"key_id": made_with.key_id.hex(), "mac": mac.hex()}


def run_envelope(vector: Vector, _: Path) -> Vector:
    sealed = Sealed(bytes.fromhex(vector["wrap"]), bytes.fromhex(vector["body"]))
    payload = envelope.open_sealed(workspace_key(vector), binding(vector["binding"]), sealed)
    assert payload == data(vector["expect"]["payload"])
    return vector["expect"]


def run_rewrap(vector: Vector, _: Path) -> Vector:
    old, new = workspace_key(vector["old"]), workspace_key(vector["new"])
    bound = binding(vector["binding"])
    wrap = envelope.rewrap(old, new, bound, bytes.fromhex(vector["wrap"]))
    body = bytes.fromhex(json.loads((FOLDER / "envelope-good.json").read_text())["body"])
    assert envelope.open_sealed(new, bound, Sealed(wrap, body))
    return vector["expect"]


def run_recovery_code(vector: Vector, _: Path) -> Vector:
    code = RecoveryCode(filled(vector["template"], vector["label"]))
    return {"recipient": code.public.hex(), "fingerprint": fingerprint_of(code.public)}


class ServiceKey(RemoteKeyProvider):
    """A key of AES-GCM that a vector's service keeps; the nonce stands before what it encrypts."""

    def __init__(self, given: Vector) -> None:
        super().__init__(f"{given['scheme']}:{given['identity']}", given["identity"])
        self._kept = AESGCM(key(given["key"]))

    def _encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._kept.encrypt(nonce, plaintext, bound)

    def _decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        try:
            return self._kept.decrypt(ciphertext[:12], ciphertext[12:], bound)
        except InvalidTag:
            raise errors.SealBroken("It does not open.") from None


def provider_of(vector: Vector, path: Path) -> KeyProvider:
    if "service" in vector:
        return ServiceKey(vector["service"])
    path.touch(mode=0o600)
    if "passphrase" in vector:
        path.write_text(filled(**vector["passphrase"]))
        return PassphraseKey(path)
    if "recovery" in vector:
        path.write_text(filled(**vector["recovery"]))
        return RecoveryKey(file=path)
    path.write_text(f"strongroom-key-v1:{key(vector['key']).hex()}\n")
    return FileKey(path)


def keyring_of(vector: Vector, tmp_path: Path) -> Keyring:
    ids = {name: bytes.fromhex(vector[name]) for name in ("store_id", "workspace_id")}
    if "records" not in vector:
        return keyring_with(vector["keys"], **ids)
    records = [
        WrappedKey(
            record["epoch"],
            record["provider"],
            record["fingerprint"],
            bytes.fromhex(record["wrapped"]),
            bytes.fromhex(record["canary"]),
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=record["created_at"]),
        )
        for record in vector["records"]
    ]
    return Keyring.open(records, provider_of(vector, tmp_path / "key"), **ids)


def run_keyring(vector: Vector, tmp_path: Path) -> Vector:
    keyring = keyring_of(vector, tmp_path)
    opened = keyring.epoch(vector.get("opens", keyring.current.epoch))
    expected = vector["expect"].get("workspace_key", "")
    assert opened.mac(b"head", b"") == WorkspaceKey(1, key(expected)).mac(b"head", b"")
    return {"workspace_key": expected, "epoch": opened.epoch, "key_id": opened.key_id.hex()}


class PlainKeys:
    """A provider that wraps nothing: it lets a test choose the workspace keys."""

    uri = "plain:"

    def fingerprint_for(self, wrapped: bytes) -> str:
        return "none"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return key

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return wrapped


def keyring_with(keys: list[Vector], store_id: bytes, workspace_id: bytes) -> Keyring:
    from strongroom_registry.keyring import _wrapped_by

    provider = PlainKeys()
    records = [_wrapped_by(provider, workspace_key(given), store_id, workspace_id) for given in keys]
    return Keyring.open(records, provider, store_id=store_id, workspace_id=workspace_id)


def run_sealer(vector: Vector, tmp_path: Path) -> Vector:
    sealer_of_it = Sealer(WorkspaceSealing(keyring_of(vector, tmp_path)), vector["purpose"])
    assert sealer_of_it.open(bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["context"])) == data(
        vector["expect"]["data"]
    )
    return vector["expect"]


def authority_of(vector: Vector, oldest: int, tmp_path: Path) -> Authority:
    row = WorkspaceRow(bytes.fromhex(vector["workspace_id"]), vector["workspace"], b"", b"")
    authority = Authority.of(row, keyring_of(vector, tmp_path))
    return replace(authority, oldest=oldest) if oldest > 1 else authority


def read_record(vector: Vector, tmp_path: Path) -> Any:
    record, mac, before = (bytes.fromhex(vector[name]) for name in ("record", "mac", "before"))
    if vector["of"] == "note":
        if hashed(record) != mac:
            raise errors.VersionTampered("The note was changed.", "Nothing helps.")
        return decoded(Note.decode, record, errors.VersionTampered, "the note")
    authority = authority_of(vector, vector["oldest"], tmp_path)
    if vector["of"] == "state":
        return authority.state(WorkspaceRow(bytes.fromhex(vector["workspace_id"]), vector["workspace"], record, mac))
    if vector["of"] == "head":
        document = bytes.fromhex(vector["expect"].get("fields", {}).get("document", ""))
        return authority.authentic_head("lake", HeadRow("lake", document, record, mac, ""))
    purpose, decode, error = {
        "version": (VERSION_PURPOSE, VersionRecord.decode, errors.VersionTampered),
        "audit": (AUDIT_PURPOSE, decode_entry, errors.AuditChainBroken),
    }[vector["of"]]
    if not authority.fits(purpose, record, mac, after=before):
        raise error("The MAC does not fit.", "Nothing helps.")
    return decoded(decode, record, error, "the record")


NAMES = {"store_id": "store", "workspace_id": "workspace"}  # of a state, in the product


def as_in_a_vector(value: object) -> object:
    match value:
        case bytes() | UUID():
            return (value if isinstance(value, bytes) else value.bytes).hex()
        case datetime():
            return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        case DocumentState():
            return value.value
        case tuple():
            return [as_in_a_vector(item) for item in value] or None
        case Mapping():
            return dict(value)
    return value


def run_record(vector: Vector, tmp_path: Path) -> Vector:
    read = read_record(vector, tmp_path)
    found: Vector = {}
    for field in vector["expect"]["fields"]:
        if field == "epoch":
            found[field] = record_epoch(bytes.fromhex(vector["record"]))
        elif field == "oldest":
            found[field] = read.oldest if read.oldest > 1 else None
        else:
            found[field] = as_in_a_vector(getattr(read, NAMES.get(field, field)))
    return {"fields": found}


class Audit:
    """A view of the rows of an audit, and of nothing else."""

    def __init__(self, rows: list[Vector]) -> None:
        self._rows = [AuditRow(row["seq"], bytes.fromhex(row["record"]), bytes.fromhex(row["mac"])) for row in rows]

    def audit(self, workspace: bytes, *, newest_first: bool = False) -> Iterator[AuditRow]:
        return iter(self._rows[::-1] if newest_first else self._rows)


def run_anchor(vector: Vector, tmp_path: Path) -> Vector:
    said, path = vector["state"], tmp_path / "anchors"
    path.write_text(vector["file"], newline="")
    ids = bytes.fromhex(vector["store_id"]), bytes.fromhex(vector["workspace_id"])
    hashes = {name: bytes.fromhex(said[name]) for name in ("root", "audit_mac")}
    state = StateRecord(store=ids[0], workspace=ids[1], name=vector["workspace"], **said | hashes)
    anchor = Anchoring(AnchorFile(path), *ids).kept()
    check_anchor(authority_of(vector, said.get("oldest", 1), tmp_path), Audit(vector["audit"]), state, anchor)
    return {"anchor": "fits"}


def run_file(vector: Vector, tmp_path: Path) -> Vector:
    keys = [provider_of(given, tmp_path / f"key-{place}") for place, given in enumerate(vector["keys"])]
    opened = container.open_file(io.BytesIO(bytes.fromhex(vector["file"])), vector["purpose"], keys)
    assert b"".join(opened) == data(vector["expect"].get("content", ""))
    return vector["expect"]


ROWS = ("WorkspaceRow", "WrappedKey", "NodeRow", "HeadRow", "VersionRow", "UseRow", "AuditRow")


def run_backup(vector: Vector, tmp_path: Path) -> Vector:
    path = tmp_path / "backup"
    path.write_bytes(bytes.fromhex(vector["file"]))
    with closing(BackupReader(path)) as reader:
        found = Counter(type(row).__name__ for row in reader.rows())
    return {"counts": [found[name] for name in ROWS]}


RUN = {
    "key-text": run_key_text,
    "mac": run_mac,
    "envelope": run_envelope,
    "rewrap": run_rewrap,
    "recovery-code": run_recovery_code,
    "keyring": run_keyring,
    "sealer": run_sealer,
    "record": run_record,
    "anchor": run_anchor,
    "file": run_file,
    "backup": run_backup,
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_vector(file: Path, tmp_path: Path) -> None:
    vector = json.loads(file.read_text())
    assert vector["name"] == file.stem
    run = RUN[vector["kind"]]
    if "error" not in vector["expect"]:
        assert run(vector, tmp_path) == vector["expect"]
        return
    with pytest.raises(errors.StrongroomError) as caught:
        run(vector, tmp_path)
    assert type(caught.value).__name__ == vector["expect"]["error"], str(caught.value)


def good(kind: str) -> list[Vector]:
    vectors = [json.loads(file.read_text()) for file in FILES if file.stem.startswith(kind)]
    return [vector for vector in vectors if "error" not in vector["expect"]]


def good_to_make(kind: str) -> list[Vector]:
    """The good vectors that say what a writer makes them from."""
    return [vector for vector in good(kind) if "made_from" in vector["expect"]]


@pytest.mark.parametrize("vector", good("envelope"), ids=lambda vector: vector["name"])
def test_sealing_with_the_same_chance_gives_the_same_bytes(vector: Vector, again: Again) -> None:
    made = vector["expect"]["made_from"]
    parts = [bytes.fromhex(made[name]) for name in ("wrap_salt", "wrap_nonce", "message_salt", "nonce")]
    bound, payload = binding(vector["binding"]), data(vector["expect"]["payload"])
    again(envelope, Chance(key(made["data_key"]), *parts))
    sealed = envelope.seal(workspace_key(vector), bound, payload)
    assert sealed.wrap.hex() == vector["wrap"]
    assert sealed.body.hex() == vector["body"]


@pytest.mark.parametrize("vector", good("rewrap"), ids=lambda vector: vector["name"])
def test_rewrapping_with_the_same_chance_gives_the_same_bytes(vector: Vector, again: Again) -> None:
    made = vector["expect"]["made_from"]
    again(envelope, Chance(bytes.fromhex(made["wrap_salt"]), bytes.fromhex(made["wrap_nonce"])))
    old, new = workspace_key(vector["old"]), workspace_key(vector["new"])
    wrap = envelope.rewrap(old, new, binding(vector["binding"]), bytes.fromhex(vector["wrap"]))
    assert wrap.hex() == vector["expect"]["wrap"]


@pytest.mark.parametrize("vector", good_to_make("sealer"), ids=lambda vector: vector["name"])
def test_sealing_a_value_with_the_same_chance_gives_the_same_bytes(vector: Vector, again: Again) -> None:
    made, ids = (vector["expect"]["made_from"], (bytes.fromhex(vector[f"{of}_id"]) for of in ("store", "workspace")))
    keyring = keyring_with(vector["keys"][:1], *ids)
    again(sealer, Chance(bytes.fromhex(made["salt"]), bytes.fromhex(made["nonce"])))
    sealed = Sealer(WorkspaceSealing(keyring), vector["purpose"]).seal(
        data(vector["expect"]["data"]), bytes.fromhex(vector["context"])
    )
    assert sealed.hex() == vector["sealed"]


def test_a_key_in_a_variable_is_read_like_one_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for vector in good("key-text"):
        monkeypatch.setenv("A_KEY", filled(vector["template"], vector["label"]))
        assert EnvKey("A_KEY").fingerprint == vector["expect"]["fingerprint"]


def test_the_generator_writes_what_lies_in_the_folder() -> None:
    spec = importlib.util.spec_from_file_location("generate_vectors", FOLDER / "generate.py")
    assert spec
    assert spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    made = {f"{vector['name']}.json": generate.text_of(vector) for vector in generate.vectors()}
    assert made == {file.name: file.read_text() for file in FILES}


def test_each_vector_says_why_it_is_there_and_no_two_say_the_same_thing() -> None:
    vectors = [json.loads(file.read_text()) for file in FILES]
    assert all(vector["why"].endswith(".") for vector in vectors)
    bodies = [json.dumps(vector | {"name": "", "why": ""}, sort_keys=True) for vector in vectors]
    assert len(set(bodies)) == len(bodies) >= 60
