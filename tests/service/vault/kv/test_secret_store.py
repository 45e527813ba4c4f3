"""Secrets as documents: versions, deletion, pruning, and what a crash between two steps leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from servers.service import Clock
from strongroom_registry import Registry
from strongroom_registry.errors import StaleExpectation, StoreUnavailable
from strongroom_service.service import Service
from strongroom_service.vault_api.kv import names
from strongroom_service.vault_api.kv.secret_store import CasRequired, SecretStore


@pytest.fixture
def store_of(service: Service) -> Callable[..., SecretStore]:
    """Opens the secrets of one mount, as a process does that never saw them before."""
    service.workspaces.add("vault.kv-1")

    def opened(**settings: Any) -> SecretStore:
        return SecretStore(service.registry("vault.kv-1"), settings, service.now)

    return opened


@pytest.fixture
def store(store_of: Callable[..., SecretStore]) -> SecretStore:
    return store_of()


@pytest.fixture
def registry(service: Service, store: SecretStore) -> Registry:
    return service.registry("vault.kv-1")


def _data(store: SecretStore, path: str, number: int | None = None) -> Any:
    found = store.read(path, number)
    return None if found is None else found.data


def _numbers(store: SecretStore, path: str) -> list[int]:
    return [status.number for status in store.versions(store.look(path))]


def test_a_write_is_a_version_of_one_document(store: SecretStore, registry: Registry) -> None:
    assert [store.write("team/db", {"n": n}, None)[0].number for n in range(3)] == [1, 2, 3]
    assert [head.name for head in registry.list()] == ["kv.team.db"]
    assert [_data(store, "team/db", n) for n in (None, 1, 2, 3, 4)] == [{"n": 2}, {"n": 0}, {"n": 1}, {"n": 2}, None]


def test_an_unusual_path_is_kept_and_listed(store: SecretStore) -> None:
    paths = {"Team A/ключ", "a.b", "a/b", "a", "x" * 300, "sp ace/*", "a/b/c"}
    for path in paths:
        store.write(path, {"path": path}, None)
    assert store.paths("") == paths
    assert all(_data(store, path) == {"path": path} for path in paths)
    assert store.paths("a") == {"a/b", "a/b/c"}


def test_compare_and_set_counts_versions(store: SecretStore) -> None:
    store.write("a", {}, 0)
    for wrong in (0, 2, 7):
        with pytest.raises(StaleExpectation):
            store.write("a", {}, wrong)
    assert store.write("a", {}, 1)[0].number == 2


def test_compare_and_set_can_be_demanded(store_of: Callable[..., SecretStore]) -> None:
    store = store_of(cas_required=True)
    with pytest.raises(CasRequired):
        store.write("a", {}, None)
    with pytest.raises(CasRequired):
        store.patch("a", dict, None)
    assert store.write("a", {}, 0)[0].number == 1


def test_a_deleted_version_is_told_and_comes_back(store: SecretStore, clock: Clock) -> None:
    store.write("a", {"n": 1}, None)
    store.write("a", {"n": 2}, None)
    store.delete("a")
    gone = store.read("a")
    assert gone is not None
    assert (gone.data, gone.status.deleted, gone.status.deletion_time) == (None, True, clock.now)
    assert _data(store, "a", 1) == {"n": 1}
    store.undelete("a", [2, 99])
    assert _data(store, "a") == {"n": 2}


def test_deleting_twice_keeps_the_first_time(store: SecretStore, clock: Clock) -> None:
    store.write("a", {}, None)
    store.delete("a")
    first = clock.now
    clock.advance(hours=1)
    store.delete("a", [1, 5])
    found = store.read("a")
    assert found is not None
    assert found.status.deletion_time == first


def test_a_destroyed_version_stays_destroyed(store: SecretStore) -> None:
    store.write("a", {"n": 1}, None)
    store.destroy("a", [1, 9])
    store.undelete("a", [1])
    found = store.read("a")
    assert found is not None
    assert (found.data, found.status.destroyed) == (None, True)


def test_a_secret_of_an_unusual_path_is_listed_after_all_its_versions_are_destroyed(store: SecretStore) -> None:
    for path in ("Team A/ключ", "plain"):
        store.write(path, {}, None)
        store.destroy(path, [1])
    assert store.paths("") == {"Team A/ключ", "plain"}
    store.delete_all("Team A/ключ")
    assert store.paths("") == {"plain"}


def test_versions_end_by_themselves(store_of: Callable[..., SecretStore], clock: Clock) -> None:
    store = store_of(delete_version_after=30 * 10**6)
    status, _ = store.write("a", {"n": 1}, None)
    assert status.deletion_time == clock.now + timedelta(seconds=30)
    assert not status.deleted
    assert _data(store, "a") == {"n": 1}
    clock.advance(seconds=30)
    gone = store.read("a")
    assert gone is not None
    assert (gone.data, gone.status.deleted) == (None, True)
    store.undelete("a", [1])
    clock.advance(days=1)
    assert _data(store, "a") == {"n": 1}


def test_what_is_set_for_a_secret_overrules_the_mount(store_of: Callable[..., SecretStore]) -> None:
    store = store_of(max_versions=5)
    store.set_metadata("a", lambda former: former.model_copy(update={"max_versions": 2}), dict)
    for n in range(4):
        store.write("a", {"n": n}, None)
    assert _numbers(store, "a") == [3, 4]
    assert _data(store, "a", 2) is None


def test_what_is_not_kept_is_destroyed(store_of: Callable[..., SecretStore], registry: Registry) -> None:
    store = store_of(max_versions=2)
    for n in range(6):
        store.write("a", {"n": n}, None)
    states = {version.number: str(version.state) for version in registry.history("kv.a")}
    assert states == {6: "live", 5: "live", 4: "destroyed", 3: "destroyed", 2: "destroyed", 1: "destroyed"}


def test_stricter_rules_prune_at_once(store: SecretStore, registry: Registry) -> None:
    for n in range(6):
        store.write("a", {"n": n}, None)
    store.set_metadata("a", lambda former: former.model_copy(update={"max_versions": 1}), dict)
    assert [version.number for version in registry.history("kv.a") if str(version.state) == "live"] == [6]


def test_what_could_not_be_pruned_is_hidden_and_pruned_later(
    store_of: Callable[..., SecretStore], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(max_versions=1)
    store.write("a", {"n": 1}, None)
    with monkeypatch.context() as broken:
        broken.setattr(type(registry), "prune", _unavailable)
        store.write("a", {"n": 2}, None)
        store.write("a", {"n": 3}, None)
    assert _numbers(store, "a") == [3]
    assert [_data(store, "a", n) for n in (1, 2)] == [None, None]
    for other in (store, store_of(max_versions=1)):  # whoever comes next, this process or another
        other.write("a", {}, None)
    assert [version.number for version in registry.history("kv.a") if str(version.state) == "live"] == [5]


def test_numbers_go_on_after_all_was_deleted(store: SecretStore) -> None:
    store.write("a", {"n": 1}, None)
    store.write("a", {"n": 2}, None)
    store.set_metadata("a", lambda former: former, lambda words: {"owner": "x"})
    store.delete_all("a")
    assert not store.look("a").is_there
    assert store.read("a") is None
    assert store.paths("") == set()
    with pytest.raises(StaleExpectation):
        store.write("a", {}, 2)
    status, words = store.write("a", {"n": 3}, 0)
    assert (status.number, words, _numbers(store, "a")) == (3, {}, [3])
    assert _data(store, "a", 1) is None


def test_a_crash_while_deleting_all_leaves_nothing_of_the_former_secret(
    store: SecretStore, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("a", {"n": 1}, None)
    store.set_metadata("a", lambda former: former.model_copy(update={"cas_required": True}), lambda words: {"k": "v"})
    store.delete("a", [1])
    destroy = type(registry).destroy

    def crash(self: Registry, name: str, version: int | None = None) -> Any:
        if names.is_metadata(name):
            raise KeyboardInterrupt
        return destroy(self, name, version)

    with monkeypatch.context() as broken:
        broken.setattr(type(registry), "destroy", crash)
        with pytest.raises(KeyboardInterrupt):
            store.delete_all("a")
    assert not store.look("a").is_there
    assert store.paths("") == set()
    status, words = store.write("a", {"n": 2}, None)
    assert (status.number, status.deleted, words) == (2, False, {})
    assert _data(store, "a") == {"n": 2}
    store.delete("a")
    assert store.look("a").metadata is not None
    store.delete_all("a")
    assert not store.look("a").is_there


def test_metadata_can_be_there_before_versions(store: SecretStore) -> None:
    store.set_metadata("team/a", lambda former: former, lambda words: {"owner": "x"})
    secret = store.look("team/a")
    assert (secret.is_there, secret.current, store.custom(secret), store.paths("team")) == (
        True,
        0,
        {"owner": "x"},
        {"team/a"},
    )
    assert store.write("team/a", {}, 0)[1] == {"owner": "x"}
    store.delete_all("team/a")
    assert store.paths("") == set()


def test_words_about_a_secret_are_sealed(store: SecretStore, registry: Registry, canary: Any) -> None:
    words = {"note": canary("note")}
    store.write("a", {"password": canary()}, None)
    store.set_metadata("a", lambda former: former, lambda _: words)
    assert store.custom(store.look("a")) == words
    assert all(words["note"].encode() not in head.public for head in registry.list())


def test_a_patch_goes_on_top_of_what_came_in_between(store: SecretStore) -> None:
    store.write("a", {"x": 1}, None)
    calls = []

    def change(former: dict[str, Any]) -> dict[str, Any]:
        if not calls:
            store.write("a", {"x": 1, "y": 2}, None)
        calls.append(former)
        return {**former, "z": 3}

    found = store.patch("a", change, None)
    assert found is not None
    assert (found[0].number, _data(store, "a")) == (3, {"x": 1, "y": 2, "z": 3})
    with pytest.raises(StaleExpectation):
        store.patch("a", dict, 1)


def test_there_is_nothing_to_patch_in_what_is_gone(store: SecretStore) -> None:
    assert store.patch("a", dict, None) is None
    store.write("a", {}, None)
    store.delete("a")
    assert store.patch("a", dict, None) is None


def test_of_many_writers_with_the_same_expectation_one_wins(store: SecretStore) -> None:
    barrier, won, lock = threading.Barrier(16), list[int](), threading.Lock()
    store.write("a", {"n": 0}, None)

    def write(n: int) -> None:
        barrier.wait()
        for expected in (1, 2, 3):
            try:
                number = store.write("a", {"n": n}, expected)[0].number
            except StaleExpectation:
                continue
            with lock:
                won.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(set(won))
    assert max(won) == store.look("a").current == len(won) + 1


def _unavailable(self: Registry, name: str, below: int) -> Any:
    raise StoreUnavailable("The files cannot be cleaned now.")


def test_it_is_the_same_in_every_kind_of_registry(each_service: Service, clock: Clock) -> None:
    each_service.workspaces.add("vault.kv-2")
    store = SecretStore(each_service.registry("vault.kv-2"), {"max_versions": 2}, each_service.now)
    barrier, won, lock = threading.Barrier(16), list[int](), threading.Lock()

    def write() -> None:
        for expected in (0, 1, 2, 3):
            barrier.wait()
            try:
                number = store.write("team/db", {"after": expected}, expected)[0].number
            except StaleExpectation:
                continue
            with lock:
                won.append(number)

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [1, 2, 3, 4]
    assert _numbers(store, "team/db") == [3, 4]
    store.delete("team/db")
    clock.advance(seconds=1)
    store.undelete("team/db", [4])
    assert _data(store, "team/db") == {"after": 3}
    store.delete_all("team/db")
    assert store.paths("") == set()
    assert store.write("team/db", {}, 0)[0].number == 5
