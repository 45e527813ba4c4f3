"""Health, and who leads: what load balancers and clients ask before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom_service.http.call import Answer
from strongroom_service.seal.seal import SealStatus
from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.sys.route import SysRoute

API_VERSION = "1.17.0"
"""The version of Vault whose API this is a subset of."""


def version() -> str:
    """What clients are told: the version of the API, and that of Strongroom."""
    from strongroom import __version__

    return f"{API_VERSION}+strongroom.{__version__}"


def health_status(status: SealStatus, query: Mapping[str, Any]) -> int:
    """The status that tells of the server's state, which the query may choose.

    :raises InvalidRequest: it chooses no status.
    """
    name, default = "activecode", 200
    if not status.initialized:
        name, default = "uninitcode", 501
    elif status.sealed:
        name, default = "sealedcode", 503
    chosen = fields.integer(query, name, default, least=200, most=599)
    return default if chosen is None else chosen


def health_of(status: SealStatus, now: int, cluster: str = "") -> dict[str, Any]:
    """The body of an answer about health; ``now`` in seconds since 1970."""
    told: dict[str, Any] = {
        "initialized": status.initialized,
        "sealed": status.sealed,
        "standby": False,
        "performance_standby": False,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": now,
        "version": version(),
    }
    return {**told, "cluster_name": "strongroom", "cluster_id": cluster} if cluster else told


def cluster_id(service: Service) -> str:
    """The id of the registry that is served: the same for all processes that serve it."""
    return str(service.workspaces.own.store_id)


def _health(call: VaultCall, values: Mapping[str, str]) -> Answer:
    status = call.service.seal.status()
    now = int(call.service.now().timestamp())
    return Answer(health_of(status, now, cluster_id(call.service)), status=health_status(status, call.query))


def _leader(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return Answer(leader())


def leader() -> dict[str, Any]:
    """Every process that serves a registry answers everything; none leads."""
    return {
        "ha_enabled": False,
        "is_self": True,
        "leader_address": "",
        "leader_cluster_address": "",
        "performance_standby": False,
        "performance_standby_last_remote_wal": 0,
    }


ROUTES = (
    SysRoute("health", {Operation.READ: _health}, is_open=True),
    SysRoute("leader", {Operation.READ: _leader}, is_open=True),
)
