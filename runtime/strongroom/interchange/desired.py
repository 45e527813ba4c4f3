"""Blocks as files describe them, for configuration that is kept under version control.

A file holds YAML documents, or JSON, each of which says what one block is to be::

    name: prod-crm
    type: crm-api
    labels: [stable]
    fields:
      base_url: https://crm.example.com
      token: {$source: "vault:kv/crm#token"}
      store: {$block: lake}

``$source`` points at a secret that stays elsewhere, ``$block`` at a block of the files or of the registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from strongroom_blocks import origin
from strongroom_blocks.frames import without_frames
from strongroom_blocks.nesting import resolve
from strongroom_blocks.secrets import SECRET_KINDS, held
from strongroom_blocks.sources.secret_reference import Referenced
from strongroom_registry.document import Reference, check_label, check_name
from strongroom_registry.errors import StrongroomError

from strongroom.errors import UnfitDocument
from strongroom.interchange.found import FoundDocument, FoundReference
from strongroom.interchange.plan import Action, BlockWrite, Step, planned
from strongroom.interchange.strict_reading import read_file, read_json, read_yaml

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry

_KEYS = ("name", "type", "fields", "labels", "message")
_SHAPES = {dict: "mapping", list: "list of texts", str: "text"}


@dataclass(frozen=True, slots=True)
class Desired:
    """What a file says of one block. ``where`` is the file and the number of the document in it, for errors."""

    where: str
    name: str
    type: str
    labels: tuple[str, ...]
    message: str
    fields: Mapping[str, Any] = field(repr=False)


@without_frames
def read_desired(paths: Sequence[str]) -> list[Desired]:
    """What files say, whole; ``-`` is standard input.

    :raises UnreadableFile: a file is neither YAML nor JSON, or refused for how it is made.
    :raises UnfitDocument: a document lacks something, has a key too many, or a name that another one has.
    """
    found: dict[str, Desired] = {}
    for path in paths:
        for number, content in enumerate(_contents(path), 1):
            desired = _desired(content, f"Document {number} of {'standard input' if path == '-' else path}")
            if desired.name in found:
                other = found[desired.name].where.replace("D", "d", 1)
                raise UnfitDocument(
                    f"{desired.where} is about {desired.name}, and so is {other}.",
                    "Leave one of them.",
                )
            found[desired.name] = desired
    return list(found.values())


@without_frames
def planned_changes(
    registry: Registry, desired: Sequence[Desired], *, message: str = "", allow_plain: bool = False
) -> list[Step]:
    """What is to be done so that the registry has what the files say. Writes nothing.

    :param registry: the current registry.
    :param message: what new versions say in the history, where the document has no message of its own.
    :param allow_plain: let secrets stand in the files in clear.
    :raises UnfitDocument: a document cannot become a block as it stands, or holds a secret in clear.
    :raises StrongroomError: what it refers to is not there.
    """
    names = {item.name for item in desired}
    found = [
        FoundDocument(item.name, item.name, item.type, _linked(item, names), item.message or message)
        for item in desired
    ]
    labels = {item.name: item.labels for item in desired}
    steps = planned(registry, found, overwrite=True, message=message, labels=labels)
    wheres = {item.name: item.where for item in desired}
    for step in steps:
        if step.action in (Action.SKIP, Action.CONFLICT):
            reason = step.reason.rstrip(".")
            raise UnfitDocument(f"{wheres[step.source]}, {step.source}, cannot be saved: {reason}.", "Correct it.")
        if not allow_plain and isinstance(step.write, BlockWrite):
            _refuse_plain(step, wheres[step.source], step.write.block)
    return steps


@dataclass(frozen=True, slots=True)
class DeleteWrite:
    """A document to delete."""

    message: str
    needs: frozenset[str] = frozenset()

    def run(self, registry: Registry, step: Step) -> int | None:
        assert step.name is not None  # noqa: S101  nothing is deleted without one
        return registry.delete(step.name, message=self.message).current


def pruned(registry: Registry, desired: Sequence[Desired], globs: Sequence[str], message: str) -> list[Step]:
    """The deletion of every block whose name fits a glob and of which no file says anything; users come before what
    they use."""
    wanted = {item.name for item in desired}
    heads = {head.name: head for glob in globs for head in registry.list(glob) if head.name not in wanted}
    ordered: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        for text in heads[name].references:
            used = Reference.parse(text).name
            if used in heads and used not in above:
                visit(used, (*above, name))
        ordered.setdefault(name)

    for name in sorted(heads):
        visit(name, (name,))
    return [
        Step("not in the files", name, heads[name].type, Action.DELETE, "", heads[name].current, DeleteWrite(message))
        for name in reversed(ordered)
    ]


def _contents(path: str) -> list[Any]:
    text = read_file(path)
    if path.endswith(".json"):
        content = read_json(text, path)
        return content if isinstance(content, list) else [content]
    return [item for value in read_yaml(text, path) for item in (value if isinstance(value, list) else [value])]


def _desired(content: Any, where: str) -> Desired:
    if not isinstance(content, dict):
        raise UnfitDocument(f"{where} is no description of a block.", "Write name:, type: and fields:")
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        near = get_close_matches(unknown[0], _KEYS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(_KEYS)}; the rest goes below fields."
        raise UnfitDocument(f"{where} has a key that is none of a description.", hint)
    name, slug = content.get("name"), content.get("type")
    if not isinstance(name, str) or not isinstance(slug, str):
        raise UnfitDocument(f"{where} does not say its name and type.", "Write name: my-block and type: secret")
    fields, labels, message = content.get("fields"), content.get("labels"), content.get("message")
    if (
        not isinstance(fields, dict | None)
        or not isinstance(labels, list | None)
        or not isinstance(message, str | None)
    ):
        raise UnfitDocument(
            f"{where} has fields, labels or a message of another shape.",
            "fields: is a mapping, labels: a list of texts",
        )
    try:
        checked = tuple(check_label(label) for label in labels or ())
        return Desired(where, check_name(name), slug, checked, message or "", fields or {})
    except StrongroomError as error:
        problem, remedy = error.problem, error.remedy
    raise UnfitDocument(f"{where}: {problem}", remedy)


def _linked(item: Desired, names: set[str]) -> dict[str, Any]:
    """The fields with blocks and references to secrets in the place of what stands for them."""
    try:
        linked: dict[str, Any] = _link(item.fields, names)
        return linked
    except StrongroomError as error:
        problem, remedy = error.problem, error.remedy
    raise UnfitDocument(f"{item.where}, {item.name}, cannot be saved: {problem}", remedy)


def _link(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$block"} and isinstance(value["$block"], str):
            reference = Reference.parse(value["$block"])
            if reference.name in names and reference.version is None and reference.label is None:
                return FoundReference(reference.name)
            return resolve(value)
        if value.keys() == {"$source"}:
            return resolve(value)
        return {key: _link(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_link(inner, names) for inner in value]
    return value


def _refuse_plain(step: Step, where: str, block: BaseModel) -> None:
    plain = sorted(set(_plain_secrets(block, "")))
    if plain:
        raise UnfitDocument(
            f"{where}, {step.name}, holds a secret in clear: {', '.join(plain)}.",
            'Point at it: {$source: "env:NAME"} or another source; --allow-plain-secrets takes it as it is.',
        )


def _plain_secrets(value: Any, path: str, depth: int = 0) -> Iterator[str]:
    """The paths of the secrets that were given in clear; those that are a type's defaults are in no file."""
    if isinstance(value, Referenced) or depth > 64:
        return
    if isinstance(value, SECRET_KINDS):
        yield from _plain_parts(held(value), path)
    elif isinstance(value, BaseModel):
        if hasattr(type(value), "__block__") and path and origin.of(value) is not None:  # type: ignore[arg-type]
            return
        for name in sorted(value.model_fields_set):
            yield from _plain_secrets(getattr(value, name, None), f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _plain_secrets(inner, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _plain_secrets(inner, f"{path}.*", depth + 1)


def _plain_parts(plain: Any, path: str) -> Iterator[str]:
    """Of a secret mapping, the names whose values stand in clear."""
    if isinstance(plain, Mapping):
        for key, inner in plain.items():
            yield from _plain_parts(inner, f"{path}.{key}")
    elif not isinstance(plain, Referenced) and plain not in (None, "", b""):
        yield path
