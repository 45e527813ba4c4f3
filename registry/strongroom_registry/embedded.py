"""The registry whose store this process opens itself."""

from __future__ import annotations

import atexit
import builtins
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from threading import Lock, local
from uuid import UUID
from weakref import WeakSet

from strongroom_registry import key_care, rotation
from strongroom_registry.access import UNFLOORED, Access, Moment, Seen
from strongroom_registry.anchor import Anchor
from strongroom_registry.anchoring import Anchoring, check_anchor
from strongroom_registry.anchors import AnchorStore
from strongroom_registry.audit import DONE, AuditEntry, AuditReport, Subject
from strongroom_registry.authority import Authority, ProvenVersion, named
from strongroom_registry.document import Document, DocumentState, Head, Reference, Version, check_name, is_name
from strongroom_registry.envelope import Opener, Sealed, opener
from strongroom_registry.errors import (
    AuditUnavailable,
    IntegrityError,
    StoreProblem,
    StoreUnavailable,
    TypeMismatch,
    VersionDestroyed,
)
from strongroom_registry.heads import HeadRecord, Note, VersionRecord, with_destroyed
from strongroom_registry.key_care import KeyReport, KeyWrap, RecoveryKit, WrapReport
from strongroom_registry.lifecycle import (
    check_expectation,
    check_expiry,
    check_loadable,
    check_nothing_pending,
    check_number,
    check_same_type,
    check_user_label,
    draft,
    head_of,
    known,
    labelled,
    live,
    promoted,
    selected,
    successor,
    version_of,
    with_pending,
)
from strongroom_registry.limits import check_message, check_sizes
from strongroom_registry.listing import listed
from strongroom_registry.registry import Registry
from strongroom_registry.rotation import Level, Progress, RotationReport
from strongroom_registry.sealer import Sealer
from strongroom_registry.sealing_keys import WorkspaceSealing
from strongroom_registry.stores.store import HeadRow, LoadedRows, Store, VersionRow, Watched
from strongroom_registry.uses import doomed, in_use, users
from strongroom_registry.verification import VerifyReport, proven_entries, verify_audit, verify_documents

_WARM_MAX = 4096


@dataclass(frozen=True, slots=True)
class _Warm:
    """A reference that was loaded and verified: as long as its rows are the same bytes, its opener will do."""

    name: str
    number: int
    root: bytes
    rows: tuple[object, ...]
    opener: Opener
    id: UUID
    version: Version
    subject: Subject


_Loaded = tuple[LoadedRows | None, Seen | None]
"""The rows of a load, and what had been seen before they were read."""


