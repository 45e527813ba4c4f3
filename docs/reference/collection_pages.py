"""Writes the pages in ``collections/`` from the code: ``python docs/reference/collection_pages.py``.

Not named after what it writes: a script ``collections.py`` would hide a module of the standard library from itself.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strongroom import Block
from strongroom.cli.task_sheet import task_sheet
from strongroom.cli.type_sheet import type_sheet
from strongroom.collections import Collection, collections
from strongroom.collections.found_task import tasks_of
from strongroom_blocks import catalog

FOLDER = Path(__file__).with_name("collections")
RERUN = "run: python docs/reference/collection_pages.py"

NOTE = """\
*This page is written by `python docs/reference/collection_pages.py` from the code; a test keeps it current.*
"""

INDEX = """\
# Collections

{note}
What comes with Strongroom: block types, which are saved and loaded by name, and tasks over them. `strongroom collection
show NAME` and `strongroom block types SLUG` tell the same of what is installed where they are called, collections of
others too; [write one](../../how-to/write-a-collection.md).

| collection | what it is for | block types |
|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Every page by its file."""
    ours = [found for found in collections() if found.distribution == "strongroom"]
    return {
        FOLDER / "README.md": index(ours),
        **{FOLDER / f"{found.name}.md": page(found) for found in ours},
    }


def index(found: list[Collection]) -> str:
    """The page that leads to the others."""
    rows = [
        f"| [{one.card.title}]({one.name}.md) | {one.card.purpose} | "
        f"{', '.join(f'[{slug}]({one.name}.md#{slug})' for slug in one.block_types)} |\n"
        for one in found
    ]
    return INDEX.format(note=NOTE) + "".join(rows)


def page(one: Collection) -> str:
    """The page of one collection."""
    parts = [f"# {one.card.title}\n", NOTE, f"{one.card.purpose}\n", *_facts(one)]
    if one.block_types:
        parts += ["## Blocks\n", *(line for slug in one.block_types for line in _block(slug, one))]
    tasks = [task_sheet(task) for task in tasks_of(one)]
    if tasks:
        parts += ["## Tasks\n"]
        if any(task["twin"] for task in tasks):
            parts += ["Each has an asynchronous twin, whose name has an `a` before it, unless it says otherwise.\n"]
    for module in dict.fromkeys(task["module"] for task in tasks):
        parts += [f"### {module}\n", *(line for task in tasks if task["module"] == module for line in _task(task))]
    return "\n".join(parts).rstrip() + "\n"


def _facts(one: Collection) -> Iterator[str]:
    docs = one.card.docs
    rows = {
        "install": f'`pip install "strongroom[{one.card.extra}]"`' if one.card.extra else "`pip install strongroom`",
        "import": ", ".join(f"`{package}`" for package in one.packages if package != "strongroom_blocks"),
        "keys": ", ".join(f"`{scheme}:`" for scheme in one.key_providers),
        "secret sources": ", ".join(f"`{scheme}:`" for scheme in one.secret_sources),
        "importers": ", ".join(f"`strongroom import {kind}`" for kind in one.importers),
        "read on": f"[{Path(docs).stem}](../../{docs.removeprefix('docs/')})" if docs else "",
    }
    yield from ("| | |", "|---|---|")
    yield from (f"| {name} | {text} |" for name, text in rows.items() if text)
    yield ""


def _block(slug: str, one: Collection) -> Iterator[str]:
    card = catalog.find(slug)
    sheet = type_sheet(card, [one])
    yield f"### {slug}\n"
    yield f"`{sheet['class']}`" + (f", extra `{sheet['extra']}`" if sheet["extra"] != one.card.extra else "") + "\n"
    yield f"{_markdown(sheet['description'])}\n"
    if sheet["capabilities"]:
        yield f"Can be used as: {', '.join(f'`{name}`' for name in sheet['capabilities'])}.\n"
    yield from ("| field | type | default | what it means |", "|---|---|---|---|")
    for field in sheet["fields"]:
        kind = f"{_code(field['type'])}{', secret' if field['secret'] else ''}"
        default = "required" if field["required"] else _code(field["default"])
        yield f"| `{field['field']}` | {kind} | {default} | {_cell(field['description'])} |"
    yield ""
    if sheet["code"]:
        yield f"```python\n{sheet['code']}```\n"
    methods = list(_methods(card.load()))
    if methods:
        yield from ("| method | what it does |", "|---|---|", *methods, "")


def _methods(cls: type[Block]) -> Iterator[str]:
    """The methods that a type adds to those of every block; a twin stands beside its own."""
    names = [name for name in dir(cls) if not name.startswith("_") and name not in dir(Block)]
    for name in names:
        static = inspect.getattr_static(cls, name)
        known = inspect.getdoc(getattr(cls, name, None)) if callable(getattr(cls, name, None)) else None
        if name in cls.model_fields or not known or isinstance(static, type) or _is_twin(cls, name):
            continue
        twin = f", `a{name}`" if _is_twin(cls, f"a{name}") else ""
        yield f"| `{name}`{twin} | {_cell(_markdown(first_sentence(known)))} |"


def _is_twin(cls: type[Block], name: str) -> bool:
    """Whether a method is the asynchronous form of the one without the ``a``."""
    found, plain = getattr(cls, name, None), getattr(cls, name[1:], None)
    return name.startswith("a") and callable(found) and callable(plain) and found.__doc__ == plain.__doc__


def _task(task: dict[str, Any]) -> Iterator[str]:
    yield f"#### {task['name']}\n"
    yield f"```text\n{_signature(task)}\n```\n"
    yield _markdown(first_paragraph(task["description"])) + ("" if task["twin"] else " It has no asynchronous twin.")
    yield ""
    told = [f"- `{p['parameter']}`: {_markdown(p['description'])}" for p in task["parameters"] if p["description"]]
    if told:
        yield from (*told, "")


def first_paragraph(docstring: str) -> str:
    """What a docstring begins with, in one line."""
    return " ".join(docstring.partition("\n\n")[0].split())


def first_sentence(docstring: str) -> str:
    """What a docstring begins with, up to the end of a sentence."""
    return re.split(r"(?<=[.!?])\s", first_paragraph(docstring), maxsplit=1)[0]


def _signature(task: dict[str, Any]) -> str:
    """In one line, or a parameter a line."""
    if len(task["signature"]) <= 100:
        return str(task["signature"])
    head, _, _ = task["signature"].partition("(")
    lines = [f"    {_declared(parameter)}," for parameter in task["parameters"]]
    return "\n".join([f"{head}(", *lines, f") -> {task['returns']}"])


def _declared(parameter: dict[str, Any]) -> str:
    default = "" if parameter["default"] is None else f" = {parameter['default']}"
    return f"{parameter['parameter']}: {parameter['type']}{default}"


def _markdown(docstring: str) -> str:
    """A docstring with the marks of Markdown."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", inspect.cleandoc(docstring))
    text = re.sub(r"(?<!`)`([^`<]+) <(https?://[^>]+)>`_", r"[\1](\2)", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"::$", ":", text, flags=re.MULTILINE)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str | None) -> str:
    return f"`{_cell(text)}`" if text and text != "none" else text or ""


def write() -> None:
    """Write every page, and remove those of collections that are gone."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for file in FOLDER.glob("*.md"):
        if file not in written:
            file.unlink()
    for file, text in written.items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
    print(f"wrote {FOLDER.name}/", file=sys.stderr)
