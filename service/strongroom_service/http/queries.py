"""The query of a request."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from strongroom_service.errors import InvalidRequest
from strongroom_service.http.errors import misunderstood
from strongroom_service.http.route import Route

FIELDS_MAX = 32


def parsed_query(route: Route, query: bytes) -> Any:
    """The query as the route's model; a plain dictionary for Vault's routes, None for those that take none.

    :raises InvalidRequest: it does not fit, or names something twice.
    """
    if not query:
        return {} if route.vault else _empty(route.query) if route.query else None
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=False,
            max_num_fields=FIELDS_MAX,
            errors="strict",
        )
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequest("The query cannot be read.", f"It has at most {FIELDS_MAX} fields, in UTF-8.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise InvalidRequest("The query says something twice.", "Say each thing once.")
    if route.vault:
        return values
    if route.query is None:
        if values:
            raise InvalidRequest("This path takes no query.", "Leave it out.")
        return None
    try:
        return route.query.model_validate(values)
    except ValidationError as error:
        raise misunderstood(error, "query") from None


@cache
def _empty(model: type[BaseModel]) -> BaseModel:
    """What a query that says nothing means. Handlers change no query."""
    return model.model_validate({})
