"""However many approve at once, and whenever a process dies: a change is made once."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from servers.service import Clock
from strongroom_registry.acting import acting
from strongroom_service.approvals.approvals import Approvals
from strongroom_service.approvals.protection import Protection
from strongroom_service.approvals.waiting import State
from strongroom_service.errors import Conflict
from strongroom_service.http.carrying_out import CarryingOut
from strongroom_service.identity.caller import Caller
from strongroom_service.service import Service

from .conftest import Office


def versions(service: Service) -> int:
    return len(service.registry("default").history("prod-db"))


def one_change(service: Service, approvals: int) -> str:
    """A protected block, and a change of it that takes so many approvals."""
    from servers.service import bearer
    from starlette.testclient import TestClient
    from strongroom_service.http.application import Application

    service.protections.write("prod", Protection(paths=("default/prod-*",), approvals=approvals))
    token = service.tokens.make_root().token.text
    with TestClient(Application(service), headers=bearer(token)) as client:
        body = {"type": "secret", "schema": "1", "payload": "bmV3", "overwrite": True}
        return str(client.put("/api/v1/workspaces/default/documents/prod-db", json=body).json()["approval"])


@pytest.mark.parametrize("needed", [1, 3])
def test_many_approve_at_once(each_service: Service, needed: int) -> None:
    from strongroom_service.api.approvals import _routes

    id, people = one_change(each_service, needed), 12
    barrier = Barrier(people)

    def approve(number: int) -> str:
        caller = Caller(f"user:{number}", is_root=True)
        barrier.wait()
        try:
            with acting(caller.actor):
                waiting, is_claimed = each_service.approvals.approve(caller, id)
                if is_claimed:
                    return CarryingOut(each_service, _routes()).carry_out(id, waiting).state
        except Conflict:
            return "late"
        return "counted"

    with ThreadPoolExecutor(people) as pool:
        came = list(pool.map(approve, range(people)))
    assert came.count(State.DONE) == 1
    assert came.count("counted") == needed - 1
    assert versions(each_service) == 1


def test_approved_and_refused_at_once(each_service: Service) -> None:
    id, both = one_change(each_service, 1), Barrier(2)

    def decide(approves: bool) -> bool:
        caller = Caller(f"user:{approves}", is_root=True)
        both.wait()
        try:
            (each_service.approvals.approve if approves else each_service.approvals.refuse)(caller, id)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, [True, False])) == [False, True]


def test_a_process_that_dies_before_the_change_was_made(
    office: Office, service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    bob = service.tokens.authenticate(office.as_("bob", "owners")["Authorization"].removeprefix("Bearer "), "")
    waiting, is_claimed = service.approvals.approve(bob, id)
    assert is_claimed
    assert waiting.state is State.APPROVED
    assert office.approve(office.as_("carol", "owners"), id).status_code == 409
    clock.advance(minutes=6)
    assert office.approve(office.as_("carol", "owners"), id).json()["state"] == "done"
    assert versions(service) == 1


def test_a_process_that_dies_after_the_change_was_made(
    office: Office, service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))

    def dies(*_: object) -> None:
        raise RuntimeError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "finish", dies)
        assert office.approve(office.as_("bob", "owners"), id).status_code == 500
    assert versions(service) == 1
    clock.advance(minutes=6)
    assert office.approve(office.as_("bob", "owners"), id).json()["state"] == "done"
    assert versions(service) == 1


def test_an_older_row_put_back_into_the_database_makes_nothing_twice(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    database = sqlite3.connect(service.settings.records_url(service.workspaces.url).removeprefix("sqlite:///"))
    query = "SELECT sealed FROM service_records WHERE kind = 'approval' AND id = ?"
    (old,) = database.execute(query, (id,)).fetchone()
    bob = office.as_("bob", "owners")
    office.approve(bob, id)
    assert versions(service) == 1
    with database:
        database.execute("UPDATE service_records SET sealed = ? WHERE kind = 'approval' AND id = ?", (old, id))
    database.close()
    assert office.approve(bob, id).json()["state"] == "done"
    assert versions(service) == 1
