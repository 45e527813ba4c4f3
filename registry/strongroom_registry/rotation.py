"""New keys for what is there: in batches, while others read and write, and going on where a killed process stopped.

There is no list of what is left to do: every record says the epoch of its key, and what says an earlier one than the
current is left. An epoch that nothing says any more is retired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from strongroom_registry.access import Access
from strongroom_registry.audit import DONE, AuditEntry, Subject
from strongroom_registry.authority import REMEDY, Authority
from strongroom_registry.changes import Change
from strongroom_registry.envelope import Sealed, open_sealed, rewrap
from strongroom_registry.errors import HeadTampered, IntegrityError, StoreUnavailable
from strongroom_registry.heads import HEAD_PURPOSE, VERSION_PURPOSE, HeadRecord, VersionRecord, record_epoch
from strongroom_registry.key_care import WrapReport, keepers, renew, scrubbed
from strongroom_registry.keyring import WorkspaceKey
from strongroom_registry.listing import believed_heads
from strongroom_registry.stores.store import Backlog, HeadRow, VersionOutline, WrapRow
from strongroom_registry.verification import Problem, proven_entries

BATCH = 2_000
"""Rows that are rotated within one transaction, where payloads stay as they are; a tenth of it, where they do not."""

_NO_LIMIT = "all"


class Level(StrEnum):
    """What a rotation renews: the provider's key and the wrap of the workspace's, the workspace's key and the wraps of
    all data keys, or the data keys as well."""

    PROVIDER = "provider"
    WORKSPACE = "workspace"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is, in rows: versions and heads."""

    epoch: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What a rotation did. ``problems`` are rows that are not as they were left: they stay as they are, and so does the
    key that they name. ``resumed`` says that an earlier one was found unfinished and was finished first. ``scrubbed``
    is false where a reader kept the files from being cleaned of what was replaced. ``wraps`` is what became of those
    at the level ``PROVIDER``.
    """

    level: Level
    epoch: int
    versions: int
    resealed: int
    heads: int
    retired: tuple[int, ...]
    problems: tuple[Problem, ...]
    resumed: bool
    scrubbed: bool
    wraps: WrapReport | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a rotation is to do; stands in the audit, so that another process can go on with it."""

    level: Level
    sealed_before: datetime | None = None

    def label(self) -> str:
        return self.level.value

    def message(self) -> str:
        if self.level is not Level.DATA:
            return ""
        return _NO_LIMIT if self.sealed_before is None else self.sealed_before.isoformat()

    @classmethod
    def of(cls, entry: AuditEntry) -> _Plan:
        limit = None if entry.message in ("", _NO_LIMIT) else datetime.fromisoformat(entry.message)
        return cls(Level(entry.label), limit)

    def reseals(self, outline: VersionOutline, created_at: datetime) -> bool:
        """Whether the payload of a version is encrypted anew."""
        if self.level is not Level.DATA or outline.wrap is None:
            return False
        return self.sealed_before is None or created_at < self.sealed_before

    def covers(self, other: _Plan) -> bool:
        """Whether having done this, the other need not be done."""
        if other.level is Level.WORKSPACE:
            return True
        mine, theirs = self.sealed_before, other.sealed_before
        return self.level is Level.DATA and (mine is None or (theirs is not None and theirs <= mine))


@dataclass(slots=True)
class _Done:
    """What one run of a rotation has done so far."""

    versions: int = 0
    resealed: int = 0
    heads: int = 0
    problems: dict[tuple[str, int | None], Problem] = field(default_factory=dict)

    def bad(self, name: str, version: int | None, error: IntegrityError) -> None:
        self.problems[name, version] = Problem(name, version, error)


