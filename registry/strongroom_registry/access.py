"""Reading and changing one workspace: each time at one moment whose state is believed first, and with its audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple, TypeVar

from strongroom_registry.acting import Owed, actor_now
from strongroom_registry.anchor import Anchor
from strongroom_registry.anchoring import Anchoring
from strongroom_registry.audit import Repeats, Subject
from strongroom_registry.authority import REMEDY, Authority
from strongroom_registry.changes import Change, audited, noted
from strongroom_registry.errors import IntegrityError, RegistryRefusal, RollbackDetected, StoreProblem
from strongroom_registry.heads import StateRecord
from strongroom_registry.keyring import Keyring
from strongroom_registry.recording import Recorder
from strongroom_registry.stores.store import NEWEST, Expected, LoadedRows, NotAtHand, Store, StoreBusy, View
from strongroom_registry.tree import Trie

T = TypeVar("T")


class Seen(NamedTuple):
    """The newest state of the workspace that this process has seen; an older one is refused from then on."""

    state: StateRecord
    record: bytes
    mac: bytes


class Floor(NamedTuple):
    """The newest state that this process had seen, and the anchor that was kept, when it began to read."""

    seen: Seen | None
    anchor: Anchor | None


UNFLOORED = Floor(None, None)
_RECENT = 8
"""How many of the last states are known when they are read."""
_ATTEMPTS = 3
"""How often entries are written after a state that is believed to be the newest, before others have to wait."""


class Moment(NamedTuple):
    """The workspace at one moment, and what its rows are believed by. Rows that were read in it are to be checked with
    its own authority: a later one may know that their keys have been retired since."""

    authority: Authority
    view: View
    state: StateRecord


class Access:
    """One process's access to one workspace. Safe to use from several threads.

    :param actor: who the audit says did it.
    :param anchoring: holds each moment against an anchor, where one is kept.
    """

    def __init__(self, store: Store, authority: Authority, *, actor: str, anchoring: Anchoring | None = None) -> None:
        self.store = store
        self.authority = authority
        self._actor = actor
        self._anchoring = anchoring
        self._lock = Lock()
        self._seen: Seen | None = None
        self._recent: dict[bytes, Seen] = {}
        self._repeats = Repeats()
        self._recorder = Recorder(self.write_entries)

    @contextmanager
    def viewing(self, name: str | None = None) -> Iterator[Moment]:
        """The workspace at one moment.

        :param name: the document that will be asked for first, if it is known.
        """
        floor = self._floor()
        with self.store.reading() as view:
            if name is not None:
                view.expect(self._expected(name))
            yield self.believed(view, floor)

    def glance(
        self, name: str, look: Callable[[Moment], T], *, number: int | None = None, with_body: bool = False
    ) -> T:
        """What ``look`` finds when it looks at a document at one moment. Where it wants to see more than the way to the
        document and one version, it looks again, at another.

        :param number: the version that it will ask for, if it is known; by default the newest.
        :param with_body: whether it will ask for the body of that.
        """
        floor = self._floor()
        try:
            with self.store.glancing(self._expected(name, number, with_body)) as view:
                return look(self.believed(view, floor))
        except NotAtHand as missing:
            if number is None and missing.number is not None:
                return self.glance(name, look, number=missing.number, with_body=with_body)
        with self.viewing(name) as moment:
            return look(moment)

    @contextmanager
    def changing(self, keyring: Keyring | None = None, *, name: str | None = None) -> Iterator[Change]:
        """A change, and with it what the audit still has to say of repeated loads.

        :param keyring: one with a further epoch, which the change is written with, and which is adopted once it is
            stored.
        :param name: the document that will be asked for first, if it is known.
        """
        floor = Floor(self._seen, self.writable_anchor())
        asking = actor_now()
        actor, note = (asking.name, asking.note) if asking is not None else (self._actor, "")
        with self.store.writing() as transaction:
            if name is not None:
                transaction.expect(self._expected(name))
            authority, _, state = self.believed(transaction, floor)
            if self._anchoring is not None and floor.anchor is not None and floor.anchor.seq < state.seq:
                self._anchoring.advance(authority, state)
            if keyring is not None:
                authority = replace(authority, keyring=keyring)
            change = Change(authority, transaction, state, actor=actor, note=note, now=datetime.now(UTC))
            counts = self._repeats.drain()
            try:
                if counts:
                    change.audit_all((subject._replace(actor=self._actor), count) for subject, count in counts.items())
                yield change
                state, row = change.finish()
                self._remember(Seen(state, row.record, row.mac))
            except BaseException:
                self._repeats.give_back(counts)
                raise
        if keyring is not None:
            self.authority.keyring.adopt(keyring)
        self._see(Seen(state, row.record, row.mac))
        if self._anchoring is not None:
            self._anchoring.follow(self.authority, state)

    def writable_anchor(self) -> Anchor | None:
        """The anchor that is kept, where one is to be, before something is changed or revealed.

        :raises AnchorUnavailable: there is none, or it could not follow.
        """
        if self._anchoring is None:
            return None
        self._anchoring.check_writable()
        return self._anchoring.kept()

    def believed(self, view: View, floor: Floor) -> Moment:
        """The state of the workspace, not older than what this process or the anchor had seen when it began to read."""
        row = view.workspace(self.authority.workspace)
        seen = floor.seen
        if row is not None and seen is not None and (row.record, row.mac) == (seen.record, seen.mac):
            state = seen.state
        else:
            if row is not None:
                self.authority.learn_keys(view, row)
            state = self.authority.state(row)
            assert row is not None  # noqa: S101  # state() refuses None
            _check_not_older(state, row.record, seen)
            self._see(Seen(state, row.record, row.mac))
        authority = self._authority_at(view, state)
        if self._anchoring is not None and floor.anchor is not None:
            self._anchoring.check(authority, view, state, floor.anchor)
        return Moment(authority, view, state)

    @property
    def seen(self) -> Seen | None:
        """The newest state of the workspace that this process has seen."""
        return self._seen

    def is_unchanged(
        self, rows: LoadedRows, verified: tuple[object, ...], root: bytes, anchor: Anchor | None, floor: Seen | None
    ) -> bool:
        """Whether a load's rows are those that were verified, under a state and a root that were.

        :param floor: what :attr:`seen` was before they were read.
        """
        seen = self._known(rows[0], rows[1], floor)
        if seen is None or rows[2:9] != verified:
            return False
        if self._anchoring is not None and (anchor is None or not self._anchoring.has_passed(anchor, seen.state)):
            return False
        return seen.state.root == root

    def root(self) -> bytes:
        """What changes with each change of a document."""
        floor = self._seen
        if self._anchoring is None:
            row = self.store.state(self.authority.workspace_id)
            seen = self._known(*row, floor) if row is not None else None
            if seen is not None:
                return seen.state.root
        return self.glance("0", lambda moment: moment.state.root)

    def _known(self, record: bytes, mac: bytes, floor: Seen | None) -> Seen | None:
        """The state that has these bytes, if it is known, and not older than what was seen before it was read."""
        seen = self._recent.get(mac)
        if seen is None or seen.record != record or floor is None:
            return None
        return None if seen.state.seq <= floor.state.seq and seen.record != floor.record else seen

    def counts(self, subject: Subject) -> bool:
        """Count a repetition for the audit; False where it has to be written now."""
        return actor_now() is None and self._repeats.counts(subject)

    def record(self, subject: Subject) -> None:
        """Write an entry of the audit. Its repetitions are counted from now on, but for those on behalf of others."""
        asking = actor_now()
        if asking is not None:
            said = noted(subject.message, asking.note)
            subject = Subject(*subject[:6], said, asking.name)
            if asking.owing is not None:
                asking.owing.append(Owed(self, subject))
            else:
                self._recorder.record(subject)
            return
        with self.changing() as change:
            change.audit(subject)
        self._repeats.opened(subject)

    @contextmanager
    def refusals(self, action: str, name: str, version: int | None = None) -> Iterator[None]:
        """Record that something was refused. Where that cannot be recorded it is refused all the same."""
        try:
            yield
        except (RegistryRefusal, IntegrityError) as exc:
            subject = Subject(action, type(exc).__name__, name, version=version)
            if not self.counts(subject):
                self._record_refusal(subject)
            raise

    def flush(self) -> None:
        """Write the counts of repeated loads, where the store can be written to; else they wait."""
        if not self._repeats.are_waiting():
            return
        try:
            with self.changing():
                pass
        except (StoreProblem, IntegrityError):
            return

    def after_fork(self) -> None:
        """What the parent has counted, the parent writes."""
        self._lock = Lock()
        self._repeats = Repeats()
        self._recorder = Recorder(self.write_entries)
        self.authority.keyring.after_fork()
        self.authority = replace(self.authority, trie=Trie())
        self.store.after_fork()

    def _floor(self) -> Floor:
        return Floor(self._seen, self._anchoring.kept() if self._anchoring else None)

    def _expected(self, name: str, number: int | None = None, with_body: bool = False) -> Expected:
        authority, highest = self.authority, NEWEST if number is None else min(number, NEWEST)
        return Expected(authority.workspace, authority.workspace_id, name, highest, with_body)

    def _authority_at(self, view: View, state: StateRecord) -> Authority:
        if state.oldest > self.authority.oldest:
            keyring = self.authority.keyring
            keyring.learn(view.keys(self.authority.workspace_id))
            with self._lock:
                if state.oldest > self.authority.oldest:
                    self.authority = replace(self.authority, oldest=state.oldest)
        return self.authority

    def write_entries(self, subjects: Sequence[Subject], *, at_once: bool = False) -> None:
        """Write entries of the audit, each with its actor, in one transaction.

        :param at_once: raise StoreBusy in the place of waiting for others who write.
        """
        for _ in range(_ATTEMPTS):
            seen = self._seen_by_anchor()
            if seen is None or self._repeats.are_waiting():  # the counts are written with the next change
                break
            if self._renewed(seen, subjects, wait=not at_once):
                return
            with self.viewing():  # somebody else was faster: see what there is now
                pass
        if at_once:
            raise StoreBusy
        with self.changing() as change:
            change.audit_all((subject, 1) for subject in subjects)

    def _seen_by_anchor(self) -> Seen | None:
        """The newest state that was seen, unless an anchor is to be asked first. Raises AnchorUnavailable."""
        anchor = self.writable_anchor()
        seen = self._seen
        if self._anchoring is None or seen is None:
            return seen
        return seen if anchor is not None and self._anchoring.has_passed(anchor, seen.state) else None

    def _renewed(self, seen: Seen, subjects: Sequence[Subject], *, wait: bool) -> bool:
        """Write entries that follow a state, if nobody has changed it; whether they were written."""
        authority = self.authority
        state = replace(seen.state, seq=seen.state.seq + 1, epoch=authority.keyring.current.epoch)
        state, rows = audited(authority, state, datetime.now(UTC), ((subject, 1) for subject in subjects))
        row = authority.signed_state(state)
        coming = Seen(state, row.record, row.mac)
        self._remember(coming)
        if not self.store.renew((seen.record, seen.mac), row, rows, wait=wait):
            return False
        self._see(coming)
        if self._anchoring is not None:
            self._anchoring.follow(authority, state)
        return True

    def _record_refusal(self, subject: Subject) -> None:
        try:
            self.record(subject)
        except (StoreProblem, IntegrityError):
            return

    def _remember(self, seen: Seen) -> None:
        """Know a state when it is read: one that was seen, or is just about to be written, which nobody can read unless
        it was."""
        recent = self._recent
        if seen.mac not in recent:
            self._recent = {**dict(list(recent.items())[1 - _RECENT :]), seen.mac: seen}

    def _see(self, seen: Seen) -> None:
        self._remember(seen)
        with self._lock:
            if self._seen is None or seen.state.seq > self._seen.state.seq:
                self._seen = seen


def _check_not_older(state: StateRecord, record: bytes, floor: Seen | None) -> None:
    if floor is None:
        return
    if state.epoch < floor.state.epoch:
        raise RollbackDetected(
            f"The registry is at key epoch {state.epoch} again, and this process has seen {floor.state.epoch}: an "
            "older copy was put back, or somebody uses a key from before.",
            REMEDY,
        )
    if state.seq < floor.state.seq or (state.seq == floor.state.seq and record != floor.record):
        raise RollbackDetected(
            f"The registry is at change {state.seq} again, and this process has seen {floor.state.seq}: an older copy "
            "of it was put back.",
            REMEDY,
        )
