"""Block documents of Prefect, as its API and command line give them in JSON.

Types that exist here under the same or another name become that type; of others, what has no nested block becomes a
``connection`` that holds its data as ``extra``. A document inside another one becomes a document of its own, to which
the other refers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from strongroom_blocks import catalog
from strongroom_blocks.errors import BlockError
from strongroom_blocks.frames import without_frames

from strongroom.errors import UnreadableFile
from strongroom.interchange.found import Found, FoundDocument, FoundReference, Skipped
from strongroom.interchange.strict_reading import read_file, read_json

_SLUGS = {
    "local-file-system": "local-folder",
    "string": "json",
    "date-time": "json",
}
"""Types of Prefect's own that have another name here."""
_BESIDE = frozenset({"block_type_slug", "_block_document_id", "_block_document_name", "_is_anonymous"})
"""What Prefect writes among the data of a block that stands inside of another one."""
_STARS = re.compile(r"\*{6,}")
_HIDDEN = (
    "stars stand for a secret of it: read it with its secrets, as POST /block_documents/filter gives them with "
    '{"include_secrets": true}'
)


@without_frames
def from_files(paths: Iterable[str]) -> list[Found]:
    """The block documents in JSON files: one, a list, or an object that holds a list of them as ``results``.

    :raises UnreadableFile: a file is no such JSON.
    """
    documents: dict[str, dict[str, Any]] = {}
    for path in paths:
        for document in _documents(read_json(read_file(path), path), path):
            documents.setdefault(_identity(document), document)
    return list(_Documents(documents).found())


def _documents(content: Any, path: str) -> list[dict[str, Any]]:
    if isinstance(content, dict) and isinstance(content.get("results"), list):
        content = content["results"]
    listed = content if isinstance(content, list) else [content]
    if not all(isinstance(item, dict) and isinstance(item.get("data"), dict) for item in listed):
        raise UnreadableFile(
            f"{path} holds something that is no block document with its data.",
            "Have Prefect write it: POST /block_documents/filter, or prefect block ls -o json",
        )
    return listed


def _identity(document: Mapping[str, Any]) -> str:
    found = document.get("id")
    return found if isinstance(found, str) and found else f"{_slug(document)}/{document.get('name')}"


def _slug(document: Mapping[str, Any]) -> str:
    """The slug of a document's type, from whichever place says it."""
    schema = document.get("block_schema")
    for place in (document.get("block_type"), schema.get("block_type") if isinstance(schema, dict) else None):
        if isinstance(place, dict):
            for key in ("slug", "name"):
                if isinstance(place.get(key), str):
                    return _slugified(place[key])
    for key in ("block_type_slug", "block_type_name"):
        if isinstance(document.get(key), str):
            return _slugified(document[key])
    data = document.get("data")
    inside = data.get("block_type_slug") if isinstance(data, dict) else None
    return _slugified(inside) if isinstance(inside, str) else ""


