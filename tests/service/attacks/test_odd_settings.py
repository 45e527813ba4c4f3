"""Settings and headers that would open more than they should, or hold everybody up."""

from __future__ import annotations

import pytest
from strongroom_registry.settings import RegistrySettings
from strongroom_service.errors import CannotServe
from strongroom_service.http.addresses import ClientAddresses
from strongroom_service.http.application import Application
from strongroom_service.http.lane import Lane
from strongroom_service.http.loop_lane import LoopLane
from strongroom_service.service import Service
from strongroom_service.state.directory import WORKSPACE
from strongroom_service.workspaces import Workspaces


def test_the_services_own_workspace_is_served_by_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_WORKSPACE", WORKSPACE)
    with pytest.raises(CannotServe):
        Service.open()


@pytest.mark.parametrize(("anchor", "is_on_loop"), [(None, True), ("file:/a", True), ("elsewhere:b", False)])
def test_anchors_that_lie_elsewhere_hold_no_event_loop_up(
    service: Service, monkeypatch: pytest.MonkeyPatch, anchor: str | None, is_on_loop: bool
) -> None:
    known = service.workspaces._settings
    monkeypatch.setattr(service.workspaces, "_settings", known.model_copy(update={"anchor": anchor}))
    application = Application(service)
    assert isinstance(application._quick, LoopLane if is_on_loop else Lane)
    application.close()


def test_what_stands_behind_a_zone_is_no_address() -> None:
    addresses = ClientAddresses(["10.0.0.0/8", "fe80::/10"])
    headers = {"x-forwarded-for": "192.0.2.1, fe80::1%user:root"}
    assert addresses.of(("10.0.0.1", 1), headers) == "10.0.0.1"
    assert addresses.of(("10.0.0.1", 1), {"x-forwarded-for": "192.0.2.1, 10.0.0.2"}) == "192.0.2.1"


def test_it_is_made_where_another_workspace_is_set() -> None:
    workspaces = Workspaces(RegistrySettings())
    assert workspaces.names() == ["default"]
    workspaces.close()