class _Ahead(local):
    """What this thread has read ahead, by name and number."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], _Loaded] = {}


class EmbeddedRegistry(Registry):
    """A registry whose store this process opens itself, with the key of the workspace in its hands."""

    def __init__(self, store: Store, authority: Authority, *, actor: str, anchoring: Anchoring | None = None) -> None:
        self._access = Access(store, authority, actor=actor, anchoring=anchoring)
        self._lock = Lock()
        self._warm: dict[str | Reference, _Warm] = {}
        self._ahead = _Ahead()
        with self._access.viewing():
            pass
        _registries.add(self)

    @property
    def store_id(self) -> UUID:
        return UUID(bytes=self._access.authority.store_id)

    @property
    def workspace(self) -> str:
        return self._access.authority.workspace

    def put(
        self,
        name: str,
        *,
        type: str,
        schema: str,
        payload: bytes,
        public: bytes = b"",
        message: str = "",
        overwrite: bool = False,
        expect: int | None = None,
        retype: bool = False,
        labels: Iterable[str] = (),
        references: Iterable[str] = (),
        expires_at: datetime | None = None,
        pending: bool = False,
    ) -> Version:
        check_name(name)
        check_sizes(type, schema, payload, public, message)
        moved = [check_user_label(label) for label in labels]
        check_expiry(expires_at)
        refers = tuple(sorted({str(Reference.parse(reference)) for reference in references}))
        with self._access.refusals("put", name), self._access.changing(name=name) as change:
            old = change.head(name)
            present = old if old is not None and old.state is DocumentState.LIVE else None
            if pending:
                present = live(old, name)
                check_nothing_pending(present)
            check_expectation(name, present, overwrite or pending, expect)
            if present is not None and not retype:
                check_same_type(name, change.version(present, present.current).record.type, type)
            head = with_pending(present) if pending and present is not None else successor(old, name)
            head = replace(head, labels={**head.labels, **dict.fromkeys(moved, head.last)})
            note = Note(change.now, change.actor, message, refers, expires_at)
            version = change.put_version(draft(head, type, schema), note, public, payload)
            change.put_head(head if pending else replace(head, body_hash=version.record.body_hash))
            change.put_uses(head, refers)
            change.audit(Subject("put", DONE, name, head.document, head.last, message=message))
        return version_of(head, version)

    def get(self, reference: str | Reference) -> Document:
        anchor = self._access.writable_anchor()
        warm = self._warm.get(reference)
        if warm is not None:
            rows, floor = self._ahead.rows.get((warm.name, warm.number)) or self._loaded(warm)
            if rows is not None and self._access.is_unchanged(rows, warm.rows, warm.root, anchor, floor):
                payload = _open(warm, rows.body)
                self._count_load(warm)
                return Document(warm.id, warm.version, payload)
        return self._get_cold(reference)

    @contextmanager
    def ahead(self, references: Iterable[str | Reference]) -> Iterator[None]:
        """See :meth:`Registry.ahead`."""
        warm = [warm for reference in references if (warm := self._warm.get(reference)) is not None]
        if warm:
            floor, wanted = self._access.seen, [(one.name, one.number) for one in warm]
            with suppress(StoreProblem):  # then each load says so
                found = self._access.store.load_all(self._access.authority.workspace_id, wanted)
                self._ahead.rows = {which: (rows, floor) for which, rows in found.items()}
        try:
            yield
        finally:
            self._ahead.rows = {}

    def _loaded(self, warm: _Warm) -> _Loaded:
        floor = self._access.seen
        return self._access.store.load(self._access.authority.workspace_id, warm.name, warm.number), floor

    def head(self, name: str) -> Head:
        check_name(name)
        return self._access.glance(name, lambda moment: _described(moment, name))

    def exists(self, name: str) -> bool:
        check_name(name)
        head = self._access.glance(name, lambda moment: moment.authority.head(moment.view, moment.state, name))
        return head is not None and head.state is DocumentState.LIVE

    def list(self, glob: str = "*", *, type: str | None = None, deleted: bool = False) -> builtins.list[Head]:
        with self._access.viewing() as (authority, view, state):
            rows = [row for row in view.heads(authority.workspace_id) if fnmatchcase(row.name, glob)]
            heads = list(listed(authority, view, state, rows))
        shown = (DocumentState.LIVE, DocumentState.QUARANTINED)
        return [
            head
            for head in heads
            if (deleted or head.state in shown)
            and (type is None or head.type == type or head.state is DocumentState.QUARANTINED)
        ]

    def names(self) -> builtins.list[str]:
        with self._access.viewing() as (authority, view, _):
            return [row.name for row in view.heads(authority.workspace_id) if is_name(row.name)]

    def history(self, name: str) -> builtins.list[Version]:
        check_name(name)
        with self._access.viewing(name) as (authority, view, state):
            head = known(authority.head(view, state, name), name)
            proven = list(authority.versions(view, head, range(head.last, 0, -1)))
        return [version_of(head, version) for version in proven]

    def label(self, name: str, label: str, version: int | None = None) -> Head:
        check_name(name)
        check_user_label(label)
        with self._access.refusals("label", name), self._access.changing(name=name) as change:
            head = live(change.head(name), name)
            number = head.current if version is None else version
            check_loadable(head, number)
            head = change.put_head(replace(head, labels={**head.labels, label: number}))
            change.audit(Subject("label", DONE, name, head.document, number, label))
        return self.head(name)

    def unlabel(self, name: str, label: str) -> Head:
        check_name(name)
        check_user_label(label)
        with self._access.refusals("unlabel", name), self._access.changing(name=name) as change:
            head = live(change.head(name), name)
            number = labelled(head, label)
            change.put_head(replace(head, labels={k: v for k, v in head.labels.items() if k != label}))
            change.audit(Subject("unlabel", DONE, name, head.document, number, label))
        return self.head(name)

    def promote(self, name: str, version: int, *, expect: int | None = None, message: str = "") -> Head:
        check_name(name)
        check_message(message)
        with self._access.refusals("promote", name, version), self._access.changing(name=name) as change:
            head = live(change.head(name), name)
            check_expectation(name, head, True, expect)
            check_loadable(head, version)
            if version != head.current:
                change.put_head(promoted(head, version, change.version(head, version).record.body_hash))
            change.audit(Subject("promote", DONE, name, head.document, version, message=message))
        return self.head(name)

    def delete(self, name: str, *, message: str = "", cascade: bool = False) -> Head:
        check_name(name)
        check_message(message)
        with self._access.refusals("delete", name), self._access.changing(name=name) as change:
            heads = doomed(change, live(change.head(name), name))
            if len(heads) > 1 and not cascade:
                raise in_use(name, heads[1:])
            for head in heads:
                change.put_head(replace(head, state=DocumentState.DELETED))
                change.audit(Subject("delete", DONE, head.name, head.document, head.current, message=message))
        return self.head(name)

    def used_by(self, name: str) -> builtins.list[Reference]:
        check_name(name)
        with self._access.viewing(name) as (authority, view, state):
            known(authority.head(view, state, name), name)
            return [Reference(user.name, None, number) for user, number in users(authority, view, state, name)]

    def search(self, text: str) -> builtins.list[Head]:
        wanted = text.encode()
        with self._access.viewing() as (authority, view, state):
            heads = list(listed(authority, view, state, list(view.search(authority.workspace_id, wanted))))
        quarantined = DocumentState.QUARANTINED
        return [
            head
            for head in heads
            if head.state is quarantined or (head.state is DocumentState.LIVE and wanted in head.public)
        ]

    def undelete(self, name: str) -> Head:
        check_name(name)
        with self._access.refusals("undelete", name), self._access.changing(name=name) as change:
            head = known(change.head(name), name)
            if head.state is DocumentState.DESTROYED:
                raise VersionDestroyed(f"{name} was destroyed.", "Nothing brings it back; save it anew.")
            change.put_head(replace(head, state=DocumentState.LIVE))
            change.audit(Subject("undelete", DONE, name, head.document, head.current))
        return self.head(name)

    def destroy(self, name: str, version: int | None = None) -> Head:
        check_name(name)
        with self._access.refusals("destroy", name, version), self._access.changing(name=name) as change:
            head = known(change.head(name), name)
            first, last = (1, head.last) if version is None else (version, version)
            check_number(head, last)
            for number in range(first, last + 1):
                if not head.is_destroyed(number):
                    change.blank_version(head, number)
            state = DocumentState.DESTROYED if version is None else head.state
            change.put_head(replace(head, state=state, destroyed=with_destroyed(head.destroyed, first, last)))
            change.audit(Subject("destroy", DONE, name, head.document, version))
        self._warm = {key: warm for key, warm in self._warm.items() if warm.name != name}
        self._access.store.scrub()
        return self.head(name)

    def prune(self, name: str, below: int) -> int:
        check_name(name)
        if not self._access.glance(name, lambda moment: _left_below(_known_at(moment, name), below)):
            return 0
        with self._access.refusals("destroy", name), self._access.changing(name=name) as change:
            head = known(change.head(name), name)
            left = _left_below(head, below)
            for number in left:
                change.blank_version(head, number)
                change.audit(Subject("destroy", DONE, name, head.document, number))
                head = replace(head, destroyed=with_destroyed(head.destroyed, number, number))
            change.put_head(head)
        self._warm = {key: warm for key, warm in self._warm.items() if warm.name != name}
        return len(left)

    def verify(self) -> VerifyReport:
        with self._access.viewing() as (authority, view, state):
            return verify_documents(authority, view, state)

    def audit(self, *, limit: int | None = None, name: str | None = None) -> Iterator[AuditEntry]:
        self._access.flush()
        with self._access.viewing() as (authority, view, state):
            entries = proven_entries(authority, view, state)
            wanted = (entry for entry in entries if name is None or entry.name == name)
            found = [*islice(wanted, limit)]
        return iter(found)

    def record(
        self,
        action: str,
        name: str,
        *,
        outcome: str = DONE,
        version: int | None = None,
        label: str = "",
        message: str = "",
    ) -> None:
        check_message(message)
        subject = Subject(action[:64], outcome[:64], name[:256], version=version, label=label[:64], message=message)
        if not self._access.counts(subject):
            self._access.record(subject)

    def revision(self) -> bytes:
        return self._access.root()

    def verify_audit(self) -> AuditReport:
        self._access.flush()
        with self._access.viewing() as (authority, view, state):
            return verify_audit(authority, view, state)

    def anchor(self) -> Anchor:
        with self._access.store.reading() as view:
            authority, _, state = self._access.believed(view, UNFLOORED)
            return Anchor.of(authority, state)

    def check_anchor(self, anchor: Anchor) -> None:
        with self._access.viewing() as (authority, view, state):
            check_anchor(authority, view, state, anchor)

    def write_anchor(self, places: AnchorStore, *, reset: bool = False) -> Anchor:
        anchoring = Anchoring(places, self._access.authority.store_id, self._access.authority.workspace_id)
        anchor = None if reset else anchoring.read()
        with self._access.store.reading() as view:
            authority, _, state = self._access.believed(view, UNFLOORED)
            if anchor is not None:
                anchoring.check(authority, view, state, anchor)
        if reset:
            anchoring.reset(authority, state)
        else:
            anchoring.advance(authority, state, first=True)
        return Anchor.of(authority, state)

    def keys(self) -> builtins.list[KeyWrap]:
        return key_care.listed(self._access)

    def add_key(self, uri: str) -> WrapReport:
        with self._access.refusals("key-add", self.workspace):
            return key_care.add(self._access, uri)

    def remove_key(self, which: str) -> WrapReport:
        with self._access.refusals("key-remove", self.workspace):
            return key_care.remove(self._access, which)

    def recovery_kit(self) -> RecoveryKit:
        with self._access.refusals("key-add", self.workspace):
            return key_care.recovery_kit(self._access)

    def check_keys(self) -> KeyReport:
        return key_care.check(self._access)

    def rotate(
        self,
        level: Level | str,
        *,
        to: str | None = None,
        older_than: timedelta | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> RotationReport:
        with self._access.refusals("rotate", self.workspace):
            report = rotation.rotate(self._access, Level(level), to=to, older_than=older_than, progress=progress)
        self._warm = {}
        return report

    def sealer(self, purpose: str) -> Sealer:
        return Sealer(WorkspaceSealing(self._access.authority.keyring), purpose)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        store, workspace_id = self._access.store, self._access.authority.workspace_id
        if not isinstance(store, Watched):
            raise StoreUnavailable(
                "This registry tells nobody of its changes.", "Keep it in PostgreSQL, or look at it from time to time."
            )

        def told(workspace: bytes) -> None:
            if workspace == workspace_id:
                self._warm = {}
                changed()

        return store.watch(told)

    def close(self) -> None:
        _registries.discard(self)
        try:
            self._access.flush()
        finally:
            self._warm = {}
            self._access.store.close()

    def __repr__(self) -> str:
        return f"EmbeddedRegistry(store_id={str(self.store_id)!r}, workspace={self.workspace!r})"

    def _get_cold(self, reference: str | Reference) -> Document:
        parsed = Reference.parse(reference) if isinstance(reference, str) else reference
        with self._access.refusals("load", parsed.name, parsed.version):
            warm, payload = self._opened(parsed, self._warm.get(reference))
        self._count_load(warm)
        self._keep(reference, warm)
        return Document(warm.id, warm.version, payload)

    def _opened(self, reference: Reference, former: _Warm | None) -> tuple[_Warm, bytes]:
        """Verify and open what a reference means. What was verified before and is the same still needs no more than its
        place in the trie."""
        (authority, _, state), head_row, head, row = self._access.glance(
            reference.name, lambda moment: _looked_up(moment, reference), number=reference.version, with_body=True
        )
        rows = (*head_row[2:4], *row[1:-1])
        if former is not None and former.rows == rows:
            warm = replace(former, root=state.root)
            return warm, _open(warm, row.body)
        proven = authority.believed_version(head, row)
        _check_asserted_type(reference, head, proven)
        warm = _newly_warm(authority, head, proven, row, state.root, rows)
        payload = _open(warm, row.body)
        authority.check_body(head, proven.record, row.body)
        return warm, payload

    def _count_load(self, warm: _Warm) -> None:
        if self._access.counts(warm.subject):
            return
        try:
            self._access.record(warm.subject)
        except StoreProblem as exc:
            raise AuditUnavailable(
                f"{warm.name}@{warm.number} is not revealed, because its load cannot be recorded: {exc.problem}",
                exc.remedy,
            ) from None

    def _keep(self, reference: str | Reference, warm: _Warm) -> None:
        with self._lock:
            if len(self._warm) >= _WARM_MAX:
                del self._warm[next(iter(self._warm))]
            self._warm[reference] = warm

    def _after_fork(self) -> None:
        self._lock = Lock()
        self._access.after_fork()


def _looked_up(moment: Moment, reference: Reference) -> tuple[Moment, HeadRow, HeadRecord, VersionRow]:
    """The rows that a reference means; that of the version is not yet believed."""
    authority, view, state = moment
    head_row = view.head(authority.workspace_id, reference.name)
    head = live(authority.believed_head(view, state, reference.name, head_row), reference.name)
    assert head_row is not None  # noqa: S101  # what is live has a row
    number = selected(head, reference)
    check_loadable(head, number)
    return moment, head_row, head, authority.version_row(view, head, number)


def _newly_warm(
    authority: Authority,
    head: HeadRecord,
    proven: ProvenVersion,
    row: VersionRow,
    root: bytes,
    rows: tuple[object, ...],
) -> _Warm:
    return _Warm(
        name=head.name,
        number=proven.record.number,
        root=root,
        rows=rows,
        opener=_opener(authority, head, proven.record, row),
        id=UUID(bytes=head.document),
        version=version_of(head, proven),
        subject=Subject("load", DONE, head.name, head.document, proven.record.number),
    )


def _opener(authority: Authority, head: HeadRecord, record: VersionRecord, row: VersionRow) -> Opener:
    key = authority.keyring.epoch(record.epoch)
    try:
        return opener(key, authority.binding(record), Sealed(row.wrap or b"", row.body))
    except IntegrityError as exc:
        raise named(exc, f"{head.name}@{record.number}") from None


def _known_at(moment: Moment, name: str) -> HeadRecord:
    return known(moment.authority.head(moment.view, moment.state, name), name)


def _left_below(head: HeadRecord, below: int) -> list[int]:
    """The versions below a number that are neither destroyed nor current."""
    left, at, end = list[int](), 1, min(below, head.current)
    for first, last in head.destroyed:
        left += range(at, min(first, end))
        at = last + 1
    return [*left, *range(at, end)]


def _described(moment: Moment, name: str) -> Head:
    authority, view, state = moment
    head = known(authority.head(view, state, name), name)
    return head_of(head, authority.version(view, head, head.current))


def _open(warm: _Warm, body: bytes | None) -> bytes:
    try:
        return warm.opener.open(body or b"")
    except IntegrityError as exc:
        raise named(exc, f"{warm.name}@{warm.number}") from None


def _check_asserted_type(reference: Reference, head: HeadRecord, proven: ProvenVersion) -> None:
    if reference.type not in (None, proven.record.type):
        raise TypeMismatch(
            f"{head.name}@{proven.record.number} is of the type {proven.record.type}, not {reference.type}.",
            f"Load {proven.record.type}/{head.name}, or leave the type out.",
        )


_registries: WeakSet[EmbeddedRegistry] = WeakSet()


@atexit.register
def _flush_all() -> None:
    for registry in list(_registries):
        registry._access.flush()


def _after_fork_in_child() -> None:
    for registry in list(_registries):
        registry._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
