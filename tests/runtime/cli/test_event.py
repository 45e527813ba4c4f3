"""``strongroom event``: what flows told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from strongroom.clock import now
from strongroom.events import emit_event


def test_events_are_listed_newest_first_and_pruned(strongroom: Any) -> None:
    emit_event("orders.old", {"strongroom.resource.id": "orders"}, occurred=now() - timedelta(days=100))
    first = emit_event("orders.loaded", {"strongroom.resource.id": "orders"}, payload={"rows": 7})
    emit_event(
        "orders.checked",
        {"strongroom.resource.id": "orders", "colour": "blue"},
        follows=first,
        related=[{"strongroom.resource.id": "shop"}],
    )
    found = json.loads(strongroom("event", "ls", "orders.", "--json").output)
    assert [each["event"] for each in found] == ["orders.checked", "orders.loaded", "orders.old"]
    assert (found[0]["follows"], found[0]["related"], found[0]["labels"]["colour"]) == (str(first.id), ["shop"], "blue")
    assert found[1]["payload"] == {"rows": 7}
    recent = strongroom("events", "ls", "--since", "1d").output
    assert "orders.checked" in recent
    assert "orders.old" not in recent
    assert len(json.loads(strongroom("event", "ls", "--limit", "1", "--json").output)) == 1
    assert strongroom("event", "prune", "--older-than", "90d").output == "Events removed: 1\n"
    assert json.loads(strongroom("event", "ls", "orders.old", "--json").output) == []
    assert strongroom("event", "ls", "nothing").stdout == ""
