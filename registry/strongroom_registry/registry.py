"""The registry: named, sealed, versioned documents."""

from __future__ import annotations

import atexit
import builtins
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from threading import Lock
from typing import Self
from uuid import UUID
from weakref import WeakSet

from strongroom_registry import key_care, rotation
from strongroom_registry.access import UNFLOORED, Access, Moment
from strongroom_registry.anchor import Anchor
from strongroom_registry.anchoring import Anchoring, check_anchor
from strongroom_registry.anchors import AnchorStore
from strongroom_registry.audit import DONE, AuditEntry, AuditReport, Subject
from strongroom_registry.authority import Authority, ProvenVersion, named
from strongroom_registry.document import Document, DocumentState, Head, Reference, Version, check_name, is_name
from strongroom_registry.envelope import PAYLOAD_MAX, Opener, Sealed, opener
from strongroom_registry.errors import (
    AuditUnavailable,
    IntegrityError,
    InvalidReference,
    StoreProblem,
    StoreUnavailable,
    TooLarge,
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
from strongroom_registry.listing import listed
from strongroom_registry.rotation import Level, Progress, RotationReport
from strongroom_registry.sealer import Sealer
from strongroom_registry.stores.store import HeadRow, Store, VersionRow, Watched
from strongroom_registry.uses import doomed, in_use, users
from strongroom_registry.verification import VerifyReport, proven_entries, verify_audit, verify_documents

MESSAGE_MAX = 4096
"""The longest message of a version, in characters."""
PUBLIC_MAX = 1024 * 1024
"""The largest public projection, in bytes."""
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


class Registry:
    """Named, sealed, versioned documents of one workspace. Opened by :func:`~strongroom_registry.open_registry`.

    Safe to use from several threads and processes. Whatever is read is verified first; a row that somebody changed
    is an
    :class:`~strongroom_registry.errors.IntegrityError` that says which, never a wrong document. Every method that
    takes a name raises :class:`~strongroom_registry.errors.InvalidReference` for one that is none, and any method
    :class:`~strongroom_registry.errors.StoreProblem` where the store does not work.
    """

    def __init__(self, store: Store, authority: Authority, *, actor: str, anchoring: Anchoring | None = None) -> None:
        self._access = Access(store, authority, actor=actor, anchoring=anchoring)
        self._lock = Lock()
        self._warm: dict[str | Reference, _Warm] = {}
        with self._access.viewing():
            pass
        _registries.add(self)

    @property
    def store_id(self) -> UUID:
        """The id of the store."""
        return UUID(bytes=self._access.authority.store_id)

    @property
    def workspace(self) -> str:
        """The name of the workspace."""
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
        """Save a document: the first version of a new name, or another version of one that is there.

        The name of a deleted document can be used again: its generation grows, its numbers go on.

        :param type: the type slug.
        :param schema: the fingerprint of the schema, 1 to 255 bytes of UTF-8.
        :param payload: what is sealed, at most 64 MiB less 4 bytes.
        :param public: what may lie in clear, at most 1 MiB; it is bound to the payload.
        :param message: why, at most 4096 characters, in clear.
        :param overwrite: add a version where the name is taken.
        :param expect: add a version only if this number is the current one; 0 if there is no such document.
        :param retype: allow another type than the current version has.
        :param labels: labels to move to the new version.
        :param references: other documents that the payload refers to, as texts such as ``name`` or ``name@3``.
        :param expires_at: when what is in it stops working, with its time zone.
        :param pending: label the new version ``pending`` instead of making it the current one; see :meth:`promote`.
        :raises NameTaken: the name is taken, and neither ``overwrite`` nor ``expect`` is given.
        :raises StaleExpectation: the current version is not ``expect``; or another one is pending already.
        :raises TypeMismatch: the document is of another type, and ``retype`` is not given.
        :raises TooLarge: something is larger than allowed.
        """
        check_name(name)
        _check_sizes(type, schema, payload, public, message)
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
        """Load a version and open it. The load is in the audit before this returns.

        :raises UnknownDocument, UnknownVersion, UnknownLabel: there is none.
        :raises DocumentDeleted, VersionDestroyed: there was one.
        :raises TypeMismatch: the reference asserts another type.
        :raises IntegrityError: something was changed; nothing is handed out.
        :raises AuditUnavailable, AnchorUnavailable: the load cannot be recorded; nothing is handed out.
        """
        anchor = self._access.writable_anchor()
        warm = self._warm.get(reference)
        if warm is not None:
            rows = self._access.store.load(self._access.authority.workspace_id, warm.name, warm.number)
            if rows is not None and self._access.is_unchanged(rows, warm.rows, warm.root, anchor):
                payload = _open(warm, rows.body)
                self._count_load(warm)
                return Document(warm.id, warm.version, payload)
        return self._get_cold(reference)

    def head(self, name: str) -> Head:
        """What a document is now, also when it is deleted or destroyed.

        :raises UnknownDocument: there is none of this name.
        """
        check_name(name)
        return self._access.glance(name, lambda moment: _described(moment, name))

    def exists(self, name: str) -> bool:
        """Whether a document of this name is there and not deleted."""
        check_name(name)
        head = self._access.glance(name, lambda moment: moment.authority.head(moment.view, moment.state, name))
        return head is not None and head.state is DocumentState.LIVE

    def list(self, glob: str = "*", *, type: str | None = None, deleted: bool = False) -> builtins.list[Head]:
        """The documents whose name fits a glob (``*``, ``?``, ``[seq]``), by name. Opens none.

        A document whose rows were changed is listed as :attr:`~DocumentState.QUARANTINED`, with the reason.

        :param type: only those of this type.
        :param deleted: those that are deleted or destroyed as well.
        """
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
        """The names that stand in the store, sorted and unverified: of deleted documents too, and what somebody wrote
        there. Quick however many there are; to suggest one, and to be checked before it is relied on."""
        with self._access.viewing() as (authority, view, _):
            return [row.name for row in view.heads(authority.workspace_id) if is_name(row.name)]

    def history(self, name: str) -> builtins.list[Version]:
        """All versions that ever were, the newest first. Opens none.

        :raises UnknownDocument: there is none of this name.
        """
        check_name(name)
        with self._access.viewing(name) as (authority, view, state):
            head = known(authority.head(view, state, name), name)
            proven = list(authority.versions(view, head, range(head.last, 0, -1)))
        return [version_of(head, version) for version in proven]

    def label(self, name: str, label: str, version: int | None = None) -> Head:
        """Put a label on a version, by default the current one, and take it from where it was.

        :raises UnknownDocument, DocumentDeleted, UnknownVersion, VersionDestroyed: there is nothing to label.
        :raises InvalidReference: no label, or one that moves by itself.
        """
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
        """Take a label away.

        :raises UnknownLabel: the document has no such label.
        :raises UnknownDocument, DocumentDeleted: there is no such document.
        """
        check_name(name)
        check_user_label(label)
        with self._access.refusals("unlabel", name), self._access.changing(name=name) as change:
            head = live(change.head(name), name)
            number = labelled(head, label)
            change.put_head(replace(head, labels={k: v for k, v in head.labels.items() if k != label}))
            change.audit(Subject("unlabel", DONE, name, head.document, number, label))
        return self.head(name)

    def promote(self, name: str, version: int, *, expect: int | None = None, message: str = "") -> Head:
        """Make another version the current one: one that was saved as pending, or an older one again. The label
        ``previous`` moves to the one that was current, ``pending`` goes from the one that is now.

        :param expect: only if this number is the current one.
        :param message: why; it stands in the audit.
        :raises UnknownDocument, DocumentDeleted, UnknownVersion, VersionDestroyed: there is nothing to promote.
        :raises StaleExpectation: the current version is not ``expect``.
        """
        check_name(name)
        _check_message(message)
        with self._access.refusals("promote", name, version), self._access.changing(name=name) as change:
            head = live(change.head(name), name)
            check_expectation(name, head, True, expect)
            check_loadable(head, version)
            if version != head.current:
                change.put_head(promoted(head, version, change.version(head, version).record.body_hash))
            change.audit(Subject("promote", DONE, name, head.document, version, message=message))
        return self.head(name)

    def delete(self, name: str, *, message: str = "", cascade: bool = False) -> Head:
        """Delete a document, in a way that :meth:`undelete` can undo.

        :param message: why; it stands in the audit.
        :param cascade: delete those that use it as well, and those that use these.
        :raises UnknownDocument, DocumentDeleted: there is none to delete.
        :raises DocumentInUse: others use it, and ``cascade`` is not given.
        """
        check_name(name)
        _check_message(message)
        with self._access.refusals("delete", name), self._access.changing(name=name) as change:
            heads = doomed(change, live(change.head(name), name))
            if len(heads) > 1 and not cascade:
                raise in_use(name, heads[1:])
            for head in heads:
                change.put_head(replace(head, state=DocumentState.DELETED))
                change.audit(Subject("delete", DONE, head.name, head.document, head.current, message=message))
        return self.head(name)

    def used_by(self, name: str) -> builtins.list[Reference]:
        """The versions, current or labelled, of documents that refer to this one.

        :raises UnknownDocument: there is none of this name.
        """
        check_name(name)
        with self._access.viewing(name) as (authority, view, state):
            known(authority.head(view, state, name), name)
            return [Reference(user.name, None, number) for user, number in users(authority, view, state, name)]

    def search(self, text: str) -> builtins.list[Head]:
        """The live documents whose public projection holds a text, by name. Opens none.

        A document whose rows were changed is listed as :attr:`~DocumentState.QUARANTINED`, with the reason.
        """
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
        """Bring a deleted document back as it was; one that is not deleted stays as it is.

        :raises UnknownDocument: there is none of this name.
        :raises VersionDestroyed: it was destroyed.
        """
        check_name(name)
        with self._access.refusals("undelete", name), self._access.changing(name=name) as change:
            head = known(change.head(name), name)
            if head.state is DocumentState.DESTROYED:
                raise VersionDestroyed(f"{name} was destroyed.", "Nothing brings it back; save it anew.")
            change.put_head(replace(head, state=DocumentState.LIVE))
            change.audit(Subject("undelete", DONE, name, head.document, head.current))
        return self.head(name)

    def destroy(self, name: str, version: int | None = None) -> Head:
        """Destroy a version, or a document with all its versions, for good: no byte of data key, payload or public
        projection stays in the store's files. What was destroyed stays on record: numbers, dates, messages.

        Destroying again does no harm, and repeats the cleaning of the files.

        :raises UnknownDocument, UnknownVersion: there is none.
        :raises StoreUnavailable: it is destroyed, and a reader kept the files from being cleaned; repeat it.
        """
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

    def verify(self) -> VerifyReport:
        """Open every version there is, and name each row that is not as it was left. Reveals nothing."""
        with self._access.viewing() as (authority, view, state):
            return verify_documents(authority, view, state)

    def audit(self, *, limit: int | None = None, name: str | None = None) -> Iterator[AuditEntry]:
        """The entries of the audit, the newest first.

        :param limit: how many at most.
        :param name: only those about this document.
        :raises AuditChainBroken: an entry is not as it was written; :meth:`verify_audit` says which is the first.
        """
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
        """Write into the audit what a program did that uses this registry: who signed in, what was refused. It stands
        there when this returns.

        :param action: what was done, a word.
        :param name: what it was done to.
        :param outcome: ``done``, or the name of the error that refused.
        :param message: why, at most 4096 characters, in clear.
        :raises StoreUnavailable: it cannot be written.
        """
        _check_message(message)
        subject = Subject(action[:64], outcome[:64], name[:256], version=version, label=label[:64], message=message)
        if not self._access.counts(subject):
            self._access.record(subject)

    def revision(self) -> bytes:
        """What changes when any document does, and never comes again: to know whether something has to be read anew."""
        return self._access.glance("0", lambda moment: moment.state.root)

    def verify_audit(self) -> AuditReport:
        """Check the whole chain, and name the first entry that was changed, removed, inserted or moved."""
        self._access.flush()
        with self._access.viewing() as (authority, view, state):
            return verify_audit(authority, view, state)

    def anchor(self) -> Anchor:
        """Where the workspace stands now, whatever an anchor that is kept may say."""
        with self._access.store.reading() as view:
            authority, _, state = self._access.believed(view, UNFLOORED)
            return Anchor.of(authority, state)

    def check_anchor(self, anchor: Anchor) -> None:
        """Hold the workspace against an anchor of it.

        :raises StoreRolledBack: the workspace is older than the anchor, or did not come of what that names.
        :raises AnchorTampered: the anchor is that of another workspace, or was not made with a key of this one.
        """
        with self._access.viewing() as (authority, view, state):
            check_anchor(authority, view, state, anchor)

    def write_anchor(self, places: AnchorStore, *, reset: bool = False) -> Anchor:
        """Keep where the workspace stands now: the first anchor, or one that is further than the one that is kept.

        :param reset: accept the workspace as it is, though the anchor that is kept be further.
        :raises StoreRolledBack: an anchor is kept that the workspace does not come of, and ``reset`` is not given.
        :raises AnchorUnavailable: it cannot be written.
        """
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
        """The wraps of the workspace's keys, the newest epoch first."""
        return key_care.listed(self._access)

    def add_key(self, uri: str) -> WrapReport:
        """Have the workspace's keys wrapped by one more provider; either opens them. As :func:`key_care.add`."""
        with self._access.refusals("key-add", self.workspace):
            return key_care.add(self._access, uri)

    def remove_key(self, which: str) -> WrapReport:
        """Remove what a provider wrapped, named by its URI or by its key's fingerprint. As :func:`key_care.remove`."""
        with self._access.refusals("key-remove", self.workspace):
            return key_care.remove(self._access, which)

    def recovery_kit(self) -> RecoveryKit:
        """A new recovery code, which opens the workspace's keys in the place of any code before."""
        with self._access.refusals("key-add", self.workspace):
            return key_care.recovery_kit(self._access)

    def check_keys(self) -> KeyReport:
        """Try every wrap of the current key, and count what still uses an older one."""
        return key_care.check(self._access)

    def rotate(
        self,
        level: Level | str,
        *,
        to: str | None = None,
        older_than: timedelta | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> RotationReport:
        """Renew keys while others read and write; one that was interrupted goes on. As :func:`rotation.rotate`."""
        with self._access.refusals("rotate", self.workspace):
            report = rotation.rotate(self._access, Level(level), to=to, older_than=older_than, progress=progress)
        self._warm = {}
        return report

    def sealer(self, purpose: str) -> Sealer:
        """What seals values that are no documents (results, parameters) under this workspace's key."""
        return Sealer(self._access.authority.keyring, purpose)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after each change of the workspace by anybody, this process included, and after a time in
        which one may have been missed. It is called in a thread of the store, and has to be quick; what this registry
        remembers of its loads is dropped before. What is returned ends it, and so does :meth:`close`.

        :raises StoreUnavailable: the store cannot be reached, or is one that tells nobody: only PostgreSQL does.
        """
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
        """Write what the audit still has to say, and let go of the store. Closing twice is fine."""
        _registries.discard(self)
        try:
            self._access.flush()
        finally:
            self._warm = {}
            self._access.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Registry(store_id={str(self.store_id)!r}, workspace={self.workspace!r})"

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


def _check_sizes(type_: str, schema: str, payload: bytes, public: bytes, message: str) -> None:
    check_name(type_)
    _check_message(message)
    if not 1 <= len(schema.encode()) <= 255:
        raise InvalidReference(f"{schema!r:.80} is no schema fingerprint.", "It has 1 to 255 bytes.")
    if len(payload) > PAYLOAD_MAX:
        raise TooLarge(f"A payload of {len(payload)} bytes is too large.", f"At most {PAYLOAD_MAX} fit into a version.")
    if len(public) > PUBLIC_MAX:
        raise TooLarge(
            f"{len(public)} bytes of public fields are too many.", f"At most {PUBLIC_MAX} fit into a version."
        )


def _check_message(message: str) -> None:
    if len(message) > MESSAGE_MAX:
        raise TooLarge(f"A message of {len(message)} characters is too long.", f"At most {MESSAGE_MAX} are possible.")
    if not message.isascii() and any("\ud800" <= character <= "\udfff" for character in message):
        raise InvalidReference("The message holds half a character.", "Give it as text that can be written in UTF-8.")


_registries: WeakSet[Registry] = WeakSet()


@atexit.register
def _flush_all() -> None:
    for registry in list(_registries):
        registry._access.flush()


def _after_fork_in_child() -> None:
    for registry in list(_registries):
        registry._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
