"""What a server does by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from servers.service import Clock
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.housekeeping import Housekeeping
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service


def test_what_is_over_is_removed(service: Service, clock: Clock) -> None:
    service.wraps.wrap("x", timedelta(hours=1), "/x", Caller("root"))
    service.tokens.issue(Grant(identity="account:x", policies=("default",), ttl=timedelta(hours=1)))
    house = Housekeeping(service)
    assert house.tidy() == 0
    clock.advance(hours=2)
    assert house.tidy() == 2
    assert house.tidy() == 0


def test_one_chore_that_fails_hinders_no_other_and_is_said_once(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> int:
        raise StoreUnavailable("The disk is full.", "")

    monkeypatch.setattr(service.logins, "tidy", fail)
    service.wraps.wrap("x", timedelta(hours=1), "/x", Caller("root"))
    house = Housekeeping(service)
    clock.advance(hours=2)
    assert house.tidy() == 1
    house.tidy()
    assert caplog.text.count("tokens and logins cannot be removed now: The disk is full.") == 1


def test_it_starts_and_stops(service: Service, clock: Clock) -> None:
    service.wraps.wrap("x", timedelta(hours=1), "/x", Caller("root"))
    clock.advance(hours=2)
    house = Housekeeping(service, interval=0.001).start()
    kind = "wrap"
    while True:
        with service.records.reading() as session:
            if not session.ids(kind):
                break
    house.stop()
    assert not house._thread.is_alive()
