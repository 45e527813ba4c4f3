"""The kinds of secret fields, and the one way out of them.

``SecretStr``, ``SecretBytes`` and ``pydantic.Secret[T]`` come from pydantic; :class:`SecretDict` is a mapping whose
values are secret. They show stars wherever they are shown or dumped; :func:`reveal` is the door with a name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, KeysView, Mapping
from typing import Any, TypeVar, overload

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic import Secret as SecretField

__all__ = ["PRIVATE", "PUBLIC", "STARS", "SecretBytes", "SecretDict", "SecretField", "SecretStr", "plain", "reveal"]

T = TypeVar("T")

STARS = "**********"


class Visibility:
    """A mark in ``Annotated[...]`` that decides whether a field stands in the public projection."""

    __slots__ = ("public",)

    def __init__(self, public: bool) -> None:
        self.public = public

    def __repr__(self) -> str:
        return "PUBLIC" if self.public else "PRIVATE"


PUBLIC = Visibility(True)
"""``Annotated[dict[str, Any], PUBLIC]``: declares a field of open type non-secret, so that listings may show it."""
PRIVATE = Visibility(False)
"""``Annotated[str, PRIVATE]``: keeps a field out of the public projection though its type is harmless."""


class SecretDict(SecretField[dict[str, Any]]):
    """A mapping with names that may be shown and values that may not, such as the headers of a request."""

    def keys(self) -> KeysView[str]:
        """The names, which are no secret."""
        return self._secret_value.keys()

    def __getitem__(self, name: str) -> SecretField[Any]:
        value = self._secret_value[name]
        return value if isinstance(value, SecretField) else SecretField[Any](value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._secret_value)

    def __contains__(self, name: object) -> bool:
        return name in self._secret_value

    def __len__(self) -> int:
        return len(self._secret_value)

    def _display(self) -> str:
        return str(dict.fromkeys(self._secret_value, STARS)) if self._secret_value else ""


SECRET_KINDS = (SecretStr, SecretBytes, SecretField)
"""What ``isinstance`` and ``issubclass`` ask to know a secret kind."""


def held(secret: Any) -> Any:
    """What a secret holds here, without asking anybody: its plain value, in which references to secrets stay such.

    A reference holds nothing but itself.
    """
    sources = sys.modules.get("strongroom_blocks.sources.secret_reference")
    if sources is not None and isinstance(secret, sources.Referenced):
        return secret
    if sources is not None and isinstance(secret, sources.HoldsReferences):
        return secret._secret_value
    return secret.get_secret_value()


@overload
def reveal(value: SecretStr) -> str: ...
@overload
def reveal(value: SecretBytes) -> bytes: ...
@overload
def reveal(value: SecretField[T]) -> T: ...
def reveal(value: Any) -> Any:
    """The plain value of a secret field. Whatever it hands out is masked in logs and tracebacks from then on.

    :raises TypeError: ``value`` is no secret.
    """
    if not isinstance(value, SECRET_KINDS):
        raise TypeError(f"Only a secret can be revealed, not {type(value).__name__}.")
    return value.get_secret_value()


def plain(value: Any) -> Any:
    """``value`` with every secret in it in clear: models as mappings, sets as lists, at any depth. Handle with care."""
    if isinstance(value, SECRET_KINDS):
        return plain(reveal(value))
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value
