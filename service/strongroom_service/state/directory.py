"""What changes seldom (policies, identities, roles, mounts): documents of a workspace of its own in the registry.

So they have versions and an audit, are covered by backups, rotations and ``verify``, and whoever can write the database
can neither give himself a right nor put yesterday's policy back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel
from strongroom_registry import DocumentState, Registry
from strongroom_registry.acting import on_own_behalf
from strongroom_registry.document import is_name
from strongroom_registry.errors import DocumentDeleted, StaleExpectation, UnknownDocument, VersionDestroyed

from strongroom_service.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)

WORKSPACE = "strongroom.service"
"""The workspace of the service itself; it is not served."""
_SCHEMA = "1"
_KEPT = 8192


class _Moment(local):
    """The revision that this thread reads at, empty until it is known; and whether it reads at one."""

    is_one = False
    revision = b""


class Found(NamedTuple, Generic[M]):
    """A record of the directory, and which version of it this is."""

    value: M
    version: int


class Directory:
    """The directory of a service. Safe to use from several threads and processes.

    :param registry: the workspace :data:`WORKSPACE`.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._moment = _Moment()
        self._seen: tuple[bytes, dict[tuple[str, str, type], Found[BaseModel] | None]] = (b"", {})

    def get(self, kind: str, name: str, model: type[M]) -> M | None:
        """A record, None where there is none. It is as new as the registry. Do not change what it returns."""
        found = self.found(kind, name, model)
        return None if found is None else found.value

    def found(self, kind: str, name: str, model: type[M]) -> Found[M] | None:
        """A record with the number of its version, None where there is none."""
        if not is_name(f"{kind}.{name}"):
            return None
        revision, seen = self.revision(), self._seen
        if seen[0] != revision or len(seen[1]) >= _KEPT:
            self._seen = seen = (revision, {})
        known = seen[1]
        key = (kind, name, model)
        if key not in known:
            known[key] = self._loaded(kind, name, model)
        return known[key]  # type: ignore[return-value]

    def put(self, kind: str, name: str, value: BaseModel, *, expect: int | None = None) -> int:
        """Write a record; the number of its version.

        :param expect: only if this is the number of the version that is there; 0: only where there is none.
        :raises InvalidRequest: the name is none: it has ``a-z 0-9 - _ .``, with a letter or digit at both ends.
        :raises StaleExpectation: another version is there.
        """
        document = _checked(kind, name)
        self.end_moment()
        payload = value.model_dump_json().encode()
        type_ = f"service-{kind}"
        taken = expect is None
        try:
            version = self._registry.put(
                document, type=type_, schema=_SCHEMA, payload=payload, overwrite=taken, expect=expect, retype=True
            )
        except StaleExpectation:
            raise _stale(kind, name, expect) from None
        return version.number

    def remove(self, kind: str, name: str) -> bool:
        """Remove a record; whether there was one."""
        if not is_name(f"{kind}.{name}"):
            return False
        self.end_moment()
        try:
            self._registry.delete(f"{kind}.{name}")
        except (UnknownDocument, DocumentDeleted):
            return False
        return True

    def names(self, kind: str) -> list[str]:
        """The names of the records of a kind, sorted."""
        heads = self._registry.list(f"{kind}.*")
        return [head.name.removeprefix(f"{kind}.") for head in heads if head.state is DocumentState.LIVE]

    def all(self, kind: str, model: type[M]) -> dict[str, M]:
        """All records of a kind, by name."""
        found = ((name, self.get(kind, name, model)) for name in self.names(kind))
        return {name: value for name, value in found if value is not None}

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Have all that is read in the block be as it was when the first of it was read, at the cost of one look; until
        something is written in it."""
        self.begin_moment()
        try:
            yield
        finally:
            self.end_moment()

    def begin_moment(self) -> None:
        """:meth:`one_moment`, until :meth:`end_moment` in the same thread."""
        self._moment.is_one, self._moment.revision = True, b""

    def end_moment(self) -> None:
        """Have each look be at its own moment again."""
        self._moment.is_one = False

    def revision(self) -> bytes:
        """What is another one after each change of any record."""
        moment = self._moment
        if not moment.is_one:
            return self._registry.revision()
        moment.revision = moment.revision or self._registry.revision()
        return moment.revision

    def _loaded(self, kind: str, name: str, model: type[M]) -> Found[BaseModel] | None:
        try:
            with on_own_behalf():
                document = self._registry.get(f"{kind}.{name}")
        except (UnknownDocument, DocumentDeleted, VersionDestroyed):
            return None
        return Found(model.model_validate_json(document.payload), document.version.number)


def _stale(kind: str, name: str, expect: int | None) -> StaleExpectation:
    if expect == 0:
        return StaleExpectation(f"There is a {kind} {name} already.", "Read it, and decide again.")
    return StaleExpectation(f"The {kind} {name} is not at version {expect} any more.", "Read it, and decide again.")


def _checked(kind: str, name: str) -> str:
    document = f"{kind}.{name}"
    if not is_name(name) or not is_name(document):
        raise InvalidRequest(
            f"{name!r:.140} is no name.",
            "Use a-z, 0-9, '-', '_', '.', with a letter or a digit at both ends, at most 100.",
        )
    return document
