"""``prefect.events.schemas.events`` under its name; see :mod:`strongroom.events`."""

from strongroom.events.event import Event as Event
from strongroom.events.event import RelatedResource as RelatedResource
from strongroom.events.event import Resource as Resource
