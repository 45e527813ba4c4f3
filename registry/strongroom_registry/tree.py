"""The trie over all heads of a workspace: one root hash that stands for every one of them.

A 16-ary hash trie. The path of a document is the SHA-256 of its name, nibble by nibble, so that the absence of a
name can be proven as well as its presence. A leaf holds the MAC of the head. A branch stands wherever two or more
documents share the path so far, and at the root; so the shape depends on the documents alone, not on the order they
came in. Documents never leave the trie (a destroyed one keeps its head), which is why there is no removal.

Only branches are stored. One is stored under its path and believed only if it hashes to what its parent, at last the
MACed state of the workspace, says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from threading import Lock
from typing import NamedTuple

from strongroom_registry.canonical import Malformed
from strongroom_registry.errors import RollbackDetected

_EMPTY, _LEAF, _BRANCH = 0, 1, 2
_EMPTY_SLOT, _LEAF_TAG, _BRANCH_TAG = bytes([_EMPTY]), bytes([_LEAF]), bytes([_BRANCH])
_SLOT_SIZES = {_EMPTY_SLOT: 0, _LEAF_TAG: 64, _BRANCH_TAG: 32}
_NODE_LABEL = b"strongroom/v1/trie-node"
_PATH_LABEL = b"strongroom/v1/trie-path"
_CACHED_NODES = 2048

_WAY = 8
"""How many nodes on the way to a document are asked for at once. Only among thousands of millions there are more."""
_AT_ONCE = 500
"""How many nodes are asked for at once where many are gone through."""

Fetch = Callable[[Sequence[str]], Iterator[bytes | None]]
"""Returns the stored nodes at some paths, in the order of these; None for each that is missing. What is not taken from
it need not be read."""


class Leaf(NamedTuple):
    """A document in the trie: its full path and the MAC of its head."""

    path: str
    head_mac: bytes


class Branch(NamedTuple):
    """The hash of a node further down."""

    hash: bytes


class Replacement(NamedTuple):
    """What a leaf is to say instead of what it says."""

    former: bytes
    new: bytes


Slot = Leaf | Branch | None
Node = tuple[Slot, ...]
_BARE: Node = (None,) * 16


def path_of(name: str) -> str:
    """The 64 hexadecimal digits that lead to a name."""
    return sha256(_PATH_LABEL + name.encode()).hexdigest()


def way_to(path: str, depth: int = 0) -> list[str]:
    """Where the nodes on the way to a path can lie, from the root or a depth on: as many as are asked for at once."""
    return [path[:at] for at in range(depth, depth - depth % _WAY + _WAY)]


def encode_node(node: Node) -> bytes:
    """Sixteen slots, each a tag and what it carries."""
    parts: list[bytes] = []
    for slot in node:
        if slot is None:
            parts.append(_EMPTY_SLOT)
        elif isinstance(slot, Branch):
            parts += (_BRANCH_TAG, slot.hash)
        else:
            parts += (_LEAF_TAG, bytes.fromhex(slot.path), slot.head_mac)
    return b"".join(parts)


def decode_node(data: bytes) -> Node:
    """The slots of a node; raises :class:`~strongroom_registry.canonical.Malformed`."""
    slots: list[Slot] = []
    at = 0
    for _ in range(16):
        tag, start = data[at : at + 1], at + 1
        at = start + _SLOT_SIZES.get(tag, len(data))
        if tag == _EMPTY_SLOT:
            slots.append(None)
        elif tag == _BRANCH_TAG:
            slots.append(Branch(data[start:at]))
        elif tag == _LEAF_TAG:
            slots.append(Leaf(data[start : start + 32].hex(), data[start + 32 : at]))
        else:
            raise Malformed("no slot of a trie")
    if at != len(data):
        raise Malformed("too short" if at > len(data) else "too long")
    return tuple(slots)


def node_hash(encoded: bytes) -> bytes:
    """What a parent, or the state of the workspace, says of a node."""
    return sha256(_NODE_LABEL + encoded).digest()


EMPTY_ROOT = node_hash(encode_node(_BARE))


class Trie:
    """Reads and changes the trie of one workspace. Safe to use from several threads.

    Nodes that were verified once are kept by their hash, so that a document that did not change is looked up without
    reading anything, whatever else changed.
    """

    def __init__(self) -> None:
        self._verified: dict[bytes, Node] = {EMPTY_ROOT: _BARE}
        self._lock = Lock()

    def find(self, root: bytes, path: str, fetch: Fetch) -> bytes | None:
        """The head MAC that the trie holds for a path, or None where the path is proven to be absent.

        :raises RollbackDetected: a node on the way is missing or is not the one that belongs there.
        """
        slot: Slot = Branch(root)
        depth, next_depth = 0, -1
        stored: Iterator[bytes | None] = iter(())
        while isinstance(slot, Branch):
            node = self._verified.get(slot.hash)
            if node is None:
                if depth != next_depth or depth % _WAY == 0:
                    stored = fetch(way_to(path, depth))
                node = _verified_node(slot.hash, path[:depth], next(stored))
                self._remember(slot.hash, node)
                next_depth = depth + 1
            slot = node[int(path[depth], 16)]
            depth += 1
        return slot.head_mac if slot is not None and slot.path == path else None

    def find_all(self, root: bytes, paths: Collection[str], fetch: Fetch) -> dict[str, bytes]:
        """The head MACs of many paths, each node on the way read once and none kept.

        A path that is absent is left out, and so is one below a node that is missing or does not belong there:
        :meth:`find` tells which.
        """
        found: dict[str, bytes] = {}
        for _, node, below in self._on_the_way(root, paths, fetch):
            for digit, wanted in below.items():
                slot = node[int(digit, 16)]
                if isinstance(slot, Leaf) and slot.path in wanted:
                    found[slot.path] = slot.head_mac
        return found

    def insert(self, root: bytes, leaf: Leaf, fetch: Fetch) -> tuple[bytes, dict[str, bytes]]:
        """The root hash once ``leaf`` is put in, or replaced, and the encoded nodes to be stored, by path."""
        changed: dict[str, bytes] = {}
        return self._insert(Branch(root), "", leaf, fetch, changed).hash, changed

    def insert_all(self, root: bytes, leaves: Sequence[Leaf], fetch: Fetch) -> tuple[bytes, dict[str, bytes]]:
        """As :meth:`insert`, of many: each node on the way is written once."""
        changed: dict[str, bytes] = {}
        if not leaves:
            return root, changed
        there = {prefix: node for prefix, node, _ in self._on_the_way(root, [leaf.path for leaf in leaves], fetch)}
        return self._insert_all("", leaves, there, changed).hash, changed

    def replace_all(
        self, root: bytes, replacements: Mapping[str, Replacement], fetch: Fetch
    ) -> tuple[bytes, dict[str, bytes], set[str]]:
        """The root hash once the MACs of many leaves are replaced, the encoded nodes to be stored, and the paths that
        were left alone because the trie does not hold the former MAC there, or cannot be believed on the way."""
        changed: dict[str, bytes] = {}
        refused: set[str] = set()
        if not replacements:
            return root, changed, refused
        paths = sorted(replacements)
        there = {prefix: node for prefix, node, _ in self._on_the_way(root, paths, fetch)}
        branch = self._replace_all(Branch(root), "", paths, replacements, there, changed, refused)
        return branch.hash, changed, refused

    def leaves(self, root: bytes, fetch: Fetch) -> Iterator[Leaf]:
        """Every leaf, each node on the way verified and none kept."""
        return (slot for _, node in nodes(root, fetch) for slot in node if isinstance(slot, Leaf))

    def _insert(self, branch: Branch, prefix: str, leaf: Leaf, fetch: Fetch, changed: dict[str, bytes]) -> Branch:
        node = list(self._node(branch.hash, prefix, fetch))
        digit = int(leaf.path[len(prefix)], 16)
        node[digit] = self._placed(node[digit], leaf.path[: len(prefix) + 1], leaf, fetch, changed)
        return self._keep(prefix, tuple(node), changed)

    def _insert_all(
        self, prefix: str, leaves: Sequence[Leaf], there: Mapping[str, Node], changed: dict[str, bytes]
    ) -> Branch:
        if prefix not in there:
            raise _misfit(prefix)
        node = list(there[prefix])
        for digit, group in groupby(sorted(leaves), key=lambda leaf: leaf.path[len(prefix)]):
            at, below = int(digit, 16), list(group)
            slot = node[at]
            if isinstance(slot, Branch):
                node[at] = self._insert_all(prefix + digit, below, there, changed)
                continue
            for leaf in below:
                slot = self._placed(slot, prefix + digit, leaf, lambda paths: map(changed.get, paths), changed)
            node[at] = slot
        return self._keep(prefix, tuple(node), changed)

    def _replace_all(
        self,
        branch: Branch,
        prefix: str,
        paths: list[str],
        replacements: Mapping[str, Replacement],
        there: Mapping[str, Node],
        changed: dict[str, bytes],
        refused: set[str],
    ) -> Branch:
        if prefix not in there:
            refused.update(paths)
            return branch
        node = list(there[prefix])
        for digit, below in _by_digit(paths, len(prefix)).items():
            slot = node[int(digit, 16)]
            if isinstance(slot, Branch):
                slot = self._replace_all(slot, prefix + digit, below, replacements, there, changed, refused)
            else:
                former = slot.path if slot is not None else ""
                refused.update(path for path in below if path != former)
                if slot is not None and former in below:
                    if slot.head_mac == replacements[former].former:
                        slot = Leaf(former, replacements[former].new)
                    else:
                        refused.add(former)
            node[int(digit, 16)] = slot
        return self._keep(prefix, tuple(node), changed)

    def _placed(self, slot: Slot, prefix: str, leaf: Leaf, fetch: Fetch, changed: dict[str, bytes]) -> Slot:
        match slot:
            case Branch():
                return self._insert(slot, prefix, leaf, fetch, changed)
            case Leaf(path) if path != leaf.path:
                return self._fork(prefix, slot, leaf, changed)
        return leaf

    def _fork(self, prefix: str, one: Leaf, other: Leaf, changed: dict[str, bytes]) -> Branch:
        first, second = int(one.path[len(prefix)], 16), int(other.path[len(prefix)], 16)
        node: list[Slot] = list(_BARE)
        if first == second:
            node[first] = self._fork(one.path[: len(prefix) + 1], one, other, changed)
        else:
            node[first], node[second] = one, other
        return self._keep(prefix, tuple(node), changed)

    def _keep(self, prefix: str, node: Node, changed: dict[str, bytes]) -> Branch:
        encoded = encode_node(node)
        digest = node_hash(encoded)
        self._remember(digest, node)
        changed[prefix] = encoded
        return Branch(digest)

    def _node(self, digest: bytes, prefix: str, fetch: Fetch) -> Node:
        known = self._verified.get(digest)
        if known is not None:
            return known
        node = _verified_node(digest, prefix, next(fetch([prefix])))
        self._remember(digest, node)
        return node

    def _on_the_way(
        self, root: bytes, paths: Collection[str], fetch: Fetch
    ) -> Iterator[tuple[str, Node, dict[str, list[str]]]]:
        """The nodes on the way to some paths, parents first, each with where it lies and the paths below each digit;
        none that is missing or does not belong there, and none below such a one. None is kept."""
        pending = [("", root, list(paths))]
        while pending:
            portion = pending[-_AT_ONCE:]
            del pending[-_AT_ONCE:]
            known = [self._verified.get(digest) for _, digest, _ in portion]
            stored = fetch([prefix for (prefix, _, _), node in zip(portion, known, strict=True) if node is None])
            for (prefix, digest, wanted), known_node in zip(portion, known, strict=True):
                try:
                    node = known_node or _verified_node(digest, prefix, next(stored))
                except RollbackDetected:
                    continue
                below = _by_digit(wanted, len(prefix))
                yield prefix, node, below
                for digit, further in below.items():
                    slot = node[int(digit, 16)]
                    if isinstance(slot, Branch):
                        pending.append((prefix + digit, slot.hash, further))

    def _remember(self, digest: bytes, node: Node) -> None:
        with self._lock:
            if len(self._verified) >= _CACHED_NODES:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = node


def nodes(root: bytes, fetch: Fetch) -> Iterator[tuple[str, Node]]:
    """Every node by its path, parents first, each verified.

    :raises RollbackDetected: a node is missing or is not the one that belongs there.
    """
    pending = [("", root)]
    while pending:
        portion = pending[-_AT_ONCE:]
        del pending[-_AT_ONCE:]
        for (path, digest), stored in zip(portion, fetch([path for path, _ in portion]), strict=True):
            node = _verified_node(digest, path, stored)
            yield path, node
            pending.extend(
                (f"{path}{digit:x}", slot.hash) for digit, slot in enumerate(node) if isinstance(slot, Branch)
            )


def _by_digit(paths: list[str], depth: int) -> dict[str, list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[path[depth]].append(path)
    return groups


def _verified_node(digest: bytes, prefix: str, encoded: bytes | None) -> Node:
    if digest == EMPTY_ROOT and encoded is None:
        return _BARE
    if not isinstance(encoded, bytes) or node_hash(encoded) != digest:
        raise _misfit(prefix)
    return decode_node(encoded)


def _misfit(prefix: str) -> RollbackDetected:
    return RollbackDetected(
        f"The trie over all documents does not fit at {prefix or 'its root'}: rows were changed or put back.",
        "Restore the registry from a backup, and find out who can write its database.",
    )
