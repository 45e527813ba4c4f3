"""The rules of a document's life: from what it is and what is asked to what it becomes, or to a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from strongroom_registry.authority import ProvenVersion
from strongroom_registry.document import (
    LATEST,
    PENDING,
    PREVIOUS,
    DocumentState,
    Head,
    Reference,
    Version,
    VersionState,
    check_label,
    is_name,
)
from strongroom_registry.errors import (
    DocumentDeleted,
    IntegrityError,
    InvalidReference,
    NameTaken,
    StaleExpectation,
    TypeMismatch,
    UnknownDocument,
    UnknownLabel,
    UnknownVersion,
    VersionDestroyed,
)
from strongroom_registry.heads import HeadRecord, VersionRecord

_UNSET = bytes(32)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def successor(old: HeadRecord | None, name: str) -> HeadRecord:
    """The head with one version more: of a new document, a live one, or a new generation of a name used before."""
    if old is None:
        return HeadRecord(0, name, uuid4().bytes, 1, 1, 1, DocumentState.LIVE, {}, (), _UNSET, 0, _NEVER)
    number = old.last + 1
    if old.state is DocumentState.LIVE:
        return replace(old, current=number, newest=None, labels={**old.labels, PREVIOUS: old.current})
    return replace(
        old,
        generation=old.generation + 1,
        first=number,
        current=number,
        newest=None,
        state=DocumentState.LIVE,
        labels={},
    )


def check_nothing_pending(head: HeadRecord) -> None:
    """Refuse a second version that waits: who is about to promote the first would not know of it."""
    if PENDING in head.labels:
        raise StaleExpectation(
            f"{head.name}@{head.labels[PENDING]} is pending already.",
            f"Promote it, or take the label off: strongroom block unlabel {head.name} {PENDING}",
        )


def with_pending(old: HeadRecord) -> HeadRecord:
    """The head with one version more, which is not current but labelled as pending."""
    number = old.last + 1
    return replace(old, newest=number, labels={**old.labels, PENDING: number})


def promoted(head: HeadRecord, number: int, body_hash: bytes) -> HeadRecord:
    """The head with another of its versions as the current one."""
    labels = {label: at for label, at in head.labels.items() if (label, at) != (PENDING, number)}
    newest = head.last if head.last > number else None
    return replace(head, current=number, newest=newest, labels={**labels, PREVIOUS: head.current}, body_hash=body_hash)


def draft(head: HeadRecord, type_: str, schema: str) -> VersionRecord:
    """The record of the version that was added to a head, its hashes still to be filled in."""
    return VersionRecord(0, head.document, head.generation, head.last, type_, schema, _UNSET, _UNSET, _UNSET)


def check_expectation(name: str, live: HeadRecord | None, overwrite: bool, expect: int | None) -> None:
    """Refuse to save over what the caller does not know of."""
    current = live.current if live else 0
    if expect is not None and expect != current:
        there = f"is at version {current}" if live else "does not exist"
        raise StaleExpectation(
            f"{name} {there}, not at version {expect}.", "Load it again, redo the change, and save it on top of that."
        )
    if live is not None and expect is None and not overwrite:
        raise NameTaken(
            f"There is a block named {name}, at version {current}.",
            f"Save a new version with overwrite=True or expect={current}, or use another name.",
        )


def check_expiry(expires_at: datetime | None) -> None:
    """Refuse a date that means another moment to everybody who reads it, or that no record can hold."""
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= _NEVER):
        raise InvalidReference(
            "An expiry needs a time zone, and lies after 1970.", "Write datetime(2030, 1, 1, tzinfo=UTC)."
        )


def check_same_type(name: str, stored: str, type_: str) -> None:
    """Refuse to turn a document into one of another type by accident."""
    if stored != type_:
        raise TypeMismatch(
            f"{name} is of the type {stored}, not {type_}.", "Use another name, or retype=True if the change is meant."
        )


def check_user_label(label: str) -> str:
    """Return a label that a user may move, else raise."""
    if label in (LATEST, PREVIOUS):
        raise InvalidReference(f"The label {label!r} moves by itself.", "Use another one.")
    return check_label(label)


def known(head: HeadRecord | None, name: str) -> HeadRecord:
    """The head, if there is one."""
    if head is None:
        raise UnknownDocument(f"There is no block named {name}.", "See the names with `strongroom block ls`.")
    return head


def live(head: HeadRecord | None, name: str) -> HeadRecord:
    """The head, if there is one and it is neither deleted nor destroyed."""
    head = known(head, name)
    if head.state is DocumentState.DELETED:
        raise DocumentDeleted(
            f"{name} was deleted on {head.updated_at:%Y-%m-%d}.",
            f"Bring it back with `strongroom block undelete {name}`.",
        )
    if head.state is DocumentState.DESTROYED:
        raise VersionDestroyed(f"{name} was destroyed on {head.updated_at:%Y-%m-%d}.", "Save it anew under its name.")
    return head


def labelled(head: HeadRecord, label: str) -> int:
    """The version that a label stands on."""
    number = head.labels.get(label)
    if number is None:
        has = ", ".join(sorted(head.labels)) or "none"
        raise UnknownLabel(f"{head.name} has no label {label!r}.", f"Its labels: {has}.")
    return number


def selected(head: HeadRecord, reference: Reference) -> int:
    """The number of the version that a reference means."""
    if reference.version is not None:
        return reference.version
    return head.current if reference.label in (None, LATEST) else labelled(head, reference.label or LATEST)


def check_number(head: HeadRecord, number: int) -> None:
    """Refuse a version that never was."""
    if not 1 <= number <= head.last:
        raise UnknownVersion(f"{head.name} has no version {number}.", f"Its versions are 1 to {head.last}.")


def check_loadable(head: HeadRecord, number: int) -> None:
    """Refuse a version that cannot be opened any more, or never was."""
    check_number(head, number)
    if head.is_destroyed(number):
        raise VersionDestroyed(f"{head.name}@{number} was destroyed.", "Load another version; nothing brings it back.")
    if number < head.first:
        raise DocumentDeleted(
            f"{head.name}@{number} belongs to a block of this name that was deleted.",
            f"The present one has the versions {head.first} to {head.last}.",
        )


def version_of(head: HeadRecord, proven: ProvenVersion) -> Version:
    """What is told of a version."""
    record = proven.record
    return Version(
        document=head.name,
        number=record.number,
        generation=record.generation,
        type=record.type,
        schema=record.schema,
        state=_version_state(head, record.number),
        created_at=proven.note.created_at,
        actor=proven.note.actor,
        message=proven.note.message,
        labels=head.labels_of(record.number),
        public=proven.public,
        references=proven.note.references,
        expires_at=proven.note.expires_at,
    )


def head_of(head: HeadRecord, current: ProvenVersion) -> Head:
    """What is told of a document."""
    return Head(
        name=head.name,
        id=UUID(bytes=head.document),
        type=current.record.type,
        generation=head.generation,
        current=head.current,
        state=head.state,
        labels=head.labels,
        updated_at=head.updated_at,
        public=current.public,
        schema=current.record.schema,
        created_at=current.note.created_at,
        references=current.note.references,
        expires_at=current.note.expires_at,
    )


def quarantined(name: str, error: IntegrityError) -> Head:
    """What is told of a document whose rows cannot be believed, not even its name."""
    return Head(
        name=name if is_name(name) else ascii(name)[:140],
        id=UUID(int=0),
        type="",
        generation=0,
        current=0,
        state=DocumentState.QUARANTINED,
        labels={},
        updated_at=None,
        quarantine=error.problem,
    )


def _version_state(head: HeadRecord, number: int) -> VersionState:
    if head.is_destroyed(number):
        return VersionState.DESTROYED
    if head.state is DocumentState.LIVE and number >= head.first:
        return VersionState.LIVE
    return VersionState.DELETED
