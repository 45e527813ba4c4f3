"""Where documents live: sealing, keys, versions, stores, audit. Knows no Block.

Most names are loaded when they are first asked for, so that whoever needs the errors alone gets no cryptography.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from strongroom_registry.current import current, set_current, using

if TYPE_CHECKING:
    from strongroom_registry.anchor import Anchor as Anchor
    from strongroom_registry.audit import AuditEntry as AuditEntry
    from strongroom_registry.audit import AuditReport as AuditReport
    from strongroom_registry.backup import back_up as back_up
    from strongroom_registry.document import Document as Document
    from strongroom_registry.document import DocumentState as DocumentState
    from strongroom_registry.document import Head as Head
    from strongroom_registry.document import Reference as Reference
    from strongroom_registry.document import Version as Version
    from strongroom_registry.document import VersionState as VersionState
    from strongroom_registry.document import check_label as check_label
    from strongroom_registry.document import check_name as check_name
    from strongroom_registry.opening import open_registry as open_registry
    from strongroom_registry.registry import Registry as Registry
    from strongroom_registry.restoring import restore_backup as restore_backup
    from strongroom_registry.restoring import verify_backup as verify_backup
    from strongroom_registry.sealer import Sealer as Sealer
    from strongroom_registry.verification import Problem as Problem
    from strongroom_registry.verification import VerifyReport as VerifyReport
    from strongroom_registry.workspaces import list_workspaces as list_workspaces
    from strongroom_registry.workspaces import new_workspace as new_workspace
    from strongroom_registry.workspaces import remove_workspace as remove_workspace

_HOMES = {
    "Anchor": "anchor",
    "AuditEntry": "audit",
    "AuditReport": "audit",
    "Document": "document",
    "DocumentState": "document",
    "Head": "document",
    "Problem": "verification",
    "Reference": "document",
    "Registry": "registry",
    "Sealer": "sealer",
    "VerifyReport": "verification",
    "Version": "document",
    "VersionState": "document",
    "back_up": "backup",
    "check_label": "document",
    "check_name": "document",
    "list_workspaces": "workspaces",
    "new_workspace": "workspaces",
    "open_registry": "opening",
    "remove_workspace": "workspaces",
    "restore_backup": "restoring",
    "verify_backup": "restoring",
}

__all__ = ["current", "set_current", "using", *_HOMES]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
