"""``sys/wrapping``: answers that are opened once, in Vault's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom_service.errors import InvalidRequest, UnknownThing, WrapOpened
from strongroom_service.http.call import Answer
from strongroom_service.http.exchange import token_of
from strongroom_service.http.stages.wrapping import VAULT_HEADER, vault_wrap_info
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import answered, invalid, timestamp
from strongroom_service.vault_api.sys.route import SysRoute


def wrap(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """The body, put away to be opened once; the stage that wraps any answer does it."""
    if not call.headers.get(VAULT_HEADER):
        raise invalid("the header X-Vault-Wrap-TTL says for how long to wrap the body; it is missing")
    return answered(call, call.body)


def unwrap(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """What is in a wrap, as it would have been answered."""
    try:
        opened = call.service.wraps.unwrap(_token(call), call.caller)
    except (UnknownThing, WrapOpened) as refusal:
        raise _unusable(refusal) from None
    if opened.is_vault:
        return Answer({**opened.value, "request_id": call.request_id})
    value = opened.value
    return answered(call, value if isinstance(value, dict) else {"value": value})


def lookup(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """What a wrap is of, without opening it."""
    try:
        info = call.service.wraps.lookup(_token(call))
    except (UnknownThing, WrapOpened) as refusal:
        raise _unusable(refusal) from None
    data = {
        "creation_path": info.creation_path,
        "creation_time": timestamp(info.creation_time),
        "creation_ttl": int(info.ttl.total_seconds()),
    }
    return answered(call, data)


def rewrap(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """Another token for what is in a wrap."""
    try:
        info = call.service.wraps.rewrap(_token(call), call.caller)
    except (UnknownThing, WrapOpened) as refusal:
        raise _unusable(refusal) from None
    envelope: dict[str, Any] = dict(answered(call, None).value)  # type: ignore[arg-type]
    return Answer({**envelope, "wrap_info": vault_wrap_info(info)})


ROUTES = (
    SysRoute("wrapping/wrap", {Operation.UPDATE: wrap}),
    SysRoute("wrapping/unwrap", {Operation.UPDATE: unwrap}, is_open=True),
    SysRoute("wrapping/lookup", {Operation.UPDATE: lookup, Operation.READ: lookup}, is_open=True),
    SysRoute("wrapping/rewrap", {Operation.UPDATE: rewrap}),
)
"""Whoever has a wrapping token needs no other one to open it."""


def _token(call: VaultCall) -> str:
    """The wrapping token: in the body, or in the place of the caller's own."""
    text = fields.text(call.body, "token", "", longest=512) or token_of(call.headers)
    if not text:
        raise invalid("missing token")
    return text


def _unusable(refusal: UnknownThing | WrapOpened) -> InvalidRequest:
    made = invalid(f"wrapping token is not valid or does not exist: {refusal}")
    made.is_recorded = getattr(refusal, "is_recorded", False)
    return made
