"""What a node of dbt makes in the warehouse, as an asset."""

from __future__ import annotations

import re
from typing import Any

_MADE_BY = ("model", "seed", "snapshot")
_UNFIT = re.compile(r"[\s\x00-\x1f#?&%\"'<>\[\]{}|\\^`]+")
_LONGEST_DESCRIPTION = 2000


def asset_of(node: Any, manifest: Any) -> dict[str, Any] | None:
    """What a model, seed or snapshot makes; None for what makes none, or is not to be told of.

    A project says that by dbt's own configuration: ``meta: {enable_assets: false}``, or ``prefect: {enable_assets:
    false}`` as in projects that come from there.
    """
    if manifest is None or str(getattr(node, "resource_type", "")) not in _MADE_BY or not node.relation_name:
        return None
    meta = node.config.get("meta") or {}
    if False in (meta.get("enable_assets"), (node.config.get("prefect") or {}).get("enable_assets")):
        return None
    owner = meta.get("owner")
    return {
        "key": _key(node, manifest),
        "name": _plain(node.relation_name),
        "description": (node.description or "")[:_LONGEST_DESCRIPTION],
        "owners": [str(owner)] if owner else [],
        "upstream": [_key(before, manifest) for before in _before(node, manifest)],
        "compiled_code": getattr(node, "compiled_code", None),
    }


def _before(node: Any, manifest: Any) -> list[Any]:
    known = [manifest.nodes.get(id_) or manifest.sources.get(id_) for id_ in getattr(node.depends_on, "nodes", ())]
    return [before for before in known if before is not None and getattr(before, "relation_name", None)]


def _key(node: Any, manifest: Any) -> str:
    path = "/".join(_UNFIT.sub("_", part) for part in _plain(node.relation_name).split("."))
    return f"{manifest.metadata.adapter_type or 'dbt'}://{path}"


def _plain(relation_name: str) -> str:
    return re.sub(r"[\"`\[\]]", "", relation_name)
