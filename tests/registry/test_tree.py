"""The trie says what a dictionary would, whatever the order, and no stored node can be changed unseen."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom_registry.canonical import Malformed
from strongroom_registry.errors import RollbackDetected
from strongroom_registry.tree import (
    EMPTY_ROOT,
    Branch,
    Fetch,
    Leaf,
    Replacement,
    Trie,
    decode_node,
    encode_node,
    path_of,
)

# Paths that share long beginnings, which hashes of names never would, so that deep branches are tried as well.
paths = st.builds(
    lambda start, zeros, end: (start + "0" * zeros + end + "f" * 64)[:64],
    st.text("0f", max_size=3),
    st.integers(0, 60),
    st.text("0123456789abcdef", max_size=4),
)
macs = st.binary(min_size=32, max_size=32)


def fetching(stored: Mapping[str, bytes | None]) -> Fetch:
    return lambda wanted: map(stored.get, wanted)


def build(items: list[tuple[str, bytes]]) -> tuple[bytes, dict[str, bytes]]:
    trie, stored, root = Trie(), dict[str, bytes](), EMPTY_ROOT
    for path, mac in items:
        root, changed = trie.insert(root, Leaf(path, mac), fetching(stored))
        stored |= changed
    return root, stored


@given(st.lists(st.tuples(paths, macs), max_size=30), paths)
def test_it_finds_what_a_dictionary_finds(items: list[tuple[str, bytes]], other: str) -> None:
    root, stored = build(items)
    expected = dict(items)
    fresh = Trie()
    for path in [*expected, other]:
        assert fresh.find(root, path, fetching(stored)) == expected.get(path)
    assert {leaf.path: leaf.head_mac for leaf in fresh.leaves(root, fetching(stored))} == expected
    for trie in (Trie(), fresh):
        assert trie.find_all(root, expected, fetching(stored)) == expected
        assert trie.find_all(root, [other], fetching(stored)) == {p: mac for p, mac in expected.items() if p == other}


@given(st.dictionaries(paths, macs, max_size=20), st.randoms())
def test_the_root_does_not_depend_on_the_order(items: dict[str, bytes], dice: random.Random) -> None:
    shuffled = list(items.items())
    dice.shuffle(shuffled)
    assert build(shuffled)[0] == build(list(items.items()))[0]


@given(st.dictionaries(paths, macs, min_size=1, max_size=10), macs)
def test_the_root_depends_on_every_leaf(items: dict[str, bytes], mac: bytes) -> None:
    path = next(iter(items))
    changed = {**items, path: mac}
    assert (build(list(changed.items()))[0] == build(list(items.items()))[0]) == (changed == items)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 200), min_size=2, max_size=60, unique=True), st.data())
def test_a_changed_or_missing_node_is_found(names: list[int], data: st.DataObject) -> None:
    root, stored = build([(path_of(str(name)), bytes([name]) * 32) for name in names])
    victim = data.draw(st.sampled_from(sorted(stored)))
    node = stored[victim]
    position = data.draw(st.integers(0, len(node) - 1))
    changed = bytes([*node[:position], node[position] ^ data.draw(st.integers(1, 255)), *node[position + 1 :]])
    for bad in (changed, node[:position], node + b"\0", None):
        with pytest.raises(RollbackDetected, match="trie"):
            list(Trie().leaves(root, fetching(stored | {victim: bad})))
        below = [path_of(str(name)) for name in names if path_of(str(name)).startswith(victim)]
        with pytest.raises(RollbackDetected):
            Trie().find(root, below[0], fetching(stored | {victim: bad}))
        asked = {path_of(str(name)) for name in names}
        assert Trie().find_all(root, asked, fetching(stored | {victim: bad})).keys() == asked - {*below}


def test_an_empty_trie_needs_no_node() -> None:
    assert Trie().find(EMPTY_ROOT, path_of("lake"), fetching({})) is None
    assert list(Trie().leaves(EMPTY_ROOT, fetching({}))) == []


def test_many_are_found_by_reading_each_node_once() -> None:
    expected = {path_of(str(name)): bytes([name]) * 32 for name in range(200)}
    root, stored = build([*expected.items()])
    read: list[str] = []
    assert Trie().find_all(root, expected, lambda wanted: read.extend(wanted) or map(stored.get, wanted)) == expected  # type: ignore[func-returns-value]
    assert sorted(read) == sorted(set(read))
    assert len(read) == len({path[:depth] for path in expected for depth in range(64)} & stored.keys())


def test_what_was_verified_is_not_read_again() -> None:
    root, stored = build([(path_of(str(name)), bytes(32)) for name in range(100)])
    trie = Trie()
    assert trie.find(root, path_of("7"), fetching(stored)) == bytes(32)
    assert trie.find(root, path_of("7"), lambda wanted: pytest.fail(f"read {wanted} again")) == bytes(32)


def test_a_change_elsewhere_costs_the_nodes_on_its_way_alone() -> None:
    root, stored = build([(path_of(str(name)), bytes(32)) for name in range(1000)])
    trie = Trie()
    _, changed = trie.insert(root, Leaf(path_of("new"), bytes(32)), fetching(stored))
    assert len(changed) <= 5
    assert all(path_of("new").startswith(path) for path in changed)


def test_only_so_many_nodes_are_kept() -> None:
    root, stored = build([(path_of(str(name)), bytes(32)) for name in range(12_000)])
    trie = Trie()
    for name in range(12_000):
        assert trie.find(root, path_of(str(name)), fetching(stored)) == bytes(32)
    assert len(trie._verified) <= 2048


slots = st.one_of(
    st.none(), st.builds(Leaf, st.text("0123456789abcdef", min_size=64, max_size=64), macs), st.builds(Branch, macs)
)


@given(st.lists(slots, min_size=16, max_size=16).map(tuple))
def test_a_node_comes_back_from_its_bytes(node: tuple[Leaf | Branch | None, ...]) -> None:
    encoded = encode_node(node)
    assert decode_node(encoded) == node
    with pytest.raises(Malformed):
        decode_node(encoded + b"\0")
    with pytest.raises(Malformed):
        decode_node(encoded[:-1])


@given(st.dictionaries(paths, macs, max_size=40))
def test_putting_in_many_at_once_is_putting_in_one_after_the_other(items: dict[str, bytes]) -> None:
    one, all_at_once, stored, stored_at_once = Trie(), Trie(), dict[str, bytes](), dict[str, bytes]()
    root, root_at_once = EMPTY_ROOT, EMPTY_ROOT
    names = sorted(items)
    for name in names:
        root, changed = one.insert(root, Leaf(name, items[name]), fetching(stored))
        stored.update(changed)
    for part in (names[::2], names[1::2]):
        leaves = [Leaf(name, items[name]) for name in part]
        root_at_once, changed = all_at_once.insert_all(root_at_once, leaves, fetching(stored_at_once))
        stored_at_once.update(changed)
    assert root == root_at_once
    assert {path: stored[path] for path in stored_at_once} == stored_at_once


@given(
    st.sets(st.sampled_from([f"n{n}" for n in range(40)]), min_size=1),
    st.sets(st.sampled_from([f"n{n}" for n in range(50)])),
    st.sets(st.sampled_from([f"n{n}" for n in range(50)])),
)
def test_many_leaves_are_replaced_where_they_say_what_they_should(
    there: set[str], wanted: set[str], mistaken: set[str]
) -> None:
    trie, stored = Trie(), dict[str, bytes]()
    leaves = [Leaf(path_of(name), bytes(32)) for name in there]
    root, changed = trie.insert_all(EMPTY_ROOT, leaves, fetching(stored))
    stored.update(changed)
    replacements = {path_of(name): Replacement(bytes([name in mistaken]) * 32, b"\2" * 32) for name in wanted}
    root, changed, refused = Trie().replace_all(root, replacements, fetching(stored))
    stored.update(changed)
    assert refused == {path_of(name) for name in wanted if name in mistaken or name not in there}
    for name in there:
        expected = b"\2" * 32 if name in wanted - mistaken else bytes(32)
        assert Trie().find(root, path_of(name), fetching(stored)) == expected


def test_nothing_is_replaced_below_a_node_that_is_not_the_one() -> None:
    trie, stored = Trie(), dict[str, bytes]()
    leaves = [Leaf(path_of(f"n{n}"), bytes(32)) for n in range(200)]
    root, changed = trie.insert_all(EMPTY_ROOT, leaves, fetching(stored))
    stored.update(changed)
    bad = next(path for path in stored if len(path) == 1)
    stored[bad] = stored[bad][:-1] + b"\1"
    replacements = {leaf.path: Replacement(bytes(32), b"\2" * 32) for leaf in leaves}
    _, changed, refused = Trie().replace_all(root, replacements, fetching(stored))
    assert refused == {leaf.path for leaf in leaves if leaf.path.startswith(bad)}
    assert not any(path.startswith(bad) for path in changed)
