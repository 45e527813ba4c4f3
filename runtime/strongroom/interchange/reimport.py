"""Taking the versions of an export into a registry.

A document that is not there gets all the versions that the export has of it, and their labels. One that is there gets
at most the one that was current, and those that others refer to by number. Numbers in references are made those of
here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import ValidationError
from strongroom_blocks import catalog, schema
from strongroom_blocks.encoding import is_exact
from strongroom_blocks.errors import BlockError
from strongroom_blocks.frames import without_frames
from strongroom_registry.document import DocumentState, Head, Reference, VersionState
from strongroom_registry.errors import RegistryRefusal, StaleExpectation, UnknownDocument

from strongroom.errors import UnreadableFile
from strongroom.interchange.names import valid_name
from strongroom.interchange.plan import WRITING, Action, Impossible, Step, canonical
from strongroom.interchange.record import Record, references_in, with_references

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry


@dataclass(frozen=True, slots=True)
class VersionsWrite:
    """Versions to save one after the other, each with the number that it will have."""

    versions: tuple[tuple[int, Record], ...] = field(repr=False)
    labels: bool = False
    message: str = ""
    needs: frozenset[str] = frozenset()

    def run(self, registry: Registry, step: Step) -> int | None:
        assert step.name is not None  # noqa: S101  nothing is written without one
        current = step.version or 0
        for number, record in self.versions:
            version = registry.put(
                step.name,
                type=record.type,
                schema=record.schema,
                payload=record.payload,
                public=record.public,
                message=self.message or record.message or f"version {record.version} of an export",
                expect=current,
                retype=True,
                labels=record.labels if self.labels else (),
                references=references_in(record.payload),
                expires_at=record.expires_at,
            )
            current = version.number
            if current != number:
                raise StaleExpectation(f"{step.name} is at version {current} instead of {number}.", "Import it again.")
        return current


@without_frames
def planned(
    registry: Registry, records: Iterable[Record], *, prefix: str = "", overwrite: bool = False, message: str = ""
) -> list[Step]:
    """What is to be done about each document of an export. Writes nothing.

    :param prefix: what to put before every name, those in references too.
    :param overwrite: save a new version where a document differs; it is a conflict otherwise.
    :param message: what new versions say in the history, instead of what they said where they come from.
    :raises UnreadableFile: the blocks refer to each other in a chain of hundreds.
    """
    try:
        return _Arrival(registry, list(records), prefix, overwrite, message).steps()
    except RecursionError:
        pass
    raise UnreadableFile("The blocks of the export refer to each other in too long a chain.", "Export fewer at a time.")


@dataclass(slots=True)
class _Document:
    """The versions of one document, in the order to save them in, and what is there of it."""

    name: str
    here: str
    records: list[Record]
    head: Head | None
    numbers: dict[int, int] = field(default_factory=dict)
    """The number here of each version, found or to be."""
    missing: list[tuple[int, Record]] = field(default_factory=list)
    refusal: Impossible | None = None

    @property
    def main(self) -> Record:
        return self.records[-1]

    @property
    def is_there(self) -> bool:
        return self.head is not None and self.head.state is DocumentState.LIVE


class _Arrival:
    def __init__(self, registry: Registry, records: list[Record], prefix: str, overwrite: bool, message: str) -> None:
        self._registry, self._overwrite, self._message = registry, overwrite, message
        self._pinned = _pinned(records)
        self._documents: dict[str, _Document] = {}
        for record in sorted(records, key=lambda record: (record.name, record.main, record.version)):
            if record.name not in self._documents:
                here = valid_name(record.name, prefix) or record.name
                self._documents[record.name] = _Document(record.name, here, [], self._head(here))
            self._documents[record.name].records.append(record)
        self._taken = Counter(document.here for document in self._documents.values())
        self._steps: dict[str, Step] = {}
        self._open: list[str] = []
        self._located: set[str] = set()
        self._coming: dict[tuple[str, int], bytes] = {}
        self._meanings: dict[tuple[str, int], bytes | None] = {}

    def steps(self) -> list[Step]:
        for document in self._documents.values():
            self._step(document)
        return list(self._steps.values())

    def _head(self, name: str) -> Head | None:
        try:
            return self._registry.head(name)
        except UnknownDocument:
            return None

    def _step(self, document: _Document) -> Step | None:
        """The step for a document, after those of what it refers to; None while that is being made."""
        if document.name in self._steps or document.name in self._open:
            return self._steps.get(document.name)
        self._open.append(document.name)
        needed = [self._step(self._documents[name]) for name in self._targets(document)]
        self._open.pop()
        source = f"{document.name}@{document.main.version}"
        try:
            if self._taken[document.here] > 1:
                raise Impossible(Action.CONFLICT, f"another one becomes {document.here} as well")
            self._locate(document)
            _check_fits(document.main)
            made = self._made(document, source, [step for step in needed if step is not None])
        except Impossible as impossible:
            made = Step(source, document.here, document.main.type, impossible.action, impossible.reason)
        self._steps[document.name] = made
        return made

    def _targets(self, document: _Document) -> list[str]:
        """The documents of the export that this one refers to."""
        names = {Reference.parse(text).name for record in document.records for text in references_in(record.payload)}
        return sorted(name for name in names if name in self._documents and name != document.name)

    def _made(self, document: _Document, source: str, needed: list[Step]) -> Step:
        for step in needed:
            if step.action in (Action.CONFLICT, Action.SKIP):
                raise Impossible(step.action, f"it refers to {step.name}: {step.reason}")
        needs = frozenset(step.name for step in needed if step.name and step.action in WRITING)
        current = document.head.current if document.head is not None and document.is_there else None
        made = Step(source, document.here, document.main.type, Action.SAME, "", current)
        versions = tuple(document.missing)
        if not document.is_there:
            return replace(made, action=Action.CREATE, write=VersionsWrite(versions, True, self._message, needs))
        if not versions:
            return made
        if not self._overwrite:
            raise Impossible(Action.CONFLICT, f"version {current} of {document.here} is another; --overwrite adds one")
        return replace(made, action=Action.UPDATE, write=VersionsWrite(versions, False, self._message, needs))

    def _locate(self, document: _Document) -> None:
        """Give each version its number here: that of an equal one that is there, or the next that is free."""
        if document.refusal is not None:
            raise document.refusal
        if document.name in self._located:
            return
        self._located.add(document.name)
        free = document.head.current + 1 if document.head is not None else 1
        if not document.is_there:
            document.numbers = {record.version: free + index for index, record in enumerate(document.records)}
            for record in document.records:
                self._miss(document, document.numbers[record.version], self._here(record))
            return
        self._compare(document, free)

    def _compare(self, document: _Document, free: int) -> None:
        head = document.head
        assert head is not None  # noqa: S101  as it is there
        if head.type != document.main.type:
            document.refusal = Impossible(Action.CONFLICT, f"{document.here} is a block of type {head.type}")
            raise document.refusal
        wanted = [r for r in document.records if r.main or (r.name, r.version) in self._pinned]
        for record in wanted:
            here = self._here(record)
            number = self._equal(here, head, current=record.main and not document.missing)
            if number is None:
                number = free + len(document.missing)
                self._miss(document, number, here)
            document.numbers[record.version] = number

    def _miss(self, document: _Document, number: int, record: Record) -> None:
        """Note a version that is to be written."""
        document.missing.append((number, record))
        self._coming[document.here, number] = record.payload

    def _equal(self, record: Record, head: Head, *, current: bool) -> int | None:
        """The number of a version that says the same; with ``current``, only the current one will do."""
        wanted = self._meaning(record.payload)
        if record.main and not current:
            return None
        for version in self._registry.history(head.name):
            if version.state is not VersionState.LIVE or version.type != record.type:
                continue
            if record.main and version.number != head.current:
                continue
            if self._meaning_of(head.name, version.number) == wanted:
                return version.number
        return None

    def _meaning(self, payload: bytes) -> bytes:
        """A payload so that two which say the same are equal bytes: two versions of one document may do so."""
        return canonical(with_references(payload, self._by_meaning))

    def _by_meaning(self, text: str) -> str:
        reference = Reference.parse(text)
        if reference.version is None:
            return text
        meaning = self._meaning_of(reference.name, reference.version)
        return text if meaning is None else f"{reference.name}#{sha256(meaning).hexdigest()}"

    def _meaning_of(self, name: str, number: int) -> bytes | None:
        key = (name, number)
        if key not in self._meanings:
            self._meanings[key] = None  # until it is known
            try:
                coming = self._coming.get(key)
                payload = coming or self._registry.get(Reference(name, None, number)).payload
                self._meanings[key] = self._meaning(payload)
            except RegistryRefusal:
                pass
        return self._meanings[key]

    def _here(self, record: Record) -> Record:
        """A version with the names and numbers of here in its references.

        :raises Impossible: it is to be the current one, and refers to what is not there.
        """

        def renamed(text: str) -> str:
            found = self._renamed(Reference.parse(text))
            if found is None and record.main:
                raise Impossible(Action.SKIP, f"it refers to {text}, which is neither in the export nor here")
            return found or text

        return replace(record, payload=with_references(record.payload, renamed))

    def _renamed(self, reference: Reference) -> str | None:
        """A reference as it is here; None where it leads nowhere, or to a number that means something else here."""
        document = self._documents.get(reference.name)
        if document is None:
            head = self._head(reference.name)
            is_there = head is not None and head.state is DocumentState.LIVE and reference.version is None
            return str(reference) if is_there else None
        number, label = reference.version, reference.label
        if label is not None and document.head is not None and document.is_there and label not in document.head.labels:
            raise Impossible(Action.CONFLICT, f"it refers to {reference}, and {document.here} has no such label here")
        if number is not None:
            if number not in document.numbers:
                self._locate(document)
            if number not in document.numbers:
                return None
            number = document.numbers[number]
        return str(replace(reference, name=document.here, version=number))


def _pinned(records: list[Record]) -> set[tuple[str, int]]:
    """The versions that others refer to by number or label."""
    labels = {(record.name, label): record.version for record in records for label in record.labels}
    found: set[tuple[str, int]] = set()
    for record in records:
        for text in references_in(record.payload):
            reference = Reference.parse(text)
            number = labels.get((reference.name, reference.label)) if reference.label else reference.version
            if number is not None:
                found.add((reference.name, number))
    return found


def _check_fits(record: Record) -> None:
    """Validate what can be validated by itself: a plain payload of the very schema that the class has here."""
    try:
        cls = catalog.class_for(record.type)
    except BlockError:
        return  # a type that this process does not know; its documents can be kept all the same
    if is_exact(record.payload) or record.schema != schema.schema_text(cls):
        return
    try:
        cls.__pydantic_validator__.validate_json(record.payload, by_name=True, by_alias=False)
    except ValidationError:
        pass
    else:
        return
    raise Impossible(Action.SKIP, f"its values do not fit {cls.__name__}")
