"""Protections: what can be protected, and that they are changed by those who may, one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_registry.errors import IntegrityError, StaleExpectation
from strongroom_service.approvals.protection import Protection
from strongroom_service.approvals.protections import Protections
from strongroom_service.errors import InvalidRequest
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service

PROD = {"paths": ["default/prod-*"]}


@pytest.mark.parametrize(
    "protection",
    [
        {},
        {"paths": []},
        {"paths": ["default/../x"]},
        {"paths": ["default/db@stable"]},
        {"paths": ["default/{{identity.name}}"]},
        {"paths": ["default/db"], "verbs": ["reveal"]},
        {"paths": ["default/db"], "verbs": ["*"]},
        {"paths": ["default/db"], "verbs": []},
        {"paths": ["default/db"], "approvals": 0},
        {"paths": ["default/db"], "ttl_seconds": 5},
    ],
)
def test_what_is_no_protection(protection: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Protection.model_validate(protection)


def test_all_protections_of_a_thing_count_together(service: Service) -> None:
    known = service.protections
    known.write("a", Protection.model_validate({**PROD, "approvals": 2, "approvers": "x", "ttl_seconds": 600}))
    known.write("b", Protection.model_validate({"paths": ["*/prod-db"], "approvers": "y"}))
    demand = known.demand(Verb.WRITE, Resource.parse("default/prod-db"))
    assert demand is not None
    assert (demand.protections, demand.approvals, demand.approvers) == (("a", "b"), 2, ("x", "y"))
    assert demand.ttl.total_seconds() == 600
    known.write("c", Protection.model_validate({"paths": ["**"]}))
    demand = known.demand(Verb.WRITE, Resource.parse("default/prod-db"))
    assert demand is not None
    assert demand.approvers == ()
    assert known.demand(Verb.REVEAL, Resource.parse("default/prod-db")) is None


def test_they_are_written_one_after_the_other(service: Service) -> None:
    known = service.protections
    first = known.write("a", Protection.model_validate(PROD), expect=0)
    with pytest.raises(StaleExpectation):
        known.write("a", Protection.model_validate(PROD), expect=0)
    known.write("b", Protection.model_validate(PROD))
    with pytest.raises(StaleExpectation):
        known.write("a", Protection.model_validate(PROD), expect=first)
    for name in ("", "A", "../a", "a/b"):
        with pytest.raises(InvalidRequest):
            known.write(name, Protection.model_validate(PROD))
    assert known.remove("a")
    assert not known.remove("a")
    assert sorted(known.all().value.protections) == ["b"]


def test_changes_at_once_are_both_made(service: Service) -> None:
    mine, other = service.protections, Protections(service.directory)
    put = service.directory.put

    def late(*args: Any, **more: Any) -> int:
        service.directory.put = put  # type: ignore[method-assign]
        other.write("theirs", Protection.model_validate(PROD))
        return put(*args, **more)

    service.directory.put = late  # type: ignore[method-assign]
    mine.write("mine", Protection.model_validate(PROD))
    assert sorted(mine.all().value.protections) == ["mine", "theirs"]


def test_protections_over_http(client: TestClient, token_for: TokenFor) -> None:
    made = client.put("/api/v1/protections/prod", json=PROD)
    assert made.json()["verbs"] == ["write", "label", "delete", "destroy"]
    assert client.get("/api/v1/protections/prod").json() == made.json()
    stale = client.put("/api/v1/protections/prod", json=PROD, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    nobody = bearer(token_for("default"))
    assert client.get("/api/v1/protections", headers=nobody).json()["protections"] == []
    assert client.put("/api/v1/protections/prod", json=PROD, headers=nobody).status_code == 403
    assert client.delete("/api/v1/protections/prod", headers=nobody).status_code == 403
    assert client.delete("/api/v1/protections/prod").status_code == 204
    assert client.delete("/api/v1/protections/prod").status_code == 404
    bad = client.put("/api/v1/protections/prod", json={"paths": ["A/b"]})
    assert "names are in lower case" in bad.json()["error"]["message"]


def test_a_protection_that_was_taken_out_of_the_database_is_missed(service: Service, tmp_path: Any) -> None:
    import sqlite3

    service.protections.write("prod", Protection.model_validate(PROD))
    with sqlite3.connect(service.workspaces.url.removeprefix("sqlite:///")) as database:
        removed = database.execute("DELETE FROM heads WHERE name = 'protection.all'").rowcount
    assert removed == 1
    with pytest.raises(IntegrityError):
        Protections(type(service.directory)(service.workspaces.own)).demand(
            Verb.WRITE, Resource.parse("default/prod-db")
        )
