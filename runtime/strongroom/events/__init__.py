"""What happened, told by name: ``emit_event("orders.loaded", resource={"strongroom.resource.id": "orders"})``."""

from strongroom.events.emitting import delete_events as delete_events
from strongroom.events.emitting import emit_event as emit_event
from strongroom.events.emitting import list_events as list_events
from strongroom.events.event import Event as Event
from strongroom.events.event import RelatedResource as RelatedResource
from strongroom.events.event import Resource as Resource
