"""KV version 2 over HTTP, as Vault's clients read it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from canaries import Plant
from servers.service import Clock

if TYPE_CHECKING:
    from conftest import Vault


def _data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def _refusal(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return ", ".join(answer.json()["errors"])


def test_a_write_answers_what_vault_does(secret: Vault) -> None:
    answer = secret.put("secret/data/team/db", data={"user": "etl"})
    body = answer.json()
    assert set(body) == {
        "request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"
    }  # fmt: skip
    assert set(body["data"]) == {"created_time", "custom_metadata", "deletion_time", "destroyed", "version"}
    assert (body["data"]["version"], body["data"]["destroyed"], body["data"]["deletion_time"]) == (1, False, "")
    read = _data(secret.get("secret/data/team/db"))
    assert read == {"data": {"user": "etl"}, "metadata": body["data"]}


def test_values_of_every_kind_come_back_as_they_were(secret: Vault) -> None:
    data = {
        "n": 1,
        "f": 1.5,
        "t": True,
        "z": None,
        "l": [1, {"a": []}],
        "u": "ключ \U0001f511",
        "": "empty",
        "big": 2**70,
    }
    secret.put("secret/data/a", data=data)
    assert _data(secret.get("secret/data/a"))["data"] == data


def test_a_deleted_version_answers_404_with_its_metadata(secret: Vault, clock: Clock) -> None:
    secret.put("secret/data/a", data={"n": 1})
    assert secret.delete("secret/data/a").status_code == 204
    answer = secret.get("secret/data/a")
    assert answer.status_code == 404
    body = answer.json()["data"]
    assert body["data"] is None
    assert body["metadata"]["deletion_time"] == clock.now.isoformat().replace("+00:00", "Z")
    assert secret.put("secret/undelete/a", versions=[1]).status_code == 204
    assert _data(secret.get("secret/data/a"))["data"] == {"n": 1}


def test_what_was_never_there_answers_404_without_a_word(secret: Vault) -> None:
    for answer in (
        secret.get("secret/data/a"),
        secret.get("secret/metadata/a"),
        secret.list("secret/metadata/a"),
        secret.get("secret/subkeys/a"),
        secret.patch("secret/data/a", data={}),
        secret.patch("secret/metadata/a", custom_metadata={}),
    ):
        assert _refusal(answer, 404) == ""
    for path in ("secret/data/a", "secret/metadata/a"):
        assert secret.delete(path).status_code == 204


@pytest.mark.parametrize("cas", [-1, 1, 2, 10**12])
def test_a_lost_compare_and_set_says_what_vault_says(secret: Vault, cas: int) -> None:
    answer = secret.put("secret/data/a", data={}, options={"cas": cas})
    assert _refusal(answer) == "check-and-set parameter did not match the current version"


@pytest.mark.parametrize("cas", ["", "1", None, True, 1.0, [], {}])
def test_a_precondition_that_is_none_is_refused_not_ignored(secret: Vault, cas: Any) -> None:
    assert "cas is a whole number" in _refusal(secret.put("secret/data/a", data={}, options={"cas": cas}))
    assert secret.get("secret/data/a").status_code == 404


def test_the_mount_can_demand_compare_and_set(secret: Vault) -> None:
    assert secret.put("secret/config", cas_required=True).status_code == 204
    answer = secret.put("secret/data/a", data={})
    assert _refusal(answer) == "check-and-set parameter required for this call"
    assert _data(secret.put("secret/data/a", data={}, options={"cas": 0}))["version"] == 1


def test_the_settings_of_a_mount_are_read_back(secret: Vault) -> None:
    assert _data(secret.get("secret/config")) == {
        "max_versions": 0,
        "cas_required": False,
        "delete_version_after": "0s",
    }
    secret.put("secret/config", max_versions=3, delete_version_after="30m0s")
    secret.put("secret/config", cas_required=True)
    assert _data(secret.get("secret/config")) == {
        "max_versions": 3,
        "cas_required": True,
        "delete_version_after": "30m0s",
    }
    for wrong in ({"max_versions": -1}, {"max_versions": "x"}, {"delete_version_after": "soon"}, {"cas_required": 3}):
        assert _refusal(secret.put("secret/config", **wrong))


def test_metadata_tells_of_all_versions(secret: Vault) -> None:
    for n in range(3):
        secret.put("secret/data/a", data={"n": n})
    secret.put("secret/delete/a", versions=[1])
    secret.put("secret/destroy/a", versions=[2])
    secret.put("secret/metadata/a", max_versions=7, custom_metadata={"owner": "data"}, delete_version_after="1h")
    found = _data(secret.get("secret/metadata/a"))
    assert {number: (bool(one["deletion_time"]), one["destroyed"]) for number, one in found["versions"].items()} == {
        "1": (True, False),
        "2": (False, True),
        "3": (False, False),
    }
    assert found["current_version"] == 3
    assert found["oldest_version"] == 1
    assert (found["max_versions"], found["custom_metadata"], found["delete_version_after"]) == (
        7,
        {"owner": "data"},
        "1h0m0s",
    )
    assert found["created_time"] <= found["updated_time"]


def test_metadata_is_patched_key_by_key(secret: Vault) -> None:
    secret.put("secret/metadata/a", custom_metadata={"a": "1", "b": "2"}, max_versions=4)
    assert secret.patch("secret/metadata/a", custom_metadata={"a": None, "c": "3"}).status_code == 204
    found = _data(secret.get("secret/metadata/a"))
    assert (found["custom_metadata"], found["max_versions"]) == ({"b": "2", "c": "3"}, 4)
    secret.put("secret/metadata/a", custom_metadata={"z": "9"})
    assert _data(secret.get("secret/metadata/a"))["custom_metadata"] == {"z": "9"}


@pytest.mark.parametrize(
    "custom",
    [
        "text",
        {"a": 1},
        {"a": None},
        {"": "x"},
        {"k" * 129: "x"},
        {"k": "v" * 513},
        {"k": "a\nb"},
        {str(n): "x" for n in range(65)},
    ],
)
def test_words_that_are_too_many_or_too_long_are_refused(secret: Vault, custom: Any) -> None:
    assert "custom_metadata" in _refusal(secret.put("secret/metadata/a", custom_metadata=custom))


def test_a_patch_merges(secret: Vault) -> None:
    secret.put("secret/data/a", data={"keep": 1, "drop": 2, "deep": {"x": 1, "y": 2}})
    answer = secret.patch("secret/data/a", data={"drop": None, "deep": {"x": None, "z": 3}, "new": [1]})
    assert _data(answer)["version"] == 2
    assert _data(secret.get("secret/data/a"))["data"] == {"keep": 1, "deep": {"y": 2, "z": 3}, "new": [1]}
    stale = secret.patch("secret/data/a", data={"keep": 9}, options={"cas": 1})
    assert "did not match" in _refusal(stale)
    plain = secret.ask("PATCH", "secret/data/a", json={"data": {}})
    assert "merge-patch" in _refusal(plain)


def test_subkeys_tell_the_shape_and_no_value(secret: Vault, canary: Plant) -> None:
    secret.put("secret/data/a", data={"a": {"b": {"c": canary()}}, "l": [canary()], "e": {}})
    assert _data(secret.get("secret/subkeys/a"))["subkeys"] == {"a": {"b": {"c": None}}, "l": None, "e": None}
    assert _data(secret.get("secret/subkeys/a", depth=1))["subkeys"] == {"a": None, "l": None, "e": None}
    assert _data(secret.get("secret/subkeys/a", depth=2))["subkeys"]["a"] == {"b": None}


def test_names_are_listed_with_folders(secret: Vault) -> None:
    for path in ("a", "a/b", "a/c/d", "z/y", "Ä b"):
        secret.put(f"secret/data/{path}", data={})
    assert _data(secret.list("secret/metadata"))["keys"] == ["a", "a/", "z/", "Ä b"]
    assert _data(secret.list("secret/metadata/a/"))["keys"] == ["b", "c/"]
    assert _data(secret.get("secret/metadata/a", list="true"))["keys"] == ["b", "c/"]


def test_versions_are_chosen_by_number(secret: Vault) -> None:
    for n in range(2):
        secret.put("secret/data/a", data={"n": n})
    assert _data(secret.get("secret/data/a", version=1))["data"] == {"n": 0}
    assert _data(secret.get("secret/data/a", version=0))["data"] == {"n": 1}
    assert _refusal(secret.get("secret/data/a", version=9), 404) == ""
    assert _refusal(secret.get("secret/data/a", version="x"))


@pytest.mark.parametrize("versions", [None, [], "x", [1.5], [None], {}, True, [True]])
def test_versions_that_are_none_are_refused(secret: Vault, versions: Any) -> None:
    secret.put("secret/data/a", data={})
    for word in ("delete", "undelete", "destroy"):
        assert _refusal(secret.put(f"secret/{word}/a", versions=versions))


def test_unknown_versions_are_left_out(secret: Vault) -> None:
    secret.put("secret/data/a", data={"n": 1})
    for word in ("delete", "undelete", "destroy"):
        assert secret.put(f"secret/{word}/a", versions=[5, 7]).status_code == 204
    assert _data(secret.get("secret/data/a"))["data"] == {"n": 1}


def test_paths_that_two_readers_could_take_for_different_things_are_refused(secret: Vault) -> None:
    secret.put("secret/data/a", data={})
    for path in (
        "secret/data/x/%2e%2e/a",
        "secret/data/a%2fb",
        "secret/data//a",
        "secret/data/a%00",
        "secret/data/%5c",
    ):
        answer = secret.client.get(f"http://testserver/v1/{path}")
        assert _refusal(answer)


def test_of_64_writers_with_one_expectation_one_wins_each_time(secret: Vault) -> None:
    secret.put("secret/data/a", data={})
    barrier = threading.Barrier(64)
    answers = list[tuple[int, Any]]()

    def write() -> None:
        for expected in (1, 2, 3):
            barrier.wait()
            answers.append((expected, secret.put("secret/data/a", data={}, options={"cas": expected})))

    threads = [threading.Thread(target=write) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = {expected: answer.json()["data"]["version"] for expected, answer in answers if answer.status_code == 200}
    assert won == {1: 2, 2: 3, 3: 4}
    lost = [answer for _, answer in answers if answer.status_code != 200]
    assert len(lost) == 3 * 63
    assert all("did not match" in _refusal(answer) for answer in lost)


def test_every_read_is_in_the_audit_of_the_mount(secret: Vault, client: Any) -> None:
    secret.put("secret/data/a", data={"n": 1})
    for ask in (
        lambda: secret.get("secret/data/a"),
        lambda: secret.list("secret/metadata"),
        lambda: secret.get("secret/metadata/a"),
    ):
        ask()
    service = client.app.service
    workspace = next(name for name in service.workspaces.names() if name.startswith("vault."))
    actions = [entry.action for entry in service.registry(workspace).audit(limit=4)]
    assert actions == ["view", "list", "load", "put"]
