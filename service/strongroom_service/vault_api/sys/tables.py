"""All that is beneath ``sys``, module by module."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from strongroom_service.vault_api.sys.route import SysRoute

MODULES = (
    "sys.health",
    "sys.sealing",
    "sys.mounts",
    "sys.auth",
    "sys.policies",
    "sys.capabilities",
    "sys.audit",
    "sys.leases",
    "sys.keys",
    "sys.tools",
    "wrapping",
)
"""Each exports ``ROUTES``; of two that fit a path, the first answers."""


@cache
def sys_routes() -> tuple[SysRoute, ...]:
    """The routes of all modules."""
    modules = (import_module(f"strongroom_service.vault_api.{module}") for module in MODULES)
    return tuple(route for module in modules for route in module.ROUTES)


def find(path: str) -> tuple[SysRoute, dict[str, str]] | None:
    """What answers at a path beneath ``sys``, and what stands in it for the parameters."""
    for route in sys_routes():
        values = route.values(path)
        if values is not None:
            return route, values
    return None
