"""The engines, by the types of mounts that they answer for, and the mounts themselves."""

from __future__ import annotations

from functools import cache

from strongroom_service.vault_api.mount import Engine, Mount, MountTable

BLOCKS = Mount(
    path="blocks",
    type="blocks",
    accessor="blocks-0",
    uuid="00000000-0000-0000-0000-000000000001",
    description="the blocks of all workspaces, to be read as KV version 2",
    options={"version": "2"},
)
TOKEN = Mount(
    path="token",
    type="token",
    accessor="token-0",
    uuid="00000000-0000-0000-0000-000000000002",
    description="token based credentials",
)

SECRETS = MountTable("mount", (BLOCKS,))
"""The mounts of secrets, at ``/v1/<path>``."""
AUTH = MountTable("auth-mount", (TOKEN,))
"""The mounts of auth methods, at ``/v1/auth/<path>``."""


@cache
def secret_engines() -> dict[str, Engine]:
    """What answers beneath mounts of secrets."""
    from strongroom_service.vault_api.blocks.engine import BlocksEngine
    from strongroom_service.vault_api.kv.engine import KvEngine
    from strongroom_service.vault_api.transit.engine import Transit

    return {"kv": KvEngine(SECRETS), "blocks": BlocksEngine(), "transit": Transit()}


@cache
def auth_engines() -> dict[str, Engine]:
    """What answers beneath mounts of auth methods."""
    from strongroom_service.vault_api.acl.policies import POLICIES
    from strongroom_service.vault_api.approle import AppRoleAuth
    from strongroom_service.vault_api.signed_login import SignedLogin
    from strongroom_service.vault_api.token import TokenAuth
    from strongroom_service.vault_api.userpass import UserpassAuth

    signed = SignedLogin()
    own: dict[str, Engine] = {"token": TokenAuth(POLICIES), "approle": AppRoleAuth(), "userpass": UserpassAuth()}
    return {**own, "jwt": signed, "kubernetes": signed}