def _slugified(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class _Documents:
    """All documents of one import, by id. Those that only stand inside of others are added as they are met."""

    def __init__(self, documents: dict[str, dict[str, Any]]) -> None:
        self._documents = documents
        self._open: list[str] = []

    def found(self) -> Iterator[Found]:
        waiting = list(self._documents)
        for identity in waiting:  # grows while it is gone through
            document = self._documents[identity]
            before = set(self._documents)
            if not document.get("is_anonymous"):
                yield self._found(document)
            waiting += [inner for inner in self._documents if inner not in before]

    def _source(self, identity: str) -> str:
        document = self._documents[identity]
        return f"{_slug(document) or 'block'}/{document.get('name')}"

    def _found(self, document: Mapping[str, Any]) -> Found:
        name, slug = document.get("name"), _slug(document)
        source = f"{slug or 'block'}/{name}"
        if not isinstance(name, str) or not slug:
            return Skipped(source, "it says neither its name nor its type")
        data = self._fields(document)
        if _has_stars(data):
            return Skipped(source, _HIDDEN)
        known = _SLUGS.get(slug, slug)
        if slug == "sqlalchemy-connector" and not _has_reference(data):
            return FoundDocument(source, name, "connection", _of_sqlalchemy(data))
        if _is_known(known):
            return FoundDocument(source, name, known, data)
        if _has_reference(data):
            return Skipped(source, f"there is no type {slug} here, and a connection cannot hold the block inside of it")
        return FoundDocument(source, name, "connection", {"conn_type": slug, "extra": data})

    def _fields(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The data, with a reference in the place of every block in it."""
        references = document.get("block_document_references")
        inside = references if isinstance(references, dict) else {}
        data = document["data"]
        return {
            name: self._referred(inside[name], value) if name in inside else self._value(value)
            for name, value in data.items()
            if name not in _BESIDE
        }

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            identity = _reference(value)
            if identity is not None:
                return self._reference_to(identity)
            copied = self._copied(value)
            if copied is not None:
                return copied
            return {name: self._value(inner) for name, inner in value.items() if name not in _BESIDE}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value

    def _copied(self, value: dict[str, Any]) -> FoundReference | None:
        """The document that is copied in a list or mapping of blocks, where Prefect says which one it is."""
        identity, name, slug = (
            value.get(key) for key in ("_block_document_id", "_block_document_name", "block_type_slug")
        )
        if value.get("_is_anonymous") or not all(isinstance(text, str) and text for text in (identity, name, slug)):
            return None
        data = {key: inner for key, inner in value.items() if key not in _BESIDE}
        self._documents.setdefault(str(identity), {"id": identity, "name": name, "block_type_slug": slug, "data": data})
        return FoundReference(self._source(str(identity)))

    def _referred(self, reference: Any, value: Any) -> Any:
        """What stands in a field of which Prefect says that it holds another document, whose data it repeats there."""
        inner = reference.get("block_document") if isinstance(reference, dict) else None
        if not isinstance(inner, dict) or not isinstance(value, dict) or _reference(value) is not None:
            return self._value(value)
        identity = _identity(inner)
        if inner.get("is_anonymous") or not isinstance(inner.get("name"), str):
            return self._value(value)
        self._documents.setdefault(identity, {**inner, "data": value})
        return FoundReference(self._source(identity))

    def _reference_to(self, identity: str) -> Any:
        document = self._documents.get(identity)
        if document is None or identity in self._open:
            return FoundReference(f"the block {identity:.80}")
        if not document.get("is_anonymous"):
            return FoundReference(self._source(identity))
        self._open.append(identity)
        fields = self._fields(document)
        self._open.pop()
        return fields


def _reference(value: Mapping[str, Any]) -> str | None:
    """The id in ``{"$ref": {"block_document_id": id}}``, or in the older ``{"$ref": id}``."""
    target = value.get("$ref") if len(value) == 1 else None
    if isinstance(target, dict):
        target = target.get("block_document_id")
    return target if isinstance(target, str) else None


def _is_known(slug: str) -> bool:
    try:
        catalog.class_for(slug)
    except BlockError:
        return False
    return True


def _has_reference(data: Any) -> bool:
    return isinstance(data, FoundReference) or any(_has_reference(inner) for inner in _inside(data))


def _has_stars(data: Any) -> bool:
    if isinstance(data, str):
        return _STARS.fullmatch(data) is not None
    return any(_has_stars(inner) for inner in _inside(data))


def _inside(data: Any) -> Iterable[Any]:
    return data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()


def _of_sqlalchemy(data: dict[str, Any]) -> dict[str, Any]:
    """A connector's components as the parts of a connection; what else it says as extra."""
    info = data.get("connection_info")
    if not isinstance(info, dict):
        return {"conn_type": "sqlalchemy", "extra": data}
    driver = info.get("driver")
    parts = {
        "conn_type": driver.partition("+")[0] if isinstance(driver, str) else "sqlalchemy",
        "host": info.get("host"),
        "port": info.get("port"),
        "login": info.get("username"),
        "password": info.get("password"),
        "schema": info.get("database"),
    }
    rest = {key: value for key, value in data.items() if key != "connection_info"}
    beside = {key: info[key] for key in ("driver", "query", "url") if info.get(key)}
    return {**parts, "extra": {key: value for key, value in {**rest, **beside}.items() if value not in (None, {}, [])}}
