"""The description of the interface in OpenAPI 3.1, made from the tables of routes."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from strongroom_service.http.errors import ErrorAnswer
from strongroom_service.http.pipeline import READS
from strongroom_service.http.route import Route
from strongroom_service.http.stages.approval import AskedForApproval

_TEMPLATE = "#/components/schemas/{model}"
_ERRORS = {
    400: "The request is not understood.",
    401: "There is no token, or none that counts.",
    403: "A policy says no, or none says yes.",
    404: "There is none.",
    405: "The path takes other methods.",
    409: "Something is there already, or stands in the way.",
    410: "It was deleted or destroyed.",
    412: "It is not the version that was expected.",
    413: "The request is larger than the service takes.",
    415: "The body is of a type that is not taken here.",
    422: "The request contradicts one before.",
    429: "Too many requests; Retry-After says when to try again.",
    502: "The system that credentials are leased from does not do what it should.",
    503: "The service cannot answer now; Retry-After says when to try again.",
}
_ALWAYS = (400, 401, 403, 404, 409, 410, 412, 413, 422, 429, 503)
_ALWAYS_OPEN = (400, 401, 403, 404, 409, 413, 422, 429, 503)
_PARAMETERS: dict[str, dict[str, Any]] = {
    "workspace": {"description": "The name of a workspace.", "schema": {"type": "string", "maxLength": 128}},
    "name": {"description": "The name.", "schema": {"type": "string", "maxLength": 256}},
    "version": {"description": "The number of a version.", "schema": {"type": "string", "maxLength": 16}},
}


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """The description of the routes that are not Vault's."""
    shown = [route for route in routes if not route.vault]
    schemas, definitions = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(shown, key=lambda route: route.path):
        path = re.sub(r":path\}", "}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Strongroom",
            "version": importlib.metadata.version("strongroom"),
            "description": "A registry of typed, encrypted, versioned credentials for a team.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": definitions,
        },
    }


def _schemas(routes: Iterable[Route]) -> tuple[dict[tuple[type[BaseModel], str], dict[str, Any]], dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], str], None] = {
        (ErrorAnswer, "serialization"): None,
        (AskedForApproval, "serialization"): None,
    }
    for route in routes:
        if route.body:
            wanted[route.body, "validation"] = None
        if route.answer:
            wanted[route.answer, "serialization"] = None
    found, whole = models_json_schema(list(wanted), ref_template=_TEMPLATE)  # type: ignore[arg-type]
    return found, dict(sorted(whole.get("$defs", {}).items()))  # type: ignore[return-value]


def _operation(route: Route, schemas: dict[tuple[type[BaseModel], str], dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "responses": _responses(route, schemas),
    }
    if route.description:
        operation["description"] = route.description
    if route.tags:
        operation["tags"] = list(route.tags)
    if route.is_open:
        operation["security"] = [{}, {"token": []}]
    parameters = [_path_parameter(name) for name in route.parameters] + _query_parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = schemas[route.body, "validation"]
        is_needed = route.method == "PUT" or any(field.is_required() for field in route.body.model_fields.values())
        operation["requestBody"] = {"required": is_needed, "content": {"application/json": {"schema": schema}}}
    elif route.takes:
        schema = {"type": "string", "contentMediaType": route.takes}
        operation["requestBody"] = {"required": True, "content": {route.takes: {"schema": schema}}}
    return operation


def _responses(route: Route, schemas: dict[tuple[type[BaseModel], str], dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary or "Done."}
    if route.answer is not None:
        answer["content"] = {"application/json": {"schema": schemas[route.answer, "serialization"]}}
    elif route.content:
        is_stream = route.content == "text/event-stream"  # what an event holds is said in words
        answer["content"] = {
            route.content: {} if is_stream else {"schema": {"type": "string", "contentMediaType": route.content}}
        }
    responses: dict[str, Any] = {str(route.status): answer}
    if route.method not in READS and not route.is_open and route.status != 202:
        waits = {"application/json": {"schema": schemas[AskedForApproval, "serialization"]}}
        responses["202"] = {"description": "It is protected, and waits for a second person.", "content": waits}
    error = {"application/json": {"schema": schemas[ErrorAnswer, "serialization"]}}
    always = _ALWAYS_OPEN if route.is_open else _ALWAYS
    for status in sorted({*always, *route.errors}):
        if status < 400:
            responses[str(status)] = {
                "description": "See the description.",
                **({"content": answer["content"]} if "content" in answer else {}),
            }
        else:
            responses[str(status)] = {"description": _ERRORS.get(status, "An error."), "content": error}
    return responses


def _path_parameter(name: str) -> dict[str, Any]:
    known = _PARAMETERS.get(name, {"schema": {"type": "string", "maxLength": 256}})
    return {"name": name, "in": "path", "required": True, **known}


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    needed = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in needed,
            **({"description": described.pop("description")} if "description" in described else {}),
            "schema": described,
        }
        for name, described in schema.get("properties", {}).items()
    ]


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path.removeprefix("/api/v1"))
    return "_".join((route.method.lower(), *words))
