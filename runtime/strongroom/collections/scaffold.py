"""A new collection as a distribution of its own, written from the template beside this file."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from strongroom.errors import UnfitCollection

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PACKAGE = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")
_LONGEST = 24
_RESERVED = {"__init__", "conftest", "service", "strongroom", "tests"}
_MARK = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What a new collection is called. ``package`` is what Python imports, ``title`` what people read."""

    name: str
    package: str
    title: str

    @staticmethod
    def of(name: str, package: str | None = None, title: str | None = None) -> Scaffold:
        """A scaffold whose package and title are made from the name, where they are not given.

        :raises UnfitCollection: a name that cannot be.
        """
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            raise UnfitCollection(
                f"A collection cannot be named {name!r:.80}.",
                f"Take up to {_LONGEST} lower-case letters, digits and single dashes, a letter first.",
            )
        package = package or f"strongroom_{name.replace('-', '_')}"
        if not _PACKAGE.fullmatch(package) or keyword.iskeyword(package) or len(package) > _LONGEST + 11:
            raise UnfitCollection(
                f"A package cannot be named {package!r:.80}.", "Take lower-case letters, digits and underscores."
            )
        if _is_taken(package):
            raise UnfitCollection(
                f"A package cannot be named {package!r}: there is one of this name, which it would hide.",
                "Choose another --package, or another name.",
            )
        title = " ".join(part.capitalize() for part in name.split("-")) if title is None else title
        if not (title.isprintable() and title.strip() and len(title) <= 40) or set(title) & set("\"'\\`{}[]<>"):
            raise UnfitCollection(
                f"A collection cannot be titled {title!r:.80}.",
                "Take one line of up to 40 characters without quotes, brackets and backslashes.",
            )
        return Scaffold(name, package, title)

    @property
    def distribution(self) -> str:
        """The name that the collection is installed by."""
        return self.package.replace("_", "-")

    @property
    def class_prefix(self) -> str:
        """What the names of its classes begin with."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    def write(self, folder: Path) -> list[Path]:
        """Write the collection into a folder, which is made for it; returns the files.

        :raises UnfitCollection: there is something in the folder already.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UnfitCollection(f"{folder} is there already.", "Choose another --path, or remove it.")
        written = []
        for parts, source in _files(files(__package__) / "template", ()):
            file = folder.joinpath(*(self.package if part == "package" else part for part in parts))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._filled(source.read_text(encoding="utf-8")), encoding="utf-8")
            written.append(file)
        return sorted(written)

    def _filled(self, text: str) -> str:
        from strongroom import __version__

        marks = {
            "name": self.name,
            "package": self.package,
            "distribution": self.distribution,
            "title": self.title,
            "Class": self.class_prefix,
            "strongroom": ".".join(__version__.split(".")[:2]),
        }
        return _MARK.sub(lambda mark: marks[mark[1]], text)


def _is_taken(package: str) -> bool:
    """Whether Python, Strongroom or another distribution has such a package; a collection may be written once more."""
    if package in sys.stdlib_module_names or package in _RESERVED:
        return True
    found = find_spec(package)
    if found is None or found.origin is None:
        return False
    try:
        return not metadata.distribution(package.replace("_", "-")).entry_points.select(group="strongroom.blocks")
    except metadata.PackageNotFoundError:
        return True


def _files(folder: Traversable, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], Traversable]]:
    """The files of the template by their places in the new folder."""
    found: list[tuple[tuple[str, ...], Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, (*above, entry.name))
        elif entry.name.endswith(".tmpl"):
            name = entry.name.removesuffix(".tmpl")
            found.append(((*above, ".gitignore" if name == "gitignore" else name), entry))
    return found
