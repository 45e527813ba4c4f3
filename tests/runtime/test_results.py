"""Results are kept sealed, come back from where they were put, and from nowhere else."""

from __future__ import annotations

import pickle
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import strongroom_registry
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom.errors import CorruptResult, MissingResult, ResultKeyMismatch, ResultProblem, UnserializableResult
from strongroom.journal.memory import MemoryJournal
from strongroom.journal.records import now
from strongroom.results import Hit, LocalStorage, Miss, ResultStore, result_store
from strongroom.results.captures import INLINE_BYTES, Captures, captures
from strongroom.results.sealed_records import Sealer, read_record, write_record
from strongroom.testing.journal_contract import a_flow_run, a_task_run
from strongroom_blocks.redaction import redactor
from strongroom_registry.errors import StrongroomError

Canary = Callable[..., str]


@pytest.fixture(autouse=True)
def registry() -> Iterator[strongroom_registry.Registry]:
    with strongroom_registry.open_registry("memory:") as registry, strongroom_registry.using(registry):
        yield registry


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.results.captures._said", set())


@pytest.fixture
def store() -> ResultStore:
    return result_store()


@pytest.fixture
def keeping() -> Captures:
    found = captures()
    assert found is not None
    return found


def only_file(folder: Path) -> Path:
    [file] = [path for path in folder.rglob("*") if path.is_file()]
    return file


def test_a_result_comes_back_by_its_key_and_by_its_record(store: ResultStore, strongroom_home: Path) -> None:
    stored = store.keep("daily/orders.pkl", {"rows": [1, 2]})
    assert store.read("daily/orders.pkl").result == store.load(stored) == {"rows": [1, 2]}
    assert store.exists("daily/orders.pkl")
    assert (stored.key, stored.storage, stored.serializer) == ("daily/orders.pkl", None, "pickle")
    assert only_file(strongroom_home / "storage") == strongroom_home / "storage" / "daily" / "orders.pkl"


def test_a_result_is_nowhere_on_the_disk_in_clear(store: ResultStore, canary: Canary, strongroom_home: Path) -> None:
    secret = canary("in a result")
    store.keep("plain", {"password": secret})
    store.keep("wrapped", SecretStr(secret))
    assert store.read("wrapped").result.get_secret_value() == secret
    for path in (strongroom_home / "storage").iterdir():
        assert secret.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((strongroom_home / "storage").stat().st_mode) == 0o700


@pytest.mark.parametrize("sealed", [True, False])
def test_a_key_that_repeats_a_secret_is_told_to_nobody(
    canary: Canary, strongroom_home: Path, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sealed:
        monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    secret = canary("token")
    redactor.register(secret)
    store, key = result_store(), f"orders-of-{secret}"
    stored = store.keep(key, 42)
    assert secret not in str(stored)
    assert secret not in str(only_file(strongroom_home / "storage"))
    assert store.load(stored) == store.read(key).result == 42
    hit = store.cached(key)
    assert isinstance(hit, Hit)
    assert (hit.value, hit.stored.key) == (42, stored.key)
    assert store.exists(key)
    assert not store.exists(f"{key}!")


def test_unsealed_results_can_be_asked_for_and_are_plain_pickles(
    monkeypatch: pytest.MonkeyPatch, strongroom_home: Path
) -> None:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    store = result_store()
    store.keep("k", ["a plain list"])
    assert store.read("k").result == ["a plain list"]
    assert b"a plain list" in only_file(strongroom_home / "storage").read_bytes()


def test_a_missing_result_is_said_with_its_key(store: ResultStore) -> None:
    with pytest.raises(MissingResult, match="'nowhere'"):
        store.read("nowhere")
    assert isinstance(store.cached("nowhere"), Miss)
    assert not store.exists("nowhere")


def test_a_cached_result_is_used_until_it_expires(store: ResultStore) -> None:
    store.keep("fresh", 1, expiration=now() + timedelta(hours=1))
    store.keep("stale", 2, expiration=now() - timedelta(seconds=1))
    store.keep("lasting", 3)
    hit = store.cached("fresh")
    assert isinstance(hit, Hit)
    assert hit.value == 1
    assert hit.stored.expires is not None
    assert isinstance(store.cached("stale"), Miss)
    assert store.read("stale").result == 2
    lasting = store.cached("lasting")
    assert isinstance(lasting, Hit)
    assert lasting.stored.expires is None


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda b: b[:-1], ResultKeyMismatch),
        (lambda b: b[:-1] + bytes([b[-1] ^ 1]), ResultKeyMismatch),
        (lambda b: b[:60] + bytes([b[60] ^ 1]) + b[61:], ResultKeyMismatch),
        (lambda b: b"", CorruptResult),
        (lambda b: b[:3], CorruptResult),
        (lambda b: b"PAR1 a parquet file", CorruptResult),
        (lambda b: b[:3] + b"\x07" + b[4:], CorruptResult),
        (lambda b: pickle.dumps("forged"), CorruptResult),
    ],
)
def test_a_damaged_result_is_an_error_and_a_damaged_cache_a_miss(
    store: ResultStore,
    strongroom_home: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
    error: type[ResultProblem],
) -> None:
    store.keep("k", "value")
    file = only_file(strongroom_home / "storage")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(error):
        store.read("k")
    assert isinstance(store.cached("k"), Miss)
    assert "The cached result 'k' is not used" in caplog.text


