"""How the fake Vault says no: the shapes of its errors, which all of its engines use."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer with a status and ``{"errors": [...]}``, or with the body that some refusals have instead."""

    def __init__(self, status: int, *errors: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(status, *errors)
        self.status = status
        self.body: dict[str, Any] = body if body is not None else {"errors": list(errors)}


def not_found() -> Refusal:
    return Refusal(404)


def denied() -> Refusal:
    return Refusal(403, "permission denied")


def envelope(data: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """What every answer with a body looks like."""
    return {
        "request_id": "5c3d1e6e-0000-4000-8000-000000000000",
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    } | more
