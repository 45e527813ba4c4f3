"""Reading JSON and YAML that others wrote: within caps, without a second meaning, and without quoting any of it.

Refused are duplicate keys, keys that are no text, what is nested too deep or says too much in few words (aliases that
multiply), constants that JSON does not know, and text that is no UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from strongroom.errors import UnreadableFile

if TYPE_CHECKING:
    import yaml

FILE_MAX = 64 << 20
YAML_MAX = 8 << 20
DEPTH_MAX = 64
NODES_MAX = 200_000
"""How many values one YAML file may come to, aliases followed."""


def read_file(path: str | Path) -> str:
    """The text of a file of at most 64 MiB, in UTF-8, with or without a byte order mark; ``-`` is standard input.

    :raises UnreadableFile: it is larger, no UTF-8, or no file.
    """
    import sys

    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(FILE_MAX + 1)
        else:
            with Path(path).expanduser().open("rb") as file:
                content = file.read(FILE_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        told = getattr(error, "strerror", None) or "it is no path"
        raise UnreadableFile(f"{_name(path)} cannot be read: {told}.", "Check the path.") from None
    return decoded(content, _name(path))


def decoded(content: bytes, where: str) -> str:
    """The text of what was read from ``where``; raises as :func:`read_file`."""
    if len(content) > FILE_MAX:
        raise UnreadableFile(f"{where} has more than 64 MiB.", "Split it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise UnreadableFile(f"{where} is not UTF-8.", "Convert it, as with: iconv -t UTF-8")


def read_json(text: str, where: str, *, depth: int | None = DEPTH_MAX) -> Any:
    """The value of a JSON text.

    :param depth: how deep it may be nested; None: as deep as can be read.
    :raises UnreadableFile: it is none, or one that is refused.
    """
    problem, line = "is not valid JSON", 0
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
        if depth is not None:
            check_depth(value, where)
        return value
    except json.JSONDecodeError as error:
        line = error.lineno
    except _Duplicate:
        problem = "has an object with the same key twice"
    except RecursionError:
        problem = "is nested too deep"
    except UnreadableFile:
        raise
    except ValueError:
        problem = "holds a number that cannot be read"
    raise UnreadableFile(f"{where} {problem}{f' (line {line})' if line else ''}.", "Correct it.")


def read_yaml(text: str, where: str) -> list[Any]:
    """The values of the documents in a YAML text, empty ones left out.

    :raises UnreadableFile: it is none, or one that is refused.
    """
    import yaml

    if len(text) > YAML_MAX:
        raise UnreadableFile(f"{where} has more than 8 MiB of YAML.", "Split it, or write JSON.")
    problem, line = "is not valid YAML", 0
    try:
        _check_events(text, where)
        return [value for value in _constructed(text, where) if value is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
    except _Duplicate as error:
        problem, line = "has a mapping with the same key twice", error.line
    except RecursionError:
        problem = f"is nested more than {DEPTH_MAX} deep"
    except UnreadableFile:
        raise
    except (yaml.YAMLError, ValueError, TypeError, OverflowError):
        pass
    raise UnreadableFile(f"{where} {problem}{f' (line {line})' if line else ''}.", "Correct it.")


def check_depth(value: Any, where: str) -> None:
    """Refuse what is nested more than 64 deep.

    :raises UnreadableFile: it is.
    """
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise UnreadableFile(f"{where} is nested more than {DEPTH_MAX} deep.", "Make it flatter.")
        level = [item for outer in level for item in _items(outer) if isinstance(item, dict | list)]


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class _Duplicate(Exception):
    """The same key twice; holds no key."""

    def __init__(self, line: int = 0) -> None:
        self.line = line


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Duplicate
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


def _check_events(text: str, where: str) -> None:
    """What the parser alone tells, before anything is built: depth, and how much there is."""
    import yaml

    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_loader())):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            raise UnreadableFile(f"{where} is nested more than {DEPTH_MAX} deep.", "Make it flatter.")
        if count > 2 * NODES_MAX:
            raise UnreadableFile(f"{where} holds more than {NODES_MAX:,} values.", "Split it.")


def _loader() -> type[yaml.SafeLoader]:
    """The one over libyaml where that is there: it is ten times as fast."""
    import yaml

    found: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return found


def _constructed(text: str, where: str) -> Iterator[Any]:
    loader = _loader()(text)
    left = NODES_MAX
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # noqa: S101  there is one, as it was asked for
            left -= _size(node, {})
            if left < 0:
                raise UnreadableFile(
                    f"The aliases in {where} multiply to more than {NODES_MAX:,} values.", "Write it out."
                )
            _check_keys(node, set(), where)
            value = loader.construct_document(node)
            check_depth(value, where)
            yield value
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node comes to, aliases followed; one that holds itself comes to too many."""
    found = known.get(id(node))
    if found is None:
        known[id(node)] = NODES_MAX + 1  # until it is known: so a node inside of itself is refused
        known[id(node)] = found = 1 + sum(_size(inner, known) for inner in _nodes(node))
    return found


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (key, value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_keys(node: yaml.Node, seen: set[int], where: str) -> None:
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        line = node.start_mark.line + 1
        if any(key.tag not in _TEXT_KEYS for key, _ in node.value):
            raise UnreadableFile(f"{where} has a key that is no text (line {line}).", "Put quotes around it.")
        if len(set(keys)) < len(keys):
            raise _Duplicate(line)
    for inner in _nodes(node):
        _check_keys(inner, seen, where)


_TEXT_KEYS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}


def _name(path: str | Path) -> str:
    text = str(path)
    return "Standard input" if text == "-" else f"{text!r:.200}" if not text.isprintable() else f"{text:.200}"
