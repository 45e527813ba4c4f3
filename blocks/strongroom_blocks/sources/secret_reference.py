"""What stands in a secret field in place of a secret: where it is kept, to be fetched when it is revealed.

A reference is a ``SecretStr``, ``SecretBytes`` or ``Secret`` as its field asks for, so that code which reveals a secret
does not see a difference. It shows its text in ``repr`` and stars elsewhere, equals a reference of the same text, and
is asked for its value by nothing but :meth:`get_secret_value`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic import Secret as SecretField

from strongroom_blocks.frames import without_frames
from strongroom_blocks.secrets import SECRET_KINDS, STARS, held
from strongroom_blocks.twins import async_twin

if TYPE_CHECKING:
    from strongroom_blocks.sources.acceptance import Place


class Referenced:
    """The part of a reference that is the same whatever kind of secret it stands for."""

    made = False
    """Whether this process has any reference: who has none is spared looking for them."""

    text: str
    place: Place | None
    siblings: tuple[str, ...]

    def __init__(self, text: str, place: Place | None = None) -> None:
        Referenced.made = True
        self.text = text
        self.place = place
        self.siblings = ()

    @property
    def scheme(self) -> str:
        """The scheme of the source."""
        return self.text.partition(":")[0]

    def get_secret_value(self) -> Any:
        """The secret, fetched if it is not at hand.

        :raises SourceProblem: the source has none for us, or no answer; or it does not fit the field.
        """
        asker = sys._getframe(1).f_code
        if asker is _serializer_code():
            return STARS  # a dump asks whether there is something to hide
        if asker is _validator_code():
            raise ValueError(
                f"a reference to a secret ({self.text}) cannot stand in a Secret[...] of a model that is no block; "
                "give the block that model's fields as a dict"
            )
        return self._revealed()

    @without_frames
    def _revealed(self) -> Any:
        from strongroom_blocks.sources.resolver import resolver

        return self.fit(resolver.reveal(self.text, self.siblings))

    def fit(self, found: str | bytes) -> Any:
        """What the source has, as the field wants it.

        :raises SecretUnfit: it does not fit.
        """
        if self.place is not None:
            return self.place.fit(found, self.text)
        if isinstance(self, SecretBytes) and not isinstance(self, SecretStr):
            return found.encode("utf-8", "surrogatepass") if isinstance(found, str) else found
        from strongroom_blocks.sources.acceptance import as_text

        return as_text(found, self.text)

    def _display(self) -> Any:
        return STARS

    def __repr__(self) -> str:
        return f"secret_from({self.text!r})"

    def __str__(self) -> str:
        return STARS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Referenced) and self.text == other.text

    def __hash__(self) -> int:
        return hash(("secret_from", self.text))

    def __copy__(self) -> Referenced:
        return self

    def __deepcopy__(self, memo: Any) -> Referenced:
        return self

    def __bool__(self) -> bool:
        return True  # there is something; whether it is empty is not asked for that

    def __len__(self) -> int:
        return len(self._revealed())

    def __getattr__(self, name: str) -> Any:
        if name == "_secret_value":  # what the methods of pydantic's classes and of SecretDict read
            return self._revealed()
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        place = self.place
        if type(self) is SecretReference or (place is not None and not place.bare and not place.can_be_found):
            return SecretReference, (self.text,)
        if place is not None and not place.bare:
            return _placed, (place.owner, place.number, place.kind, self.text)
        return _of_kind, (place.kind if place is not None else type(self).__mro__[2], self.text)


class SecretReference(Referenced, SecretStr, SecretBytes, SecretField[Any]):
    """A reference that no field of a block has taken in yet, or one of open type; it is revealed as text."""


class HoldsReferences:
    """The part of a ``Secret[dict]``, ``SecretDict`` and the like, inside of which references stand for values."""

    _secret_value: Any

    def get_secret_value(self) -> Any:
        """The value, with a secret in place of every reference."""
        if sys._getframe(1).f_code is _validator_code():
            return self._secret_value
        return _opened(self._secret_value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HoldsReferences) and bool(self._secret_value == other._secret_value)

    def __hash__(self) -> int:
        return hash(self._secret_value)

    def __reduce__(self) -> tuple[Any, ...]:
        kind = next(base for base in type(self).__mro__ if base is not type(self) and issubclass(base, SecretField))
        return _holding, (kind, self._secret_value)


def _placed(owner: type[BaseModel], number: int, kind: type, text: str) -> Referenced:
    from strongroom_blocks.sources.acceptance import reference_at

    return reference_at(owner, number, kind, text)


def _of_kind(kind: type, text: str) -> Referenced:
    return referenced_class(kind)(text)


def _holding(kind: Any, value: Any) -> Any:
    return holding_class(kind)(value)


@cache
def referenced_class(kind: type) -> type[Referenced]:
    """The class of references that are instances of ``kind``, too."""
    return type(f"{kind.__name__}ByReference", (Referenced, kind), {"__module__": __name__})


@cache
def holding_class(kind: Any) -> type[Any]:
    """The class of secrets of this kind that have references inside."""
    own: dict[str, Any] = {"__module__": __name__}
    if kind._display is SecretField._display:  # which asks for the value to see whether it is empty
        own["_display"] = lambda self: STARS
    return type(kind.__name__, (HoldsReferences, kind), own)


@without_frames
def _opened(value: Any) -> Any:
    """The value with each :class:`SecretReference` in its containers revealed, each source asked once."""
    loose = list(_loose(value))
    if not all(reference.siblings for reference in loose):
        introduce(loose)
    return _replaced(value)


def _loose(value: Any) -> Iterator[SecretReference]:
    if isinstance(value, SecretReference):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _loose(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _loose(item)


def _replaced(value: Any) -> Any:
    if isinstance(value, SecretReference):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: _replaced(item) for key, item in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_replaced(item) for item in value)
    return value


def has_loose(value: Any) -> bool:
    """Whether containers hold references that no field of their own has taken in."""
    return any(True for _ in _loose(value))


@without_frames
def secret_from(reference: str) -> Any:
    """A secret that stays where it is: give it to any secret field of a block in place of the value.

        Crm(url="https://crm.example", token=secret_from("vault:kv/crm#token"))

    What is saved is the reference. The secret is fetched when it is revealed, and kept in memory for the time that the
    source declares. Its type is ``Any``, so that a field keeps the type that it declares.

    :param reference: a scheme, a colon and what that source names the secret by: ``env:NAME``, ``file:/path``, …
    :raises InvalidSecretReference: no source has this scheme, or it does not understand the reference.
    """
    from strongroom_blocks.sources import registered

    registered.check(reference)
    return SecretReference(reference)


def references_in(value: Any) -> Iterator[Referenced]:
    """Every reference that a block, model, container or secret holds, at any depth."""
    return (reference for _, reference in located(value))


def located(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Referenced]]:
    """Every reference with the dotted path that leads to it: ``auth.password``, ``headers.X-Api-Key``, ``tokens.0``."""
    if isinstance(value, Referenced):
        yield path, value
    elif depth > 64 or type(value) in _PLAIN:
        return
    elif isinstance(value, SECRET_KINDS):
        yield from located(held(value), path, depth + 1)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from located(key, f"{path}.*" if path else "*", depth + 1)
            yield from located(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            yield from located(item, f"{path}.{index}" if path else str(index), depth + 1)
    elif isinstance(value, BaseModel):
        yield from located(value.__dict__, path, depth + 1)
        yield from located(value.__pydantic_extra__ or {}, path, depth + 1)
    elif hasattr(type(value), "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from located(getattr(value, name, None), f"{path}.{name}" if path else name, depth + 1)


_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


def holds_reference(value: Any) -> bool:
    """Whether a value holds a reference, at any depth. Costs nothing in a process that has none."""
    return Referenced.made and _holds(value, 0)


def _holds(value: Any, depth: int) -> bool:
    """As ``any(located(value))``, without making up paths: it is asked for every block that is made."""
    if type(value) in _PLAIN or depth > 64:
        return False
    if isinstance(value, Referenced):
        return True
    if isinstance(value, SECRET_KINDS):
        return _holds(held(value), depth + 1)
    if isinstance(value, Mapping):
        return any(_holds(item, depth + 1) or _holds(key, depth + 1) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds(item, depth + 1) for item in value)
    if isinstance(value, BaseModel):
        return _holds(value.__dict__, depth + 1) or _holds(value.__pydantic_extra__, depth + 1)
    if hasattr(type(value), "__dataclass_fields__"):
        return any(_holds(getattr(value, name, None), depth + 1) for name in value.__dataclass_fields__)
    return False


def introduce(references: Iterable[Referenced]) -> None:
    """Have references that stand in one block fetched together."""
    together = list(references)
    texts = tuple(dict.fromkeys(reference.text for reference in together))
    for reference in together:
        reference.siblings = texts


@without_frames
def refresh(value: Any) -> bool:
    """Fetch anew what the references in ``value`` name: for after a login that failed, before it is tried once more.

        try:
            connection = connect(crm)
        except LoginRefused:
            if not refresh(crm):
                raise
            connection = connect(crm)

    :param value: a block, a secret field of one, or anything that holds some.
    :returns: whether any secret is another one than this process had; False where it had none.
    :raises SourceProblem: a source refused or did not answer. The former secret is no longer used then.
    """
    from strongroom_blocks.sources.resolver import resolver

    texts = [reference.text for reference in references_in(value)]
    return resolver.renew(texts) if texts else False


arefresh = async_twin(refresh)
"""The asynchronous twin of :func:`refresh`: also a way to fetch ahead what a task will reveal."""


@cache
def _serializer_code() -> Any:
    """The code with which pydantic writes a ``SecretStr`` as JSON: it asks for the value to see whether it is empty."""
    from strongroom_blocks.sources.pydantic_secrets import serializer_code

    return serializer_code()


@cache
def _validator_code() -> Any:
    """The code with which pydantic takes a ``Secret[T]`` in: it asks for the value to validate it anew."""
    from strongroom_blocks.sources.pydantic_secrets import validator_code

    return validator_code()
