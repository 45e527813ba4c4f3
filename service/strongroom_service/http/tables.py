"""All routes of the service, module by module."""

from __future__ import annotations

from importlib import import_module

from strongroom_service.http.route import Route

MODULES: tuple[str, ...] = (
    "api.approvals",
    "api.audit",
    "api.auth",
    "api.credentials",
    "api.documents",
    "api.events",
    "api.identities",
    "api.keys",
    "api.lease_roles",
    "api.leases",
    "api.policies",
    "api.policy_questions",
    "api.protections",
    "api.reference",
    "vault_api.entry",
    "api.sealing",
    "api.tokens",
    "api.workspaces",
    "api.wraps",
)
"""Each exports ``ROUTES``."""


def all_routes() -> list[Route]:
    """The routes of all modules."""
    return [route for module in MODULES for route in import_module(f"strongroom_service.{module}").ROUTES]
