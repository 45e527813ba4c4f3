"""Secret kinds, and the way out of them, for collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from strongroom_blocks.secrets import SECRET_KINDS, reveal


def plain(value: Any) -> Any:
    """``value`` with every secret in it in clear: models as mappings, at any depth. Handle with care."""
    if isinstance(value, SECRET_KINDS):
        return plain(reveal(value))
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
