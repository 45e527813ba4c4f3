"""Row 13: requests made from the description of the API.

Schemathesis makes requests of every operation that ``/api/v1/openapi.json`` describes, with values that fit the schemas
and with values that do not, each with a token that everything is allowed to, and without one; and chains of operations
in which one takes what another answered. Most are about things that are there. An answer holds that is no server error,
has a status and a content type that the description names for the operation, and a body that fits its schema; and that
holds none of the secrets that were planted in all documents, unless it is the one that reveals.
"""

from __future__ import annotations

import base64
import os
import random
import secrets
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from faults.figure import Figure, Work

ROW = 13
CASES = 58_000
CHAINED = 0.1
"""The part of the cases that are steps of chains."""
STEPS = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
REVEALING = {"GET /api/v1/workspaces/{workspace}/documents/{name}/payload"}
WAITING = {"GET /api/v1/workspaces/{workspace}/events"}
"""What answers for as long as a stream lasts; asked once, and not in the short form."""
LONG_ENOUGH = 50
KNOWN = {
    "workspace": ["default"],
    "name": [f"planted-{number}" for number in range(10)],
    "label": ["stable"],
    "version": ["1", "2"],
}
PLANTED = [secrets.token_hex(20) for _ in range(20)]
PLANTED_TEXTS = [
    form for text in PLANTED for form in (text.encode(), base64.b64encode(text.encode()), text.encode().hex().encode())
]
_OPTIONS: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
    "report_multiple_bugs": False,
}


def run(work: Work) -> Iterator[Figure]:
    """One operation after another, then chains of them."""
    with served(work) as (application, root):
        schema = described(application)
        operations = [found.ok() for found in schema.get_all_operations()]
        count = work.count(round(CASES * (1 - CHAINED)) // len(operations), 3)
        yield single(work, operations, root, count)
        yield chained(work, schema, root, work.count(round(CASES * CHAINED) // STEPS, 3))


class Root:
    """A token that everything is allowed to; another one, when a request has revoked it."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._text = ""

    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        from strongroom_service.errors import Unauthenticated

        try:
            self._service.tokens.authenticate(self._text, "")
        except Unauthenticated:
            self._text = self._service.tokens.make_root().token.text
        return {"Authorization": f"Bearer {self._text}"}


def single(work: Work, operations: list[Any], root: Root, count: int) -> Figure:
    """Requests of each operation by itself."""
    figure = Figure(ROW, f"requests of {len(operations)} operations")
    for number, operation in enumerate(operations):
        if operation.label not in WAITING:
            _requested(figure, operation, root, count, work.seed + number)
        elif count > LONG_ENOUGH:
            _requested(figure, operation, root, 1, work.seed + number)
    return figure


def _requested(figure: Figure, operation: Any, root: Root, count: int, start: int) -> None:
    @settings(max_examples=count, **_OPTIONS)
    @seed(start)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        headers = root.headers() if figure.tried % 20 else {}
        _judge(figure, case, case.call(headers=headers))

    ask()


def chained(work: Work, schema: Any, root: Root, count: int) -> Figure:
    """Chains of requests, in which one takes what another answered."""
    figure = Figure(ROW, f"steps of chains of at most {STEPS}")

    class Chain(schema.exclude(path="/api/v1/workspaces/{workspace}/events").as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": root.headers()}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            _judge(figure, case, response)

    # What a step can be depends on what was answered, so each chain is a search of its own.
    options = settings(max_examples=1, stateful_step_count=STEPS, phases=[Phase.generate], **_OPTIONS)
    for number in range(count):
        random.seed(work.seed + number)
        Chain.run(settings=options)
    return figure


def _judge(figure: Figure, case: Any, response: Any) -> None:
    label, status = case.operation.label, str(response.status_code)
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as problems:
        figure.add(status, f"{label}: {status}: {problems.exceptions[0]}"[:600])
        return
    sent = response.content + repr(response.headers).encode()
    if label not in REVEALING and any(text in sent for text in PLANTED_TEXTS):
        figure.add(status, f"{label}: {status}: a planted secret stands in the answer")
        return
    figure.add(status)


def described(application: Any) -> Any:
    """The description, whose values for names are most often those of things that are there."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application)

    @schema.hook
    def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        for name, known in KNOWN.items():
            if path_parameters and name in path_parameters:
                digest = zlib.crc32(repr(path_parameters[name]).encode())
                if digest % 8:
                    path_parameters[name] = known[digest % len(known)]
        return path_parameters

    return schema


@contextmanager
def served(work: Work) -> Iterator[tuple[Any, Root]]:
    """The application over a registry of its own, and a token that everything is allowed to."""
    from strongroom_service.http.application import Application
    from strongroom_service.service import Service

    home = {
        "STRONGROOM_HOME": str(work.folder / "home"),
        "XDG_CONFIG_HOME": str(work.folder / "config"),
        "STRONGROOM_SERVER_IDENTITY_RATE": "0",
        "STRONGROOM_SERVER_ADDRESS_RATE": "0",
    }
    before = {name: os.environ.get(name) for name in home}
    os.environ.update(home)
    try:
        with ExitStack() as stack:
            service = stack.enter_context(Service.open())
            _plant(service)
            application = Application(service)
            stack.callback(application.close)
            yield application, Root(service)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _plant(service: Any) -> None:
    registry = service.registry("default")
    for number, secret in enumerate(PLANTED):
        registry.put(
            KNOWN["name"][number % 10],
            type="secret",
            schema="1",
            payload=secret.encode(),
            overwrite=True,
            labels=["stable"],
        )
