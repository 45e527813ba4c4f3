"""``prefect.events.schemas`` under its name; see :mod:`strongroom.events`."""
