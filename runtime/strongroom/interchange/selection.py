"""Which versions an export takes: those that were asked for, and those that they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strongroom_registry.document import LATEST, PREVIOUS, Reference, VersionState
from strongroom_registry.errors import RegistryRefusal

from strongroom.interchange.record import Record, references_in

if TYPE_CHECKING:
    from strongroom_registry.document import Head
    from strongroom_registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Taken:
    """A version that an export takes. ``wanted_by`` is the document that refers to it; None where it was asked for."""

    name: str
    type: str
    version: int
    main: bool
    wanted_by: str | None = None


@dataclass(slots=True)
class Selection:
    """What an export takes. Going through :meth:`records` opens the versions one by one, and finds what they refer to.

    :param globs: names; all where there is none.
    :param type: only blocks of this type.
    :param label: the versions with this label instead of the current ones; blocks without it are left out.
    :param history: all versions that there are.
    """

    registry: Registry
    globs: Sequence[str] = ()
    type: str | None = None
    label: str | None = None
    history: bool = False
    taken: list[Taken] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    """References that lead nowhere, with the document that has them."""

    def records(self) -> Iterator[Record]:
        """The versions, each with what it holds. :attr:`taken` and :attr:`missing` are complete when they end.

        :raises IntegrityError: something in the registry was changed.
        :raises UnknownDocument: there is no block of a name that was asked for.
        """
        waiting = [Taken(head.name, head.type, number, True) for head, number in self._asked_for()]
        if self.history:
            waiting += [older for item in waiting for older in self._older(item)]
        known = {(item.name, item.version) for item in waiting}
        names = {item.name for item in waiting}
        for item in waiting:  # grows while it is gone through
            record = self._record(item)
            self.taken.append(item)
            yield record
            for text in references_in(record.payload):
                new = [found for found in self._referred(text, item, names) if (found.name, found.version) not in known]
                known |= {(found.name, found.version) for found in new}
                names |= {found.name for found in new}
                waiting += new

    def _asked_for(self) -> list[tuple[Head, int]]:
        found: dict[str, tuple[Head, int]] = {}
        for glob in self.globs or ("*",):
            if not set(glob) & set("*?["):
                self.registry.head(glob)
            for head in self.registry.list(glob, type=self.type):
                number = head.current if self.label is None else head.labels.get(self.label)
                if number is not None:
                    found[head.name] = (head, number)
        return [found[name] for name in sorted(found)]

    def _older(self, item: Taken) -> Iterator[Taken]:
        for version in self.registry.history(item.name):
            if version.state is VersionState.LIVE and version.number != item.version:
                yield Taken(item.name, version.type, version.number, False)

    def _record(self, item: Taken) -> Record:
        document = self.registry.get(Reference(item.name, None, item.version))
        version = document.version
        return Record(
            name=item.name,
            type=version.type,
            schema=version.schema,
            version=version.number,
            main=item.main,
            labels=tuple(label for label in version.labels if label not in (LATEST, PREVIOUS)),
            created_at=version.created_at,
            actor=version.actor,
            message=version.message,
            expires_at=version.expires_at,
            public=version.public,
            payload=document.payload,
        )

    def _referred(self, text: str, item: Taken, names: set[str]) -> list[Taken]:
        """The version that a reference means, and the current one of a document that was not taken so far."""
        reference = Reference.parse(text)
        try:
            head = self.registry.head(reference.name)
            versions = {version.number: version for version in self.registry.history(head.name)}
            number = head.labels[reference.label] if reference.label else reference.version or head.current
            found = [
                versions[n] for n in dict.fromkeys([head.current, number]) if n == number or head.name not in names
            ]
        except (RegistryRefusal, KeyError):
            found = []
        if not found or any(version.state is not VersionState.LIVE for version in found):
            self.missing.append((text, item.name))
            return []
        is_new = head.name not in names
        return [
            Taken(head.name, version.type, version.number, is_new and version.number == head.current, item.name)
            for version in found
        ]