def rotate(
    access: Access,
    level: Level,
    *,
    to: str | None = None,
    older_than: timedelta | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RotationReport:
    """Renew the keys of a workspace; an unfinished rotation of its key is finished first.

    :param level: ``PROVIDER`` wraps the workspace's key anew; ``WORKSPACE`` gives the workspace a new key, wraps every
        data key anew and leaves payloads as they are; ``DATA`` also encrypts payloads anew.
    :param to: at the level ``PROVIDER``, the URI of the provider that is used from now on.
    :param older_than: at the level ``DATA``, only payloads of versions saved longer ago.
    :param progress: called after each batch.
    :raises KeyProblem: one of the providers that keep the workspace's key cannot wrap now; nothing was changed.
    :raises StoreProblem: the store does not work; what was done so far is kept.
    """
    if level is Level.PROVIDER:
        wraps = renew(access, to)
        return RotationReport(
            level, access.authority.keyring.current.epoch, 0, 0, 0, (), (), False, wraps.scrubbed, wraps
        )
    plan = _Plan(level, datetime.now(UTC) - older_than if older_than is not None else None)
    unfinished = _unfinished(access)
    if unfinished is not None:
        report = _Rotation(access, unfinished, progress).run()
        if unfinished.covers(plan) and (report.versions or report.heads or report.retired):
            return replace(report, resumed=True)
    _begin(access, plan)
    return replace(_Rotation(access, plan, progress).run(), resumed=unfinished is not None)


def backlog(access: Access) -> Backlog:
    """How many heads and versions still use a key of an earlier epoch."""
    with access.viewing() as (authority, view, _):
        return view.backlog(authority.workspace_id, authority.keyring.current.epoch)


def _unfinished(access: Access) -> _Plan | None:
    """The rotation that was begun and whose former epoch is not retired, or None."""
    with access.viewing() as (authority, view, state):
        if state.oldest == authority.keyring.current.epoch:
            return None
        entries = proven_entries(authority, view, state)
        return next((_Plan.of(entry) for entry in entries if entry.action == "rotate" and entry.outcome == DONE), None)


def _begin(access: Access, plan: _Plan) -> None:
    """The next epoch: from here on, everything is written with its key. The providers are asked before the store is
    locked."""
    with access.viewing() as (authority, view, _):
        keyring = authority.keyring
        keyring.learn(view.keys(authority.workspace_id))
    kept_by = list(keepers(keyring, keyring.current.epoch))
    successor, wraps = keyring.successor([keeper for keeper, _ in kept_by])
    with access.changing(successor) as change:
        known = change.transaction.keys(change.authority.workspace_id)
        if max(wrap.epoch for wrap in known) + 1 != successor.current.epoch:
            raise StoreUnavailable(
                "Another process began to rotate the key just now.", "See how far it is, and repeat."
            )
        now = {wrap.fingerprint for wrap in known if wrap.epoch + 1 == successor.current.epoch}
        if now != {record.fingerprint for _, record in kept_by}:
            raise StoreUnavailable("Another process changed who keeps the key just now.", "Repeat it.")
        for wrap in wraps:
            change.transaction.put_key(change.authority.workspace_id, wrap)
        workspace = change.authority.workspace
        change.audit(Subject("rotate", DONE, workspace, None, successor.current.epoch, plan.label(), plan.message()))


class _Rotation:
    """One run of a rotation, up to its end or to the end of the process."""

    def __init__(self, access: Access, plan: _Plan, progress: Callable[[Progress], None] | None) -> None:
        self._access = access
        self._plan = plan
        self._tell = progress or (lambda _: None)
        self._epoch = access.authority.keyring.current.epoch
        self._batch = BATCH if plan.level is Level.WORKSPACE else max(2, BATCH // 10)
        self._done = _Done()
        self._rows = 0
        self._total = sum(backlog(access)) if progress is not None else 0

    def run(self) -> RotationReport:
        for _ in self._versions():
            self._tell(Progress(self._epoch, self._rows, self._total))
        for _ in self._heads():
            self._tell(Progress(self._epoch, self._rows, self._total))
        retired = self._retire()
        done = self._done
        return RotationReport(
            level=self._plan.level,
            epoch=self._epoch,
            versions=done.versions,
            resealed=done.resealed,
            heads=done.heads,
            retired=retired,
            problems=tuple(done.problems.values()),
            resumed=False,
            scrubbed=scrubbed(self._access),
        )

    def _versions(self) -> Iterator[None]:
        after = ("", 0)
        while True:
            with self._access.changing() as change:
                workspace = change.authority.workspace_id
                rows = change.transaction.versions_before(workspace, self._epoch, after=after, limit=self._batch)
                self._rotate_versions(change, rows)
            self._rows += len(rows)
            yield
            if len(rows) < self._batch:
                return
            former, after = after, (rows[-1][0].path, rows[-1][1].number)
            if after <= former:
                self._misplaced(rows[-1][0])
                return

    def _heads(self) -> Iterator[None]:
        after = ""
        while True:
            with self._access.changing() as change:
                rows = change.transaction.heads_by_path(
                    change.authority.workspace_id, after=after, limit=self._batch, before_epoch=self._epoch
                )
                self._rotate_heads(change, rows)
            self._rows += len(rows)
            yield
            if len(rows) < self._batch:
                return
            former, after = after, rows[-1].path
            if after <= former:
                self._misplaced(rows[-1])
                return

    def _misplaced(self, row: HeadRow) -> None:
        """What stands behind this row is not found: text that is no UTF-8 is not read as it is sorted."""
        self._done.bad(row.name, None, HeadTampered(f"{row.name} stands in a place that no registry writes.", REMEDY))

    def _rotate_versions(self, change: Change, rows: Sequence[tuple[HeadRow, VersionOutline]]) -> None:
        heads = {row.document: row for row, _ in rows}
        if self._plan.level is Level.DATA:
            self._reseal_versions(change, rows, self._believed(change, list(heads.values())))
            return
        key = change.authority.keyring.current
        wraps: list[WrapRow] = []
        unfinished = (
            {rows[-1][0].document} if len(rows) == self._batch else set()
        )  # more versions of the last may follow
        for row, outline in rows:
            try:
                record = change.authority.authentic_version(row.name, row.document, outline)
                wraps.append(_rewrapped(change.authority, key, record, outline))
            except IntegrityError as problem:
                self._done.bad(row.name, outline.number, problem)
                unfinished.add(row.document)
        change.transaction.put_wraps(wraps)
        self._done.versions += len(wraps)
        behind = [
            row
            for row in heads.values()
            if row.document not in unfinished
            and change.authority.fits(HEAD_PURPOSE, row.record, row.mac)
            and record_epoch(row.record) < self._epoch
        ]
        written, _ = change.renew(behind)  # those that are refused are told of with the heads that are left
        self._done.heads += len(written)
        self._rows += len(written)

    def _reseal_versions(
        self, change: Change, rows: Sequence[tuple[HeadRow, VersionOutline]], heads: dict[bytes, HeadRecord]
    ) -> None:
        key = change.authority.keyring.current
        wraps: list[WrapRow] = []
        resealed: dict[bytes, HeadRecord] = {}
        for row, outline in rows:
            head = heads.get(row.document)
            if head is None:
                continue
            try:
                proven = change.authority.believed_version(head, outline)
                if self._plan.reseals(outline, proven.note.created_at):
                    body_hash = self._reseal(change, head, outline.number)
                    if outline.number == head.current:
                        resealed[row.document] = replace(head, body_hash=body_hash)
                    self._done.resealed += 1
                else:
                    wraps.append(_rewrapped(change.authority, key, proven.record, outline))
            except IntegrityError as problem:
                self._done.bad(head.name, outline.number, problem)
                continue
            self._done.versions += 1
        change.transaction.put_wraps(wraps)
        change.resign(list(resealed.values()))
        self._done.heads += len(resealed)
        self._rows += len(resealed)

    def _reseal(self, change: Change, head: HeadRecord, number: int) -> bytes:
        """Encrypt a payload under a new data key, and return what its head has to say of it."""
        authority = change.authority
        row = authority.version_row(change.transaction, head, number)
        record, note, public = authority.believed_version(head, row)
        key = authority.keyring.epoch(record.epoch)
        payload = open_sealed(key, authority.binding(record), Sealed(row.wrap or b"", row.body))
        authority.check_body(head, record, row.body)
        return change.put_version(record, note, public, payload).record.body_hash

    def _rotate_heads(self, change: Change, rows: Sequence[HeadRow]) -> None:
        authentic = self._authentic(change, rows)
        written, refused = change.renew([row for row in rows if row.document in authentic])
        self._done.heads += len(written)
        for row in refused:
            try:
                change.authority.believed_head(change.transaction, change.state, row.name, row)
            except IntegrityError as problem:
                self._done.bad(row.name, None, problem)

    def _believed(self, change: Change, rows: Sequence[HeadRow]) -> dict[bytes, HeadRecord]:
        """The heads that are as they were left, by document; the others are told of."""
        found: dict[bytes, HeadRecord] = {}
        for row, head in believed_heads(change.authority, change.transaction, change.state, rows):
            if isinstance(head, IntegrityError):
                self._done.bad(row.name, None, head)
            else:
                found[row.document] = head
        return found

    def _authentic(self, change: Change, rows: Sequence[HeadRow]) -> dict[bytes, HeadRecord]:
        """The heads that somebody wrote who had the key, by document; the others are told of. Whether they are the
        newest is asked when they are themselves rewritten: one that is not stays, and so does the key that it names."""
        found: dict[bytes, HeadRecord] = {}
        for row in rows:
            try:
                found[row.document] = change.authority.authentic_head(row.name, row)
            except IntegrityError as problem:
                self._done.bad(row.name, None, problem)
        return found

    def _retire(self) -> tuple[int, ...]:
        """Retire the epochs before this one, if nothing uses them."""
        with self._access.changing() as change:
            authority, transaction, workspace = change.authority, change.transaction, change.authority.workspace_id
            if change.state.oldest >= self._epoch:  # another process has retired these, and perhaps later ones
                return ()
            if transaction.versions_before(workspace, self._epoch, after=("", 0), limit=1):
                return ()
            if transaction.heads_by_path(workspace, after="", limit=1, before_epoch=self._epoch):
                return ()
            epochs = tuple(range(change.state.oldest, self._epoch))
            for wrap in transaction.keys(workspace):
                if wrap.epoch in epochs:
                    transaction.remove_key(workspace, wrap.epoch, wrap.fingerprint)
            for epoch in epochs:
                transaction.put_key(workspace, authority.keyring.retired(epoch))
                change.audit(Subject("retire", DONE, authority.workspace, None, epoch))
            change.retire_before(self._epoch)
        return epochs


def _rewrapped(authority: Authority, key: WorkspaceKey, record: VersionRecord, outline: VersionOutline) -> WrapRow:
    """A version under the current key: its data key wrapped anew, its record signed anew."""
    wrap = outline.wrap
    if wrap is not None:
        wrap = rewrap(authority.keyring.epoch(record.epoch), key, authority.binding(record), wrap)
    encoded = key.epoch.to_bytes(4, "big") + outline.record[4:]
    return WrapRow(record.document, record.number, encoded, key.mac(VERSION_PURPOSE, encoded), wrap)