def test_a_storage_that_is_away_is_a_miss_for_a_cache(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        def read_path(self, path: str) -> bytes:
            raise ConnectionError("no route to the lake")

        def write_path(self, path: str, content: bytes) -> None:
            raise ConnectionError("no route to the lake")

        def exists(self, path: str) -> bool:
            raise ConnectionError("no route to the lake")

    assert isinstance(ResultStore(Away()).cached("k"), Miss)
    assert "no route to the lake" in caplog.text


def test_a_forged_result_in_clear_is_not_unpickled_where_results_are_sealed(store: ResultStore) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return pytest.fail, ("a forged pickle was loaded",)

    forged = write_record(pickle.dumps(Trap()), "pickle", None, None, b"")
    store.result_storage.write_path("k", forged)
    with pytest.raises(ResultKeyMismatch, match="may be forged"):
        store.read("k")


def test_a_result_that_was_moved_to_another_key_is_refused(store: ResultStore, strongroom_home: Path) -> None:
    store.keep("a", 1)
    file = only_file(strongroom_home / "storage")
    file.rename(file.with_name("b"))
    with pytest.raises(ResultKeyMismatch, match="changed or moved"):
        store.read("b")


def test_a_result_of_another_registry_is_refused_and_a_miss(store: ResultStore) -> None:
    store.keep("k", 1)
    with strongroom_registry.open_registry("memory:") as other, strongroom_registry.using(other):
        stranger = result_store()
    with pytest.raises(ResultKeyMismatch, match="another key"):
        stranger.read("k")
    assert isinstance(stranger.cached("k"), Miss)


def test_unsealed_damage_is_found_by_the_checksum(monkeypatch: pytest.MonkeyPatch, strongroom_home: Path) -> None:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    store = result_store()
    store.keep("k", "value")
    file = only_file(strongroom_home / "storage")
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(CorruptResult, match="checksum"):
        store.read("k")


def test_a_sealed_result_is_not_read_where_results_are_not_sealed(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep("k", "value")
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    with pytest.raises(ResultKeyMismatch, match="Unset STRONGROOM_RESULTS_SEALED"):
        result_store().read("k")


@given(
    key=st.text(min_size=1) | st.sampled_from(["../../etc/passwd", "/abs", "a/../b", "captured/x", "a" * 300, ".", ""])
)
def test_any_key_can_be_used_and_none_leaves_the_folder(key: str) -> None:
    written: dict[str, bytes] = {}

    class Dictionary:
        def read_path(self, path: str) -> bytes:
            return written[path]

        def write_path(self, path: str, content: bytes) -> None:
            written[path] = content

        def exists(self, path: str) -> bool:
            return path in written

    store = ResultStore(Dictionary(), serializer="json", cache_result_in_memory=False)
    store.keep(key, 1)
    assert store.read(key).result == 1
    [path] = written
    assert ".." not in path.split("/")
    assert not path.startswith(("/", "captured/"))
    assert len(path) <= 200


def test_two_keys_never_share_a_record(store: ResultStore) -> None:
    keys = ["a/b", "a//b", "a/b/", "A/B", "a\0b", "ä", "a b", "hashed/x"]
    for number, key in enumerate(keys):
        store.keep(key, number)
    assert [store.read(key).result for key in keys] == list(range(len(keys)))


def test_a_block_can_keep_results_and_its_reference_is_noted(tmp_path: Path) -> None:
    from strongroom import LocalFolder

    LocalFolder(basepath=str(tmp_path / "lake")).save("lake")
    store = result_store("lake", "compressed/json")
    stored = store.keep("a/result", [1, 2])
    assert stored.storage is not None
    assert "lake" in stored.storage
    assert result_store(stored.storage).read("a/result").result == [1, 2]
    assert b"[1, 2]" not in only_file(tmp_path / "lake").read_bytes()


def test_a_local_folder_can_keep_results(tmp_path: Path) -> None:
    store = result_store(tmp_path / "here")
    store.keep("k", 1)
    assert only_file(tmp_path / "here").name == "k"
    assert store.read("k").result == 1


def test_what_cannot_be_written_leaves_nothing_behind(store: ResultStore, strongroom_home: Path) -> None:
    with pytest.raises(UnserializableResult):
        store.keep("k", (n for n in [1]))
    assert not (strongroom_home / "storage").exists()
    (strongroom_home / "storage").mkdir(parents=True)
    (strongroom_home / "storage" / "k").mkdir()
    with pytest.raises(OSError):
        store.keep("k", 1)
    assert [path.name for path in (strongroom_home / "storage").iterdir()] == ["k"]


def test_a_result_whose_class_is_gone_says_so(store: ResultStore) -> None:
    module = type(pytest)("passing")
    exec("class Row: pass", module.__dict__)
    import sys

    sys.modules["passing"] = module
    try:
        store.keep("k", module.Row())
    finally:
        del sys.modules["passing"]
    with pytest.raises(CorruptResult, match="classes may have moved"):
        store.read("k")


@given(body=st.binary(), name=st.sampled_from(["pickle", "json", "compressed/pickle"]), context=st.binary())
def test_records_come_back_for_their_context_alone(body: bytes, name: str, context: bytes) -> None:
    class Reversing:
        """Tells contexts apart as a sealer does."""

        def seal(self, data: bytes, context: bytes) -> bytes:
            return len(context).to_bytes(4, "big") + context + data

        def open(self, sealed: bytes, context: bytes) -> bytes:
            assert sealed.startswith(len(context).to_bytes(4, "big") + context)
            return sealed[4 + len(context) :]

        def name(self, data: bytes) -> str:
            return data.hex()

        def former_names(self, data: bytes) -> Iterator[str]:
            return iter(())

    sealer: Sealer | None
    for sealer in (None, Reversing()):
        opened = read_record(write_record(body, name, None, sealer, context), sealer, context)
        assert (opened.body, opened.serializer, opened.expires) == (body, name, None)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader_of_records(noise: bytes) -> None:
    for record in (noise, b"SR\x01\0" + noise, b"SR\x01\1" + noise):
        with pytest.raises(ResultProblem):
            read_record(record, None, b"")


def test_small_results_are_captured_inline_and_large_ones_in_the_runs_folder(
    keeping: Captures, strongroom_home: Path
) -> None:
    run, flow_run = uuid4(), uuid4()
    small = keeping.capture([1, 2], run, flow_run)
    assert small is not None
    assert small.inline is not None
    assert keeping.restore(small, run) == [1, 2]
    large = keeping.capture(b"x" * (INLINE_BYTES + 1), run, flow_run)
    assert large is not None
    assert large.inline is None
    assert only_file(strongroom_home / "storage").parent.name == str(flow_run)
    assert keeping.restore(large, run) == b"x" * (INLINE_BYTES + 1)
    keeping.ended.remove(flow_run)
    with pytest.raises(MissingResult, match="gone from the storage"):
        keeping.restore(large, run)


def test_a_captured_result_belongs_to_its_run(keeping: Captures) -> None:
    stored = keeping.capture("mine", uuid4(), uuid4())
    assert stored is not None
    with pytest.raises(ResultKeyMismatch):
        keeping.restore(stored, uuid4())


def test_what_cannot_be_captured_is_none_and_no_error(
    keeping: Captures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert keeping.capture((n for n in [1]), uuid4(), uuid4()) is None
    monkeypatch.setenv("STRONGROOM_RESULTS_AUTO_MAX_BYTES", "1000")
    little = captures()
    assert little is not None
    assert little.capture(b"x" * 1001, uuid4(), uuid4()) is None
    assert little.capture(b"x" * 900, uuid4(), uuid4()) is not None


def test_a_full_or_unwritable_storage_is_said_once_and_no_error(
    keeping: Captures, strongroom_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    strongroom_home.mkdir()
    (strongroom_home / "storage").write_text("a file where the folder should be")
    for _ in range(3):
        assert keeping.capture(b"x" * 20_000, uuid4(), uuid4()) is None
    assert caplog.text.count("Results are not kept for a resumption") == 1


def test_parameters_come_back_with_their_secrets_and_are_sealed(
    keeping: Captures, canary: Canary, strongroom_home: Path
) -> None:
    secret = canary("parameter")
    for filler in (b"", b"x" * 50_000):
        run = uuid4()
        record = keeping.seal_parameters({"token": SecretStr(secret), "filler": filler}, run, run)
        assert record is not None
        assert secret.encode() not in record
        assert len(record) < 1000
        assert keeping.open_parameters(record, run)["token"].get_secret_value() == secret
        with pytest.raises(ResultProblem):
            keeping.open_parameters(record, uuid4())


def test_a_result_is_not_taken_for_parameters(keeping: Captures) -> None:
    run = uuid4()
    stored = keeping.capture({"a": 1}, run, run)
    assert stored is not None
    assert stored.inline is not None
    with pytest.raises(ResultKeyMismatch):
        keeping.open_parameters(bytes(stored.inline), run)


def test_without_a_registry_nothing_is_captured_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    from strongroom_registry.errors import WrongKey

    def refuse() -> Any:
        raise WrongKey("The key does not fit.", "Use the other one.")

    monkeypatch.setattr(strongroom_registry, "current", refuse)
    assert captures() is None
    assert "The key does not fit" in caplog.text


def test_storage_reads_what_it_wrote_whole(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "s")
    storage.write_path("a/b", b"one")
    storage.write_path("a/b", b"two")
    assert storage.read_path("a/b") == b"two"
    assert [path.name for path in (tmp_path / "s" / "a").iterdir()] == ["b"]


def test_a_result_that_cannot_be_sealed_any_more_costs_nothing_but_itself(keeping: Captures) -> None:
    class Closed:
        def seal(self, data: bytes, context: bytes) -> bytes:
            raise StrongroomError("The registry was closed.")

        def open(self, sealed: bytes, context: bytes) -> bytes:
            raise StrongroomError("The registry was closed.")

        def name(self, data: bytes) -> str:
            raise StrongroomError("The registry was closed.")

    journal, flow_run = MemoryJournal(), a_flow_run()
    run = a_task_run(flow_run)
    run.result = Captures(keeping._storage, Closed(), 1000, keeping.ended).capture(42, run.id, flow_run.id)
    journal.save_task_run(run)
    [saved] = journal.task_runs(flow_run.id)
    assert (saved.name, saved.result) == (run.name, None)
