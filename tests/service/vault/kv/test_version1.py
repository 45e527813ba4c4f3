"""KV version 1 over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Vault


@pytest.fixture
def kv(vault: Vault) -> Vault:
    vault.mount("kv", version="1")
    return vault


def test_a_value_is_written_read_listed_and_deleted(kv: Vault) -> None:
    assert kv.put("kv/team/db", user="etl", n=1).status_code == 204
    body = kv.get("kv/team/db").json()
    assert (body["data"], body["lease_duration"]) == ({"user": "etl", "n": 1}, 2764800)
    assert kv.list("kv").json()["data"]["keys"] == ["team/"]
    assert kv.list("kv/team").json()["data"]["keys"] == ["db"]
    assert kv.delete("kv/team/db").status_code == 204
    for answer in (kv.get("kv/team/db"), kv.list("kv"), kv.list("kv/team")):
        assert (answer.status_code, answer.json()) == (404, {"errors": []})


def test_what_is_written_over_is_destroyed(kv: Vault, client: Any) -> None:
    for n in range(3):
        kv.put("kv/a", n=n)
    service = client.app.service
    workspace = next(name for name in service.workspaces.names() if name.startswith("vault."))
    states = [str(version.state) for version in service.registry(workspace).history("kv.a")]
    assert states == ["live", "destroyed", "destroyed"]


def test_a_value_can_say_how_long_it_is_good_for(kv: Vault) -> None:
    kv.put("kv/a", ttl="1h")
    assert kv.get("kv/a").json()["lease_duration"] == 3600


def test_nothing_is_not_a_value(kv: Vault) -> None:
    assert kv.put("kv/a").json() == {"errors": ["missing data fields"]}
    assert kv.patch("kv/a", x=1).status_code == 400


def test_a_mount_without_a_version_is_of_the_first(vault: Vault) -> None:
    vault.mount("old", version=None)
    assert vault.put("old/a", n=1).status_code == 204
    assert vault.get("old/a").json()["data"] == {"n": 1}


def test_a_mount_becomes_one_of_version_2_with_what_it_has(kv: Vault) -> None:
    kv.put("kv/a", n=1)
    assert kv.put("sys/mounts/kv/tune", options={"version": "2"}).status_code == 204
    assert kv.get("kv/data/a").json()["data"]["data"] == {"n": 1}
    assert kv.put("sys/mounts/kv/tune", options={"version": "1"}).status_code == 400
