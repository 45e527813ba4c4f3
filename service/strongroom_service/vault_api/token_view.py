"""Tokens as Vault shows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from strongroom_service.durations import whole_seconds
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.service import Service
from strongroom_service.vault_api.envelope import timestamp


def auth_of(service: Service, accessor: str, record: TokenRecord, text: str) -> dict[str, Any]:
    """What a login, and the making of a token, answers.

    :param text: that of the token, empty where whoever asks does not have it.
    """
    policies = sorted(service.tokens.policies_of(record))
    return {
        "client_token": text,
        "accessor": accessor,
        "policies": policies,
        "token_policies": policies,
        "metadata": dict(record.metadata) or None,
        "lease_duration": seconds_left(record, service.now()),
        "renewable": record.renewable,
        "entity_id": "",
        "token_type": "service",
        "orphan": record.orphan,
        "mfa_requirement": None,
        "num_uses": record.uses or 0,
    }


def shown(service: Service, accessor: str, record: TokenRecord, text: str = "") -> dict[str, Any]:
    """What is said of a token that is looked up."""
    data: dict[str, Any] = {
        "accessor": accessor,
        "creation_time": int(record.created.timestamp()),
        "creation_ttl": whole_seconds(record.period or record.ttl),
        "display_name": record.name or "token",
        "entity_id": "",
        "expire_time": timestamp(record.expires) or None,
        "explicit_max_ttl": whole_seconds(record.max_ttl),
        "id": text,
        "issue_time": timestamp(record.created),
        "meta": dict(record.metadata) or None,
        "num_uses": record.uses or 0,
        "orphan": record.orphan,
        "path": record.path,
        "policies": sorted(service.tokens.policies_of(record)),
        "renewable": record.renewable,
        "ttl": seconds_left(record, service.now()),
        "type": "service",
    }
    if record.period:
        data["period"] = whole_seconds(record.period)
    if record.renewed:
        data |= {"last_renewal": timestamp(record.renewed), "last_renewal_time": int(record.renewed.timestamp())}
    if record.bounds:
        data["bound_cidrs"] = list(record.bounds)
    return data


def seconds_left(record: TokenRecord, now: datetime) -> int:
    """How long a token has, in whole seconds, rounded up; 0 where it has no end."""
    if record.expires is None:
        return 0
    return max(0, -((now - record.expires) // timedelta(seconds=1)))
