"""What a block type can do: the capabilities that its methods amount to."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_blocks import Block

_MODULES = ("strongroom_blocks.capabilities", "strongroom_blocks.object_powers")


def capabilities_of(cls: type[Block]) -> list[str]:
    """The names of the capabilities that a type has, and of the powers that not all with a capability have:
    ``["ObjectStore", "Checkable", "Versioned"]``."""
    found: dict[str, Any] = {
        name: value
        for module in map(import_module, _MODULES)
        for name, value in vars(module).items()
        if getattr(value, "_is_protocol", False) and getattr(value, "_is_runtime_protocol", False)
    }
    follows = {name: protocol for name, protocol in found.items() if _follows(cls, protocol)}
    more = {base for protocol in follows.values() for base in protocol.__mro__[1:]}
    return [name for name, protocol in follows.items() if protocol not in more]


def _follows(cls: type[Block], protocol: Any) -> bool:
    """Whether the class has every name that the protocol asks for; an instance need not be made to know."""
    wanted = {
        name
        for base in protocol.__mro__
        if getattr(base, "_is_protocol", False) and base.__module__ != "typing"
        for name in (*vars(base), *vars(base).get("__annotations__", {}))
        if not name.startswith("_")
    }
    return bool(wanted) and all(hasattr(cls, name) or name in cls.model_fields for name in wanted)
