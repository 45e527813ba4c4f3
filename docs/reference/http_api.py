"""Writes ``http-api.md`` from the routes themselves: ``python docs/reference/http_api.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strongroom_service.http.openapi import openapi
from strongroom_service.http.tables import all_routes

PAGE = Path(__file__).with_name("http-api.md")

HEAD = """\
# The API over HTTP

*This page is written by `python docs/reference/http_api.py` from the routes themselves; a test keeps it current.*

What a server answers below `/api/v1`, to programs that do not use the [client](../how-to/share-a-registry.md). A server
tells the same of itself, in OpenAPI 3.1, at `/api/v1/openapi.json`. What it answers to tools that know Vault stands
beside it, below `/v1`.

- **Who asks** says a token: `Authorization: Bearer srt_…`. What the token may do, say [policies](policies.md).
- **Bodies** are JSON in UTF-8, with no field that is not described here. Bytes (payloads, public fields, keys) are
  base64, best URL-safe. Dates are RFC 3339 with a time zone.
- **Errors** have one shape, whatever the status: `{"error": {"code", "message", "remedy", "request_id"}}`. The code is
  for programs, the request's id stands in the audit and in `Strongroom-Request-Id` of each answer.
- **Pages:** a listing takes `limit` and `after`; `next` in its answer is the `after` of the page that follows.
- **Conditions:** what is read has an `ETag`. `If-None-Match` with it is answered by 304 where nothing changed;
  `If-Match` with it has a change made only on top of that version, else 412.
- **Once:** a change with an `Idempotency-Key` of your making, random, is done once however often it is sent, and
  answered alike for a day.
- **Too much, or not now:** 429 and 503 say in `Retry-After` when to ask again.
- **Wrapped:** with `Strongroom-Wrap-TTL: 300` the answer is kept back, and a token is answered in its place that
  opens it once.

Each answer can also have one of the statuses 400 (not understood), 401 (no token that counts), 403 (not allowed), 413
(too large), 429 and 503; where others are named, they come of what is asked.

```sh no-run
# shown only: it takes curl, and the address and the token are those of your server
api=https://strongroom.example.com/api/v1 token=srt_…
ask() { curl --silent --show-error --header "Authorization: Bearer $token" "$api/$@"; }

ask workspaces
ask workspaces/default/documents
ask workspaces/default/documents/crm/payload    # its secrets, base64 of JSON in `payload`
ask policies/readers --request PUT --data \\
  '{"rules": [{"effect": "allow", "paths": ["default/*"], "verbs": ["list", "view"]}]}'
```
"""
_TITLES = {"audit": "Audit and proofs", "keys": "Keys", "sealing": "Sealing", "events": "Changes as they come"}
_FIRST = ("workspaces", "documents", "audit", "keys", "sealing", "events")


def page() -> str:
    """The page."""
    routes = [route for route in all_routes() if not route.vault]
    errors = {(route.method.lower(), route.path.replace(":path}", "}")): route.errors for route in routes}
    described = openapi(routes)
    schemas = described["components"]["schemas"]
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            found.setdefault((operation.get("tags") or ["other"])[0], []).append((method, path, operation))
    tags = [*(tag for tag in _FIRST if tag in found), *sorted(tag for tag in found if tag not in _FIRST)]
    parts = [HEAD]
    for tag in tags:
        parts.append(f"## {_TITLES.get(tag, tag.replace('-', ' ').capitalize())}\n")
        for method, path, operation in found[tag]:
            parts += _operation(method, path, operation, errors[method, path])
    parts.append("## Shapes\n")
    for name in sorted(schemas):
        parts += _shape(name, schemas[name])
    return "\n".join(parts).rstrip() + "\n"


def _operation(method: str, path: str, operation: dict[str, Any], errors: tuple[int, ...]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield operation["summary"] + (f" {operation['description']}" if "description" in operation else "") + "\n"
    asked = [parameter for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    if asked:
        yield from ("| query | | |", "|---|---|---|")
        yield from (_row(one["name"], one["schema"], one.get("description", ""), one["required"]) for one in asked)
        yield ""
    said = []
    body = operation.get("requestBody")
    if body is not None:
        kind, content = next(iter(body["content"].items()))
        said.append(f"Takes {_type(content['schema']) if kind == 'application/json' else f'`{kind}`'}.")
    said.append(_answer(operation["responses"], errors))
    yield " ".join(said) + "\n"


def _answer(responses: dict[str, Any], errors: tuple[int, ...]) -> str:
    good = [status for status in responses if status < "300"]
    told = []
    for status in good:
        content = responses[status].get("content")
        if content is None:
            told.append(f"{status} without a body")
            continue
        kind, what = next(iter(content.items()))
        told.append(f"{status} with {_type(what['schema']) if kind == 'application/json' else f'`{kind}`'}")
    others = [str(status) for status in sorted(errors)]
    return f"Answers {', '.join(told)}" + (f"; or {', '.join(others)}" if others else "") + "."


def _shape(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield _one_line(schema["description"]) + "\n"
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    fields = schema.get("properties")
    if not fields:
        return
    needed = schema.get("required", ())
    yield from ("| field | | |", "|---|---|---|")
    yield from (_row(field, one, one.get("description", ""), field in needed) for field, one in fields.items())
    yield ""


def _row(name: str, schema: dict[str, Any], description: str, is_needed: bool) -> str:
    default = schema.get("default")
    about = _one_line(description)
    if not is_needed and default not in (None, "", [], {}):
        about = f"{about} Default: `{str(default).lower() if isinstance(default, bool) else default}`.".strip()
    return f"| `{name}`{'' if is_needed else ' (optional)'} | {_type(schema)} | {about} |"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object":
        patterned = schema.get("patternProperties", {})
        inner = schema.get("additionalProperties") or next(iter(patterned.values()), None)
        return f"object of {_type(inner)}" if isinstance(inner, dict) else "object"
    if kind == "string":
        return {"base64url": "bytes", "date-time": "date", "uuid": "UUID"}.get(schema.get("format", ""), "text")
    return {"integer": "number", "number": "number", "boolean": "true or false", "null": "null"}.get(kind, str(kind))


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
