"""The registry: named, sealed, versioned documents."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from strongroom_registry.audit import DONE, AuditEntry, AuditReport
from strongroom_registry.document import Document, Head, Reference, Version, VersionState

if TYPE_CHECKING:
    from strongroom_registry.anchor import Anchor
    from strongroom_registry.anchors import AnchorStore
    from strongroom_registry.key_care import KeyReport, KeyWrap, RecoveryKit, WrapReport
    from strongroom_registry.rotation import Level, Progress, RotationReport
    from strongroom_registry.sealer import Sealer
    from strongroom_registry.verification import VerifyReport


class Registry(ABC):
    """Named, sealed, versioned documents of one workspace. Opened by :func:`~strongroom_registry.open_registry`.

    Safe to use from several threads and processes. Whatever is read is verified first; a row that somebody changed
    is an
    :class:`~strongroom_registry.errors.IntegrityError` that says which, never a wrong document. Every method that
    takes a name raises :class:`~strongroom_registry.errors.InvalidReference` for one that is none, and any method
    :class:`~strongroom_registry.errors.StoreProblem` where the store does not work.
    """

    @property
    @abstractmethod
    def store_id(self) -> UUID:
        """The id of the store."""

    @property
    @abstractmethod
    def workspace(self) -> str:
        """The name of the workspace."""

    @abstractmethod
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

    @abstractmethod
    def get(self, reference: str | Reference) -> Document:
        """Load a version and open it. The load is in the audit before this returns.

        :raises UnknownDocument, UnknownVersion, UnknownLabel: there is none.
        :raises DocumentDeleted, VersionDestroyed: there was one.
        :raises TypeMismatch: the reference asserts another type.
        :raises IntegrityError: something was changed; nothing is handed out.
        :raises AuditUnavailable, AnchorUnavailable: the load cannot be recorded; nothing is handed out.
        """

    def ahead(self, references: Iterable[str | Reference]) -> AbstractContextManager[None]:
        """Have what loads of these need be read together when the block begins, where it can be, instead of in a
        journey for each: whatever is loaded in the block by the same thread may be as it was then."""
        return nullcontext()

    @abstractmethod
    def head(self, name: str) -> Head:
        """What a document is now, also when it is deleted or destroyed.

        :raises UnknownDocument: there is none of this name.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether a document of this name is there and not deleted."""

    @abstractmethod
    def list(self, glob: str = "*", *, type: str | None = None, deleted: bool = False) -> builtins.list[Head]:
        """The documents whose name fits a glob (``*``, ``?``, ``[seq]``), by name. Opens none.

        A document whose rows were changed is listed as :attr:`~DocumentState.QUARANTINED`, with the reason.

        :param type: only those of this type.
        :param deleted: those that are deleted or destroyed as well.
        """

    @abstractmethod
    def names(self) -> builtins.list[str]:
        """The names that stand in the store, sorted and unverified: of deleted documents too, and what somebody wrote
        there. Quick however many there are; to suggest one, and to be checked before it is relied on."""

    @abstractmethod
    def history(self, name: str) -> builtins.list[Version]:
        """All versions that ever were, the newest first. Opens none.

        :raises UnknownDocument: there is none of this name.
        """

    @abstractmethod
    def label(self, name: str, label: str, version: int | None = None) -> Head:
        """Put a label on a version, by default the current one, and take it from where it was.

        :raises UnknownDocument, DocumentDeleted, UnknownVersion, VersionDestroyed: there is nothing to label.
        :raises InvalidReference: no label, or one that moves by itself.
        """

    @abstractmethod
    def unlabel(self, name: str, label: str) -> Head:
        """Take a label away.

        :raises UnknownLabel: the document has no such label.
        :raises UnknownDocument, DocumentDeleted: there is no such document.
        """

    @abstractmethod
    def promote(self, name: str, version: int, *, expect: int | None = None, message: str = "") -> Head:
        """Make another version the current one: one that was saved as pending, or an older one again. The label
        ``previous`` moves to the one that was current, ``pending`` goes from the one that is now.

        :param expect: only if this number is the current one.
        :param message: why; it stands in the audit.
        :raises UnknownDocument, DocumentDeleted, UnknownVersion, VersionDestroyed: there is nothing to promote.
        :raises StaleExpectation: the current version is not ``expect``.
        """

    @abstractmethod
    def delete(self, name: str, *, message: str = "", cascade: bool = False) -> Head:
        """Delete a document, in a way that :meth:`undelete` can undo.

        :param message: why; it stands in the audit.
        :param cascade: delete those that use it as well, and those that use these.
        :raises UnknownDocument, DocumentDeleted: there is none to delete.
        :raises DocumentInUse: others use it, and ``cascade`` is not given.
        """

    @abstractmethod
    def used_by(self, name: str) -> builtins.list[Reference]:
        """The versions, current or labelled, of documents that refer to this one.

        :raises UnknownDocument: there is none of this name.
        """

    @abstractmethod
    def search(self, text: str) -> builtins.list[Head]:
        """The live documents whose public projection holds a text, by name. Opens none.

        A document whose rows were changed is listed as :attr:`~DocumentState.QUARANTINED`, with the reason.
        """

    @abstractmethod
    def undelete(self, name: str) -> Head:
        """Bring a deleted document back as it was; one that is not deleted stays as it is.

        :raises UnknownDocument: there is none of this name.
        :raises VersionDestroyed: it was destroyed.
        """

    @abstractmethod
    def destroy(self, name: str, version: int | None = None) -> Head:
        """Destroy a version, or a document with all its versions, for good: no byte of data key, payload or public
        projection stays in the store's files. What was destroyed stays on record: numbers, dates, messages.

        Destroying again does no harm, and repeats the cleaning of the files.

        :raises UnknownDocument, UnknownVersion: there is none.
        :raises StoreUnavailable: it is destroyed, and a reader kept the files from being cleaned; repeat it.
        """

    def prune(self, name: str, below: int) -> int:
        """Destroy the versions of a document that have a lower number, but never the current one; how many were left.

        For whoever keeps no more than some versions, at every write: an embedded registry does it in one step, and
        leaves it to the next :meth:`destroy` to clean the store's files of what was sealed with the data keys that are
        gone.

        :raises UnknownDocument: there is none of this name.
        """
        below = min(below, self.head(name).current)
        versions = [version for version in self.history(name) if version.number < below]
        left = [version.number for version in versions if version.state is not VersionState.DESTROYED]
        for number in reversed(left):
            self.destroy(name, number)
        return len(left)

    @abstractmethod
    def verify(self) -> VerifyReport:
        """Open every version there is, and name each row that is not as it was left. Reveals nothing."""

    @abstractmethod
    def audit(self, *, limit: int | None = None, name: str | None = None) -> Iterator[AuditEntry]:
        """The entries of the audit, the newest first.

        :param limit: how many at most.
        :param name: only those about this document.
        :raises AuditChainBroken: an entry is not as it was written; :meth:`verify_audit` says which is the first.
        """

    @abstractmethod
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

    @abstractmethod
    def revision(self) -> bytes:
        """What changes when any document does, and never comes again: to know whether something has to be read anew."""

    @abstractmethod
    def verify_audit(self) -> AuditReport:
        """Check the whole chain, and name the first entry that was changed, removed, inserted or moved."""

    @abstractmethod
    def anchor(self) -> Anchor:
        """Where the workspace stands now, whatever an anchor that is kept may say."""

    @abstractmethod
    def check_anchor(self, anchor: Anchor) -> None:
        """Hold the workspace against an anchor of it.

        :raises StoreRolledBack: the workspace is older than the anchor, or did not come of what that names.
        :raises AnchorTampered: the anchor is that of another workspace, or was not made with a key of this one.
        """

    @abstractmethod
    def write_anchor(self, places: AnchorStore, *, reset: bool = False) -> Anchor:
        """Keep where the workspace stands now: the first anchor, or one that is further than the one that is kept.

        :param reset: accept the workspace as it is, though the anchor that is kept be further.
        :raises StoreRolledBack: an anchor is kept that the workspace does not come of, and ``reset`` is not given.
        :raises AnchorUnavailable: it cannot be written.
        """

    @abstractmethod
    def keys(self) -> builtins.list[KeyWrap]:
        """The wraps of the workspace's keys, the newest epoch first."""

    @abstractmethod
    def add_key(self, uri: str) -> WrapReport:
        """Have the workspace's keys wrapped by one more provider; either opens them. As :func:`key_care.add`."""

    @abstractmethod
    def remove_key(self, which: str) -> WrapReport:
        """Remove what a provider wrapped, named by its URI or by its key's fingerprint. As :func:`key_care.remove`."""

    @abstractmethod
    def recovery_kit(self) -> RecoveryKit:
        """A new recovery code, which opens the workspace's keys in the place of any code before."""

    @abstractmethod
    def check_keys(self) -> KeyReport:
        """Try every wrap of the current key, and count what still uses an older one."""

    @abstractmethod
    def rotate(
        self,
        level: Level | str,
        *,
        to: str | None = None,
        older_than: timedelta | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> RotationReport:
        """Renew keys while others read and write; one that was interrupted goes on. As :func:`rotation.rotate`."""

    @abstractmethod
    def sealer(self, purpose: str) -> Sealer:
        """What seals values that are no documents (results, parameters) under this workspace's key."""

    @abstractmethod
    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after each change of the workspace by anybody, this process included, and after a time in
        which one may have been missed. It is called in a thread of the store, and has to be quick; what this registry
        remembers of its loads is dropped before. What is returned ends it, and so does :meth:`close`.

        :raises StoreUnavailable: the store cannot be reached, or is one that tells nobody: only PostgreSQL does.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what the audit still has to say, and let go of the store. Closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
