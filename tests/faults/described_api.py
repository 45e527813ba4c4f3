"""Row 13: requests made from the description of the API.

Schemathesis makes requests of every operation that ``/api/v1/openapi.json`` describes, with values that fit the schemas
and with values that do not, each with a token that everything is allowed to, and without one; and chains of operations
in which one takes what another answered. An answer holds that is no server error, has a status and a content type that
the description names for the operation, and a body that fits its schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
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
CASES = 55_000
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
_OPTIONS: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
    "report_multiple_bugs": False,
}


def run(work: Work) -> Iterator[Figure]:
    """One operation after another, then chains of them."""
    with served(work) as (application, token):
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application)
        operations = [found.ok() for found in schema.get_all_operations()]
        count = work.count(round(CASES * (1 - CHAINED)) // len(operations), 3)
        yield single(work, operations, token, count)
        yield chained(work, schema, token, work.count(round(CASES * CHAINED) // STEPS, 3))


def single(work: Work, operations: list[Any], token: str, count: int) -> Figure:
    """Requests of each operation by itself."""
    figure = Figure(ROW, f"requests of {len(operations)} operations")
    for number, operation in enumerate(operations):
        _requested(figure, operation, token, count, work.seed + number)
    return figure


def _requested(figure: Figure, operation: Any, token: str, count: int, start: int) -> None:
    @settings(max_examples=count, **_OPTIONS)
    @seed(start)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"} if figure.tried % 20 else {}
        _judge(figure, case, case.call(headers=headers))

    ask()


def chained(work: Work, schema: Any, token: str, count: int) -> Figure:
    """Chains of requests, in which one takes what another answered."""
    figure = Figure(ROW, f"steps of chains of at most {STEPS}")

    class Chain(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {token}"}}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            _judge(figure, case, response)

    Chain.run(settings=settings(max_examples=count, stateful_step_count=STEPS, derandomize=True, **_OPTIONS))
    return figure


def _judge(figure: Figure, case: Any, response: Any) -> None:
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as problems:
        label = f"{case.operation.label}: {response.status_code}"
        figure.add(str(response.status_code), f"{label}: {problems.exceptions[0]}"[:600])
    else:
        figure.add(str(response.status_code))


@contextmanager
def served(work: Work) -> Iterator[tuple[Any, str]]:
    """The application over a registry of its own, and a token that everything is allowed to."""
    from strongroom_service.http.application import create_application
    from strongroom_service.service import Service

    home = {"STRONGROOM_HOME": str(work.folder / "home"), "XDG_CONFIG_HOME": str(work.folder / "config")}
    before = {name: os.environ.get(name) for name in home}
    os.environ.update(home)
    try:
        with ExitStack() as stack:
            service = stack.enter_context(Service.open())
            application = create_application(service)
            stack.callback(application.close)
            yield application, service.tokens.make_root().token.text
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
