"""Holding a workspace against the anchor that is kept of it, and moving that forward."""

from __future__ import annotations

from uuid import UUID

from strongroom_registry.anchor import ANCHOR_PURPOSE, Anchor
from strongroom_registry.anchors.store import AnchorStore
from strongroom_registry.authority import Authority
from strongroom_registry.errors import AnchorTampered, AnchorUnavailable, SealBroken, StoreRolledBack
from strongroom_registry.heads import StateRecord
from strongroom_registry.stores.store import View
from strongroom_registry.verification import proven_mac

_IF_RESTORED = (
    "If it was restored on purpose, accept it with `strongroom anchor write --reset`; else restore a newer backup, and "
    "find out who can write its database."
)
_REMEDY = "See who can write it; if the registry is as it should be, `strongroom anchor write --reset`."


class Anchoring:
    """One workspace and the anchor that is kept of it. Safe to use from several threads.

    An anchor is read before the state that it is held against, so that a change in between cannot make the state look
    old. A process that committed and did not come to move the anchor leaves it behind by a change; the next one finds
    the anchor's entry in its audit, and moves it on.

    :param places: what keeps the anchor.
    """

    def __init__(self, places: AnchorStore, store_id: bytes, workspace_id: bytes) -> None:
        self._places = places
        self._store_id = UUID(bytes=store_id)
        self._workspace_id = UUID(bytes=workspace_id)
        self._passed: tuple[Anchor, StateRecord] | None = None
        self._owed: tuple[Authority, StateRecord] | None = None

    def read(self) -> Anchor | None:
        """The anchor that is kept, not yet believed; None where there is none.

        :raises AnchorUnavailable: the place does not work.
        :raises AnchorTampered: what stands there is none.
        """
        line = self._places.read(self._store_id, self._workspace_id)
        return None if line is None else Anchor.parse(line)

    def kept(self) -> Anchor:
        """As :meth:`read`, where one has to be there.

        :raises AnchorUnavailable: there is none.
        """
        anchor = self.read()
        if anchor is None:
            raise AnchorUnavailable(
                f"There is no anchor of this workspace at {self._places.uri}.",
                "Look whether STRONGROOM_ANCHOR names the right place. If this is the first time, and the registry is "
                "as it should be, write one with `strongroom anchor write`.",
            )
        return anchor

    def has_passed(self, anchor: Anchor, state: StateRecord) -> bool:
        """Whether this state was held against this anchor before."""
        return self._passed == (anchor, state)

    def check(self, authority: Authority, view: View, state: StateRecord, anchor: Anchor) -> None:
        """Hold a believed state against an anchor that was read before it.

        :raises StoreRolledBack: the state is older than the anchor, or is not what came of it.
        :raises AnchorTampered: the anchor was not made with a key of this workspace, or is that of another.
        :raises AuditChainBroken: the audit between the two is not as it was written.
        """
        passed = self._passed
        if passed == (anchor, state):
            return
        if passed is not None and passed[0] == anchor and passed[1].seq <= state.seq:
            _check_comes_of(authority, view, state, passed[1])  # what came before that was followed already
        else:
            check_anchor(authority, view, state, anchor)
        self._passed = (anchor, state)

    def check_writable(self) -> None:
        """Before something is changed or revealed: that the anchor can follow, and nothing is owed to it.

        :raises AnchorUnavailable: it cannot.
        """
        self._places.check_writable()
        if self._owed is not None:
            self.advance(*self._owed)

    def advance(self, authority: Authority, state: StateRecord, *, first: bool = False) -> None:
        """Move the anchor to a state, unless it is there or further already.

        :param first: write it where there is none.
        :raises AnchorUnavailable: it cannot be written; until it can, :meth:`check_writable` says so.
        """
        new = Anchor.of(authority, state)

        def choose(line: str | None) -> str | None:
            if line is None and not first:
                raise AnchorUnavailable(
                    f"The anchor at {self._places.uri} is gone.", "See who removed it, then `strongroom anchor write`."
                )
            return new.line if line is None or _is_behind(authority, Anchor.parse(line), new) else None

        self._owed = owed = (authority, state)
        self._places.update(self._store_id, self._workspace_id, choose)
        if self._owed is owed:  # another thread may owe a later one by now
            self._owed = None
        self._passed = (new, state)

    def follow(self, authority: Authority, state: StateRecord) -> None:
        """As :meth:`advance`, after a change was made that nothing undoes.

        :raises AnchorUnavailable: the change is made, and the anchor cannot follow.
        """
        try:
            self.advance(authority, state)
        except AnchorUnavailable as exc:
            raise AnchorUnavailable(
                f"The change is made, and nothing more will be until the anchor has followed: {exc.problem}", exc.remedy
            ) from None

    def reset(self, authority: Authority, state: StateRecord) -> None:
        """Put the anchor to a state, whatever it was: what was restored on purpose is what counts from now on."""
        self._owed = None
        self._places.update(self._store_id, self._workspace_id, lambda _: Anchor.of(authority, state).line)


def check_anchor(authority: Authority, view: View, state: StateRecord, anchor: Anchor) -> None:
    """As :meth:`Anchoring.check`, of any anchor."""
    if (anchor.store_id.bytes, anchor.workspace_id.bytes) != (authority.store_id, authority.workspace_id):
        raise AnchorTampered("The anchor is that of another workspace or store.", "Name the one of this workspace.")
    if anchor.epoch > state.epoch:
        raise StoreRolledBack(
            f"The anchor was written with key epoch {anchor.epoch}, and the workspace {authority.workspace!r} is at "
            f"{state.epoch}: an older copy of the registry was put back.",
            _IF_RESTORED,
        )
    _check_mac(authority, anchor)
    if anchor.seq > state.seq:
        raise StoreRolledBack(
            f"The workspace {authority.workspace!r} is at change {state.seq}, and its anchor says {anchor.seq}: an "
            "older copy of the registry was put back.",
            _IF_RESTORED,
        )
    _check_comes_of(authority, view, state, anchor)


def _check_comes_of(authority: Authority, view: View, state: StateRecord, earlier: Anchor | StateRecord) -> None:
    if not _comes_of(authority, view, state, earlier):
        raise StoreRolledBack(
            f"The workspace {authority.workspace!r} does not go on from change {earlier.seq} as that was left: an "
            "older copy of the registry was put back, and changed since.",
            _IF_RESTORED,
        )


def _comes_of(authority: Authority, view: View, state: StateRecord, earlier: Anchor | StateRecord) -> bool:
    if earlier.seq == state.seq:
        there = (earlier.root, earlier.audit_seq, earlier.audit_mac)
        return there == (state.root, state.audit_seq, state.audit_mac)
    if earlier.audit_seq > state.audit_seq:
        return False
    return proven_mac(authority, view, state, earlier.audit_seq) == earlier.audit_mac


def _is_behind(authority: Authority, kept: Anchor, new: Anchor) -> bool:
    if kept.epoch > new.epoch:  # somebody rotated the key meanwhile, and this process does not know the new one yet
        return False
    _check_mac(authority, kept)
    return kept.seq < new.seq


def _check_mac(authority: Authority, anchor: Anchor) -> None:
    """An anchor that was left behind may be of an epoch that was retired since."""
    try:
        key = authority.keyring.epoch(anchor.epoch)
    except SealBroken:
        key = None
    if key is None or not key.verify(ANCHOR_PURPOSE, anchor.record, anchor.mac):
        raise AnchorTampered(f"The anchor of the workspace {authority.workspace!r} was changed.", _REMEDY)
