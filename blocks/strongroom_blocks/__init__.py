"""Blocks: typed, encrypted, versioned documents, loaded by name. ``strongroom`` re-exports what users need.

The names below are loaded when they are first asked for: who needs redaction alone gets no model built.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_blocks.block import Block as Block
    from strongroom_blocks.extras import require_extra as require_extra
    from strongroom_blocks.origin import reference_of as reference_of
    from strongroom_blocks.redaction import redactor as redactor
    from strongroom_blocks.secrets import PRIVATE as PRIVATE
    from strongroom_blocks.secrets import PUBLIC as PUBLIC
    from strongroom_blocks.secrets import SecretDict as SecretDict
    from strongroom_blocks.secrets import reveal as reveal
    from strongroom_blocks.sources.secret_reference import arefresh as arefresh
    from strongroom_blocks.sources.secret_reference import refresh as refresh
    from strongroom_blocks.sources.secret_reference import secret_from as secret_from

_HOMES = {
    "Block": "block",
    "PRIVATE": "secrets",
    "PUBLIC": "secrets",
    "SecretDict": "secrets",
    "arefresh": "sources.secret_reference",
    "redactor": "redaction",
    "reference_of": "origin",
    "require_extra": "extras",
    "refresh": "sources.secret_reference",
    "reveal": "secrets",
    "secret_from": "sources.secret_reference",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
