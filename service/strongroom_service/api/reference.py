"""What describes the interface to programs."""

from __future__ import annotations

import functools
import json

from strongroom_service.http.call import Answer, Call
from strongroom_service.http.openapi import openapi
from strongroom_service.http.route import Route


@functools.cache
def _description() -> bytes:
    from strongroom_service.http.tables import all_routes

    return json.dumps(openapi(all_routes()), separators=(",", ":")).encode()


def describe(_call: Call) -> Answer:
    """The description of the interface."""
    return Answer(content=_description())


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/openapi.json",
        handler=describe,
        summary="The description of this interface, in OpenAPI 3.1.",
        content="application/json",
        is_open=True,
        records="",
        tags=("reference",),
    ),
)
