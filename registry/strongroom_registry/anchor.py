"""Anchors: where a workspace stood at last, kept apart from its store.

The rows of a whole store put back together are a valid store of an earlier moment, and nothing in them can tell. An
anchor can: it names the newest state that was seen, has a MAC under the workspace key, and is one line of text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from strongroom_registry.authority import Authority
from strongroom_registry.canonical import Cursor, Malformed, u32, u64
from strongroom_registry.errors import AnchorTampered
from strongroom_registry.heads import StateRecord

ANCHOR_PURPOSE = b"strongroom/v1/anchor"

_PREFIX = "strongroom-anchor-v1:"
_IDS = len(_PREFIX) + 8
"""Where the ids of store and workspace begin: behind the eight digits of the epoch."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where one workspace of one store stood. ``mac`` (32 bytes) is made with the workspace key of ``epoch``.

    ``seq`` counts the changes of the workspace, ``root`` stands for all its documents, ``audit_seq`` and ``audit_mac``
    are those of the newest entry of the audit.
    """

    epoch: int
    store_id: UUID
    workspace_id: UUID
    seq: int
    root: bytes
    audit_seq: int
    audit_mac: bytes
    mac: bytes = b""

    @staticmethod
    def of(authority: Authority, state: StateRecord) -> Anchor:
        """The anchor of a state that is believed, under the current workspace key."""
        key = authority.keyring.current
        anchor = Anchor(
            epoch=key.epoch,
            store_id=UUID(bytes=state.store),
            workspace_id=UUID(bytes=state.workspace),
            seq=state.seq,
            root=state.root,
            audit_seq=state.audit_seq,
            audit_mac=state.audit_mac,
        )
        return replace(anchor, mac=key.mac(ANCHOR_PURPOSE, anchor.record))

    @staticmethod
    def parse(line: str) -> Anchor:
        """Read a line that :attr:`line` gave; its MAC is not looked at.

        :raises AnchorTampered: it is none.
        """
        digits = line.strip().removeprefix(_PREFIX)
        try:
            data = bytes.fromhex(digits)
            if f"{_PREFIX}{data.hex()}" != line.strip():
                raise Malformed("not canonical")
            c = Cursor(data)
            anchor = Anchor(
                epoch=c.u32(),
                store_id=UUID(bytes=c.take(16)),
                workspace_id=UUID(bytes=c.take(16)),
                seq=c.u64(),
                root=c.take(32),
                audit_seq=c.u64(),
                audit_mac=c.take(32),
                mac=c.take(32),
            )
            c.end()
        except ValueError:  # of which Malformed is one
            raise AnchorTampered(
                f"{line.strip()!r:.60} is no anchor.", f"An anchor is a line that begins with {_PREFIX}"
            ) from None
        return anchor

    @property
    def record(self) -> bytes:
        """The canonical bytes that the MAC is made of."""
        ids = u32(self.epoch) + self.store_id.bytes + self.workspace_id.bytes
        return ids + u64(self.seq) + self.root + u64(self.audit_seq) + self.audit_mac

    @property
    def line(self) -> str:
        """The anchor as one line of text; nothing in it is secret."""
        return f"{_PREFIX}{(self.record + self.mac).hex()}"


def belongs_to(line: str, store_id: UUID, workspace_id: UUID) -> bool:
    """Whether a line claims to be the anchor of this workspace."""
    return line.startswith(_PREFIX) and line[_IDS : _IDS + 64] == store_id.hex + workspace_id.hex
