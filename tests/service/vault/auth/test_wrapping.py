"""``/v1/sys/wrapping``: what hvac's tests leave out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from canaries import Plant
from servers.service import Clock
from strongroom_service.service import Service

Ask = Callable[..., Any]


def wrapped(ask: Ask, **body: Any) -> dict[str, Any]:
    answer = ask("sys/wrapping/wrap", wrap="5m", **body)
    info: dict[str, Any] = answer.json["wrap_info"]
    assert answer.json["data"] is None
    return info


def test_what_was_wrapped_is_opened_once_by_whoever_has_the_token(ask: Ask, canary: Plant) -> None:
    secret = canary("wrapped")
    info = wrapped(ask, password=secret)
    assert (info["ttl"], info["creation_path"]) == (300, "sys/wrapping/wrap")
    look = ask("sys/wrapping/lookup", by="", token=info["token"]).data
    assert (look["creation_path"], look["creation_ttl"]) == ("sys/wrapping/wrap", 300)
    assert ask("sys/wrapping/unwrap", by=info["token"]).data == {"password": secret}
    again = ask("sys/wrapping/unwrap", by=info["token"])
    assert again.status == 400
    assert "was used before" in again.error
    assert ask("sys/wrapping/lookup", token=info["token"]).status == 400


def test_what_is_over_is_not_opened(ask: Ask, clock: Clock) -> None:
    info = wrapped(ask, a="b")
    clock.advance(minutes=5)
    assert "not valid or does not exist" in ask("sys/wrapping/unwrap", token=info["token"]).error


def test_a_wrap_is_moved_to_another_token(ask: Ask) -> None:
    first = wrapped(ask, a="b")
    second = ask("sys/wrapping/rewrap", token=first["token"]).json["wrap_info"]
    assert ask("sys/wrapping/unwrap", token=first["token"]).status == 400
    assert ask("sys/wrapping/unwrap", token=second["token"]).data == {"a": "b"}


def test_any_answer_can_be_wrapped(ask: Ask) -> None:
    answer = ask("auth/token/create", wrap="60", policies=["reader"])
    assert answer.json["auth"] is None
    auth = ask("sys/wrapping/unwrap", token=answer.json["wrap_info"]["token"]).auth
    assert auth["accessor"] == answer.json["wrap_info"]["wrapped_accessor"]


def test_a_wrap_of_the_other_api_is_opened_too(ask: Ask, service: Service, clock: Clock) -> None:
    from datetime import timedelta

    from strongroom_service.identity.caller import Caller

    info = service.wraps.wrap(["a", 1], timedelta(minutes=5), "/api/v1/x", Caller("user:alice"))
    assert ask("sys/wrapping/unwrap", token=info.token).data == {"value": ["a", 1]}


def test_what_is_missing_is_said(ask: Ask) -> None:
    assert "X-Vault-Wrap-TTL" in ask("sys/wrapping/wrap", a="b").error
    assert ask("sys/wrapping/unwrap", by="").status == 400
