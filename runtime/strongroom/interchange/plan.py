"""From found documents to what is to be done about each, and the doing of it.

A plan is made whole before anything is written: names are given, references between the documents followed, each is
validated by its class and compared with what the registry has. What the plan says is what a dry run shows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from strongroom_blocks import catalog, nesting, origin, projection, schema, validation
from strongroom_blocks.encoding import is_exact
from strongroom_blocks.errors import BlockError, BlockValidationError
from strongroom_blocks.frames import without_frames
from strongroom_blocks.redaction import Redactor
from strongroom_registry.document import Document, DocumentState, Reference, Version, VersionState
from strongroom_registry.envelope import PAYLOAD_MAX
from strongroom_registry.errors import NameTaken, RegistryRefusal, StaleExpectation, UnknownDocument
from strongroom_registry.limits import MESSAGE_MAX, PUBLIC_MAX

from strongroom.errors import UnreadableFile
from strongroom.interchange.found import Found, FoundDocument, FoundReference, Skipped
from strongroom.interchange.names import valid_name

if TYPE_CHECKING:
    from strongroom_blocks import Block
    from strongroom_registry.registry import Registry


class Action(StrEnum):
    """What is to be done about a document. ``LABEL``: its content is as it should be, and labels are to move."""

    CREATE = "create"
    UPDATE = "update"
    LABEL = "label"
    SAME = "same"
    SKIP = "skip"
    CONFLICT = "conflict"
    DELETE = "delete"


WRITING = frozenset({Action.CREATE, Action.UPDATE, Action.LABEL, Action.DELETE})
_USABLE = frozenset({Action.CREATE, Action.UPDATE, Action.LABEL, Action.SAME})


class Write(Protocol):
    """What a step writes."""

    @property
    def needs(self) -> frozenset[str]:
        """The names of the documents that this one refers to and that the same plan writes."""

    def run(self, registry: Registry, step: Step) -> int | None:
        """Write it, provided that all is as the plan saw it; returns the version that is current now.

        :raises RegistryRefusal: somebody changed the document meanwhile.
        """


@dataclass(frozen=True, slots=True)
class Step:
    """One document: where it comes from, its name here, what is to be done, and why not.

    ``version`` is the current version, before a step and after; None where there is none.
    """

    source: str
    name: str | None
    type: str | None
    action: Action
    reason: str = ""
    version: int | None = None
    write: Write | None = field(default=None, repr=False)


@without_frames
def planned(
    registry: Registry,
    found: Iterable[Found],
    *,
    prefix: str = "",
    overwrite: bool = False,
    message: str = "",
    labels: Mapping[str, tuple[str, ...]] | None = None,
) -> list[Step]:
    """What is to be done about each found document, those that others refer to first. Writes nothing.

    :param registry: the current registry.
    :param prefix: what to put before every name.
    :param overwrite: save a new version where the name is taken by something else of the same type; a document that
        differs is a conflict otherwise.
    :param message: what new versions say in the history, where the document has no message of its own.
    :param labels: labels that are to stand on the current version, by source.
    :raises UnreadableFile: the documents refer to each other in a chain of a hundred or more.
    """
    try:
        return _Plan(registry, list(found), prefix, overwrite, message, labels or {}).steps()
    except RecursionError:
        pass
    raise UnreadableFile("The documents refer to each other in too long a chain.", "Take fewer at a time.")


def carried_out(registry: Registry, steps: Iterable[Step]) -> Iterator[Step]:
    """Write what a plan says, document by document; yields each step as it turned out.

    Each write expects what the plan saw, so that what somebody else saved meanwhile is a conflict, as is whatever
    refers to it; it is left as it is.
    """
    failed: set[str] = set()
    for step in steps:
        if step.write is None or step.action not in WRITING:
            yield step
            continue
        missing = sorted(step.write.needs & failed)
        if missing:
            done = replace(step, action=Action.CONFLICT, reason=f"it refers to {missing[0]}, which was not written")
        else:
            done = _written(registry, step, step.write)
        if done.action is Action.CONFLICT and done.name:
            failed.add(done.name)
        yield done


def canonical(payload: bytes) -> bytes:
    """A payload so that two which say the same are equal bytes, whatever the order of their keys."""
    return json.dumps(json.loads(payload), sort_keys=True).encode()


def _written(registry: Registry, step: Step, write: Write) -> Step:
    try:
        return replace(step, version=write.run(registry, step))
    except (StaleExpectation, NameTaken) as error:
        return replace(step, action=Action.CONFLICT, reason=f"it was changed meanwhile: {error.problem}")
    except RegistryRefusal as error:
        return replace(step, action=Action.CONFLICT, reason=error.problem)


@dataclass(frozen=True, slots=True)
class BlockWrite:
    """A block to save, and the document that it differs from."""

    block: Block = field(repr=False)
    payload: bytes = field(repr=False)
    message: str
    labels: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    before: Document | None = field(default=None, repr=False)

    def run(self, registry: Registry, step: Step) -> int | None:
        assert step.name is not None  # noqa: S101  nothing is written without one
        if step.action is Action.LABEL:
            for label in self.labels:
                registry.label(step.name, label, step.version)
            return step.version
        version = self.block.save(step.name, message=self.message, expect=step.version or 0, labels=self.labels)
        return version.number

    def public(self) -> bytes:
        """What listings will show of it."""
        own = Redactor()
        own.register(list(validation.plain_secrets(self.block)))
        return projection.project(self.block, own)

    def check_size(self) -> None:
        """Refuse what the registry would refuse, before anything is written.

        :raises Impossible: it is too large.
        """
        if len(self.payload) > PAYLOAD_MAX or (len(self.payload) > PUBLIC_MAX and len(self.public()) > PUBLIC_MAX):
            raise Impossible(Action.SKIP, f"it is too large: {len(self.payload):,} bytes")
        if len(self.message) > MESSAGE_MAX:
            raise Impossible(Action.SKIP, f"its message has more than {MESSAGE_MAX} characters")

    def sides(self, name: str) -> tuple[Document, Document]:
        """The document before and after, to compare; an empty one where there was none."""
        cls = type(self.block)
        version = Version(
            document=name,
            number=self.before.version.number + 1 if self.before else 1,
            generation=1,
            type=cls.__block__.slug,
            schema=schema.schema_text(cls),
            state=VersionState.LIVE,
            created_at=datetime.now(UTC),
            actor="",
            message=self.message,
            public=self.public(),
        )
        after = Document(UUID(int=0), version, self.payload)
        empty = b'{"$exact":{}}' if is_exact(self.payload) else b"{}"
        return self.before or Document(UUID(int=0), replace(version, public=b"{}"), empty), after


def _misfit(cls: type[Block], error: BlockValidationError) -> str:
    """Why values do not fit. A slip may make a secret a name, so names that are no field are counted, not quoted."""
    told = [str(problem) for problem in error.problems if problem.kind != "extra_forbidden"]
    unknown = sum(problem.kind == "extra_forbidden" for problem in error.problems)
    if unknown:
        what = "a name that is" if unknown == 1 else f"{unknown} names that are"
        told.append(f"there is {what} no field; {cls.__block__.slug} has {', '.join(cls.model_fields)}")
    return f"its values do not fit {cls.__name__}: {'; '.join(told)}" if told else error.problem


class Impossible(Exception):
    """Why a document cannot be made; holds no value of it."""

    def __init__(self, action: Action, reason: str) -> None:
        self.action, self.reason = action, reason


class _Plan:
    def __init__(
        self,
        registry: Registry,
        found: list[Found],
        prefix: str,
        overwrite: bool,
        message: str,
        labels: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._registry, self._prefix, self._overwrite = registry, prefix, overwrite
        self._message, self._labels = message, labels
        self._found = found
        self._documents = {item.source: item for item in found if isinstance(item, FoundDocument)}
        self._names = {source: valid_name(item.name, prefix) for source, item in self._documents.items()}
        self._taken = Counter(name for name in self._names.values() if name)
        self._steps: dict[str, Step] = {}
        self._open: list[str] = []

    def steps(self) -> list[Step]:
        sources = Counter(item.source for item in self._found)
        skipped: list[Step] = []
        for source, item in self._documents.items():
            if sources[source] > 1:
                self._steps[source] = self._refused(item, Action.CONFLICT, "it is there more than once")
        for found in self._found:
            if isinstance(found, Skipped):
                skipped.append(Step(found.source, None, None, Action.SKIP, found.reason))
            else:
                self._step(found.source)
        return [*self._steps.values(), *skipped]

    def _step(self, source: str) -> Step:
        """The step for a document, made after those of what it refers to, which thus stand before it."""
        if source not in self._steps:
            item = self._documents[source]
            self._open.append(source)
            try:
                step = self._made(item)
            except Impossible as impossible:
                step = self._refused(item, impossible.action, impossible.reason)
            self._open.pop()
            self._steps[source] = step
        return self._steps[source]

    def _refused(self, item: FoundDocument, action: Action, reason: str) -> Step:
        return Step(item.source, self._names[item.source], item.type, action, reason)

    def _made(self, item: FoundDocument) -> Step:
        name = self._name(item)
        needs: set[str] = set()
        block = self._block(item, needs)
        try:
            nesting.refuse_cycle(block, name)
            payload = nesting.dump(block)
        except BlockError as error:
            raise Impossible(Action.SKIP, error.problem) from None
        write = BlockWrite(
            block, payload, item.message or self._message, self._labels.get(item.source, ()), frozenset(needs)
        )
        write.check_size()
        step = self._compared(item, name, write)
        if step.action in _USABLE:
            origin.remember(block, Reference(name), origin.pinned(name, step.version or 1), payload)
        return step

    def _name(self, item: FoundDocument) -> str:
        name = self._names[item.source]
        if name is None:
            raise Impossible(Action.SKIP, "nothing of its name can be in a name: a-z, 0-9")
        if self._taken[name] > 1:
            others = [source for source, other in self._names.items() if other == name and source != item.source]
            raise Impossible(Action.CONFLICT, f"{others[0]} becomes {name} as well")
        return name

    def _block(self, item: FoundDocument, needs: set[str]) -> Block:
        try:
            cls = catalog.class_for(item.type)
        except BlockError as error:
            raise Impossible(Action.SKIP, error.problem) from None
        fields = {name: self._resolved(value, needs) for name, value in item.fields.items()}
        try:
            return cls.model_validate(fields)
        except BlockValidationError as error:
            problem = _misfit(cls, error)
        except BlockError as error:
            problem = error.problem
        fields = {}
        raise Impossible(Action.SKIP, problem)

    def _resolved(self, value: Any, needs: set[str]) -> Any:
        """A value with the blocks in it that it refers to."""
        if isinstance(value, FoundReference):
            return self._referred(value.source, needs)
        if isinstance(value, Mapping):
            return {key: self._resolved(inner, needs) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._resolved(inner, needs) for inner in value]
        return value

    def _referred(self, source: str, needs: set[str]) -> Block:
        if source in self._open:
            raise Impossible(Action.SKIP, f"it refers to itself, by way of {source}")
        if source not in self._documents:
            raise Impossible(Action.SKIP, f"it refers to {source}, which is not there")
        step = self._step(source)
        if not isinstance(step.write, BlockWrite) or step.action not in _USABLE:
            raise Impossible(step.action, f"it refers to {source}: {step.reason}")
        assert step.name is not None  # noqa: S101  as it is usable
        if step.action in WRITING:
            needs.add(step.name)
        return step.write.block

    def _compared(self, item: FoundDocument, name: str, write: BlockWrite) -> Step:
        try:
            head = self._registry.head(name)
        except UnknownDocument:
            return Step(item.source, name, item.type, Action.CREATE, write=write)
        if head.state is not DocumentState.LIVE:
            return Step(item.source, name, item.type, Action.CREATE, f"it was {head.state.value} before", write=write)
        if head.type != type(write.block).__block__.slug:
            raise Impossible(Action.CONFLICT, f"{name} is a block of type {head.type}")
        before = self._registry.get(Reference(name, None, head.current))
        write = replace(write, before=before)
        if canonical(before.payload) == canonical(write.payload):
            moving = tuple(label for label in write.labels if head.labels.get(label) != head.current)
            action = Action.LABEL if moving else Action.SAME
            return Step(item.source, name, item.type, action, "", head.current, replace(write, labels=moving))
        if not self._overwrite:
            raise Impossible(Action.CONFLICT, f"version {head.current} of {name} is another; --overwrite adds one")
        return Step(item.source, name, item.type, Action.UPDATE, "", head.current, write)
