"""A module that tells type checkers which blocks there are, and as which class each one loads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_blocks import Block
    from strongroom_registry.document import Head
    from strongroom_registry.registry import Registry

MARK = "# Written by `strongroom typegen`; do not edit."
STANDING_LABELS = ("latest", "pending", "previous")
"""Labels that come and go by themselves: they are always known, so that no rotation makes the module stale."""
FEWEST_VERSIONS = 8
MOST_VERSIONS = 64

_HEAD = '''\
{mark}
"""Which blocks there are, and as which class each one loads. {how}

A name that is not here, or a class that does not fit, is an error to mypy and pyright.
"""

# ruff: noqa
# fmt: off

from __future__ import annotations

from typing import {typing}

from strongroom import Block
{imports}'''

_BODY = '''
__all__ = ["BlockName", "aload", "load"]

_TYPES: dict[str, str] = {{{types}}}

BlockName = {names}
"""The names themselves, for annotations."""
{aliases}
{load}

{aload}


def _reference(reference: str, at: int | str | None) -> str:
    """With the type before it, so that what comes is what the type checker was told."""
    slug = _TYPES.get(reference.partition("@")[0])
    return (f"{{slug}}/" if slug else "") + reference + ("" if at is None else f"@{{at}}")
'''

_TOLD = "Load a block by name, ``name@3`` or ``name@label``; ``at`` takes any other version or label."
_FUNCTION = """
{decorator}{kind} {name}(reference: {reference}, *, at: int | str | None = None) -> {result}:{body}
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A block as the module speaks of it: where its class is found, None where it is nowhere to be imported from."""

    name: str
    slug: str
    current: int
    labels: tuple[str, ...]
    home: tuple[str, str, int] | None

    def references(self) -> list[str]:
        """All that may be written for it. Versions are told up to a power of two, so that a new one seldom adds any."""
        bound = max(FEWEST_VERSIONS, 1 << (self.current - 1).bit_length())
        versions = range(max(1, bound - MOST_VERSIONS + 1), bound + 1)
        labels = sorted({*STANDING_LABELS, *self.labels})
        return [self.name, f"{self.slug}/{self.name}", *(f"{self.name}@{at}" for at in (*labels, *versions))]


def known_blocks(registry: Registry, glob: str = "*") -> tuple[list[Known], list[Head]]:
    """The blocks of a workspace by name, and those that cannot be trusted. No block is opened."""
    heads = registry.list(glob)
    homes = {slug: _home(slug) for slug in {head.type for head in heads if head.quarantine is None}}
    known = [
        Known(head.name, head.type, head.current, tuple(head.labels), homes[head.type])
        for head in heads
        if head.quarantine is None
    ]
    return known, [head for head in heads if head.quarantine is not None]


def _home(slug: str) -> tuple[str, str, int] | None:
    """Module, qualified name and number of type parameters of a type's class, where a checker can follow them."""
    from strongroom_blocks.catalog import class_for
    from strongroom_blocks.errors import AmbiguousBlockType, UnknownBlockType

    import strongroom

    try:
        cls: type[Block] = class_for(slug)
    except (UnknownBlockType, AmbiguousBlockType, ImportError):
        return None
    words = [*cls.__module__.split("."), *cls.__qualname__.split(".")]
    if cls.__module__ == "__main__" or not all(word.isidentifier() and not iskeyword(word) for word in words):
        return None
    module = cls.__module__
    if module.startswith("strongroom_blocks.") and getattr(strongroom, cls.__qualname__, None) is cls:
        module = "strongroom"
    return module, cls.__qualname__, len(cls.__pydantic_generic_metadata__["parameters"])


def module_text(blocks: Iterable[Known], how: str) -> str:
    """The module's source, the same for the same blocks.

    :param how: what to say of where it comes from, such as the command that wrote it.
    """
    blocks = sorted(blocks, key=lambda block: block.name)
    homes = {block.slug: block.home for block in blocks}
    modules = sorted({home[0] for home in homes.values() if home is not None} - {"strongroom"})
    public = sorted({home[1].partition(".")[0] for home in homes.values() if home and home[0] == "strongroom"})
    lines = [f"from strongroom import {name} as _{name}" for name in public] + [f"import {name}" for name in modules]
    imports = "\nif TYPE_CHECKING:" + _lines(lines) if lines else ""
    aliases = {slug: f"_{index}" for index, slug in enumerate(sorted(homes))}
    body = _BODY.format(
        types=_lines(f'"{block.name}": "{block.slug}",' for block in blocks),
        names=_literal([block.name for block in blocks]),
        aliases="".join(_alias(aliases[slug], slug, blocks) for slug in sorted(homes)),
        load="".join(_functions("def", "load", homes, aliases)).strip("\n"),
        aload="".join(_functions("async def", "aload", homes, aliases)).strip("\n"),
    )
    used = [name for name in ("TYPE_CHECKING", "Any", "Literal", "Never", "cast", "overload") if name in imports + body]
    return _HEAD.format(mark=MARK, how=how, typing=", ".join(used), imports=imports) + body


def _lines(lines: Iterable[str]) -> str:
    text = "".join(f"\n    {line}" for line in lines)
    return f"{text}\n" if text else ""


def _literal(texts: list[str]) -> str:
    lines = _lines(f'"{text}",' for text in texts)
    return f"Literal[{lines}]" if texts else "Never"


def _alias(alias: str, slug: str, blocks: Iterable[Known]) -> str:
    """``_0 = Literal[…]``: every reference to a block of one type, a block a line."""
    lines = (
        ", ".join(f'"{reference}"' for reference in block.references()) + "," for block in blocks if block.slug == slug
    )
    return f"\n{alias} = Literal[  # {slug}{_lines(lines)}]\n"


def _functions(
    kind: str, name: str, homes: dict[str, tuple[str, str, int] | None], aliases: dict[str, str]
) -> Iterator[str]:
    """One overload a type, where there are two or more, and the function itself."""
    several = len(homes) > 1
    for slug in sorted(homes) if several else ():
        result = _class(homes[slug])
        yield _FUNCTION.format(
            decorator="@overload\n", kind=kind, name=name, reference=aliases[slug], result=result, body=" ..."
        )
    reference, result = "str" if several else "Never", "Block"
    if len(homes) == 1:
        ((slug, home),) = homes.items()
        reference, result = aliases[slug], _class(home)
    called = f"{'await ' if name == 'aload' else ''}Block.{name}(_reference(reference, at))"
    returned = called if result == "Block" else f'cast("{result}", {called})'
    body = f'\n    """{_TOLD}"""\n    return {returned}'
    yield _FUNCTION.format(decorator="", kind=kind, name=name, reference=reference, result=result, body=body)


def _class(home: tuple[str, str, int] | None) -> str:
    if home is None:
        return "Block"
    module, name, parameters = home
    prefix = "_" if module == "strongroom" else f"{module}."
    return f"{prefix}{name}" + (f"[{', '.join(['Any'] * parameters)}]" if parameters else "")
