"""The suites that stores and key providers have to pass, for our own and for those of third parties.

A store's test file is a few lines::

    class TestMyStore(StoreContract):
        def make_store(self) -> Store:
            return MyStore(...)
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from strongroom_registry.errors import StoreProblem
from strongroom_registry.keyring import WrappedKey
from strongroom_registry.stores.store import (
    NEWEST,
    AuditRow,
    Backlog,
    Expected,
    HeadRow,
    Store,
    StoreBusy,
    Transaction,
    UseRow,
    VersionRow,
    View,
    WorkspaceRow,
    WrapRow,
)
from strongroom_registry.testing_keys import KeyProviderContract
from strongroom_registry.tree import path_of, way_to

__all__ = ["KeyProviderContract", "StoreContract"]

WORKSPACE = WorkspaceRow(b"w" * 16, "default", b"state", b"mac")
RENEWED = WORKSPACE._replace(record=b"renewed", mac=b"renewed mac")
HEAD = HeadRow("lake", b"d" * 16, b"\0\0\0\2head", b"mac", "a0")
VERSION = VersionRow(1, b"\0\0\0\1record", b"mac", b"note", b"public", b"wrap", b"body")
OUTLINE = VERSION.outline()
KEY = WrappedKey(1, "env:KEY", "fingerprint", b"wrapped", b"canary", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))


class _Undo(Exception):
    """Raised to see a transaction undone."""


class StoreContract:
    """What every :class:`~strongroom_registry.stores.store.Store` promises. A subclass makes stores."""

    def make_store(self) -> Store:
        """A new, empty store."""
        raise NotImplementedError

    @pytest.fixture
    def empty(self) -> Iterator[Store]:
        """A store that was never initialised."""
        store = self.make_store()
        yield store
        store.close()

    @pytest.fixture
    def store(self, empty: Store) -> Store:
        """A store with one workspace, document and version."""
        empty.initialise(fill)
        return empty

    def test_an_empty_store_has_no_id_until_it_is_initialised(self, empty: Store) -> None:
        assert empty.store_id is None
        seen: list[bytes] = []
        empty.initialise(lambda _, store_id: seen.append(store_id))
        assert [empty.store_id] == seen
        assert len(seen[0]) == 16

    def test_a_store_is_initialised_once(self, empty: Store) -> None:
        empty.initialise(lambda *_: None)
        store_id = empty.store_id
        empty.initialise(lambda *_: pytest.fail("filled twice"))
        assert empty.store_id == store_id

    def test_a_store_that_is_restored_has_the_id_that_it_had(self, empty: Store) -> None:
        seen: list[bytes] = []
        empty.initialise(lambda _, store_id: seen.append(store_id), store_id=b"s" * 16)
        assert empty.store_id == b"s" * 16
        assert seen == [b"s" * 16]
        empty.initialise(lambda *_: pytest.fail("filled twice"), store_id=b"t" * 16)
        assert empty.store_id == b"s" * 16

    def test_an_initialisation_that_fails_leaves_the_store_empty(self, empty: Store) -> None:
        def fail(transaction: Transaction, store_id: bytes) -> None:
            fill(transaction, store_id)
            raise _Undo

        with pytest.raises(_Undo):
            empty.initialise(fail)
        assert empty.store_id is None
        empty.initialise(fill)
        assert empty.load(WORKSPACE.id, "lake", 1) is not None

    def test_rows_come_back_as_they_were_written(self, store: Store) -> None:
        with store.reading() as view:
            assert view.workspace("default") == WORKSPACE
            assert list(view.workspaces()) == [WORKSPACE]
            assert list(view.keys(WORKSPACE.id)) == [KEY]
            assert view.head(WORKSPACE.id, "lake") == HEAD
            assert view.version(HEAD.document, 1) == VERSION
            assert list(view.versions(HEAD.document)) == [OUTLINE]
            assert next(view.nodes(WORKSPACE.id, ["a0"])) == b"node"
            assert list(view.audit(WORKSPACE.id)) == [AuditRow(1, b"entry", b"mac")]

    def test_what_is_missing_is_none_or_nothing(self, store: Store) -> None:
        with store.reading() as view:
            assert view.workspace("other") is None
            assert view.head(WORKSPACE.id, "river") is None
            assert view.head(b"x" * 16, "lake") is None
            assert view.version(HEAD.document, 2) is None
            assert next(view.nodes(WORKSPACE.id, ["a1"])) is None
            for rows in (view.keys(b"x" * 16), view.heads(b"x" * 16), view.versions(b"x" * 16), view.audit(b"x" * 16)):
                assert list(rows) == []

    def test_a_load_is_one_row_of_workspace_head_and_version(self, store: Store) -> None:
        assert store.load(WORKSPACE.id, "lake", 1) == (b"state", b"mac", HEAD.record, b"mac", *VERSION[1:])

    def test_a_load_of_a_missing_version_still_shows_the_head(self, store: Store) -> None:
        assert store.load(WORKSPACE.id, "lake", 2) == (b"state", b"mac", HEAD.record, b"mac", *[None] * 6)

    def test_a_load_of_a_missing_document_or_workspace_is_none(self, store: Store) -> None:
        assert store.load(WORKSPACE.id, "river", 1) is None
        assert store.load(b"x" * 16, "lake", 1) is None
        assert store.state(WORKSPACE.id) == (b"state", b"mac")
        assert store.state(b"x" * 16) is None

    def test_writing_a_row_again_replaces_it(self, store: Store) -> None:
        with store.writing() as transaction:
            transaction.put_workspace(WORKSPACE._replace(record=b"newer"))
            transaction.put_heads(WORKSPACE.id, [HEAD._replace(record=b"newer")])
            transaction.put_version(HEAD.document, VERSION._replace(wrap=None, body=b""))
            transaction.put_nodes(WORKSPACE.id, {"a0": b"newer"})
        with store.reading() as view:
            assert view.workspace("default") == WORKSPACE._replace(record=b"newer")
            assert [row.record for row in view.heads(WORKSPACE.id)] == [b"newer"]
            assert view.version(HEAD.document, 1) == VERSION._replace(wrap=None, body=b"")
            assert list(view.versions(HEAD.document)) == [OUTLINE._replace(wrap=None, has_body=False)]
            assert next(view.nodes(WORKSPACE.id, ["a0"])) == b"newer"

    def test_an_audit_entry_is_never_replaced(self, store: Store) -> None:
        with pytest.raises(StoreProblem), store.writing() as transaction:
            transaction.append_audit(WORKSPACE.id, [AuditRow(1, b"other", b"mac")])
        with store.reading() as view:
            assert list(view.audit(WORKSPACE.id)) == [AuditRow(1, b"entry", b"mac")]

    def test_listings_are_in_order(self, store: Store) -> None:
        with store.writing() as transaction:
            for number in (12, 3, 2):
                transaction.put_version(HEAD.document, VERSION._replace(number=number))
                transaction.append_audit(WORKSPACE.id, [AuditRow(number, b"entry", b"mac")])
                head = HEAD._replace(name=f"n{number}", document=bytes([number] * 16), path=f"{number:02x}")
                transaction.put_heads(WORKSPACE.id, [head])
        with store.reading() as view:
            assert [row.number for row in view.versions(HEAD.document)] == [12, 3, 2, 1]
            assert [row.seq for row in view.audit(WORKSPACE.id)] == [1, 2, 3, 12]
            assert [row.seq for row in view.audit(WORKSPACE.id, newest_first=True)] == [12, 3, 2, 1]
            assert [row.name for row in view.heads(WORKSPACE.id)] == ["lake", "n12", "n2", "n3"]

    def test_outlines_come_in_the_order_asked_for_and_say_what_is_missing(self, store: Store) -> None:
        river = HEAD._replace(name="river", document=b"r" * 16, path="b0")
        with store.writing() as transaction:
            transaction.put_heads(WORKSPACE.id, [river])
            transaction.put_version(river.document, VERSION._replace(number=2, wrap=None, body=b""))
        wanted = [(river.document, 2), (HEAD.document, 2), (HEAD.document, 1), (b"x" * 16, 1), (river.document, 2)]
        empty = OUTLINE._replace(number=2, wrap=None, has_body=False)
        with store.reading() as view:
            assert list(view.outlines(wanted)) == [empty, None, OUTLINE, None, empty]
            assert list(view.outlines([])) == []

    def test_nodes_come_in_the_order_asked_for_and_say_what_is_missing(self, store: Store) -> None:
        many = {f"{number:04x}": b"%d" % number for number in range(1500)}
        with store.writing() as transaction:
            transaction.put_nodes(WORKSPACE.id, {"": b"root", **many})
        with store.reading() as view:
            assert list(view.nodes(WORKSPACE.id, ["b", "a0", "", "a0"])) == [None, b"node", b"root", b"node"]
            assert list(view.nodes(WORKSPACE.id, [])) == []
            assert list(view.nodes(b"x" * 16, ["a0"])) == [None]
            assert list(view.nodes(WORKSPACE.id, reversed(many))) == [*reversed(many.values())]

    def test_what_is_expected_is_answered_and_changes_no_answer(self, store: Store) -> None:
        with store.writing() as transaction:
            transaction.put_version(HEAD.document, VERSION._replace(number=2))
            transaction.put_nodes(WORKSPACE.id, dict(zip(way_to(path_of("lake"))[:3], (b"0", b"1", b"2"), strict=True)))
        for workspace, name, number, with_body in product(
            (WORKSPACE, WORKSPACE._replace(id=b"x" * 16, name="other")),
            ("lake", "river"),
            (1, 2, 3, NEWEST),
            (False, True),
        ):
            expected = Expected(workspace.name, workspace.id, name, number, with_body)
            with store.reading() as view:
                there, stored = _asked(view, expected), _asked_of_versions(view)
            with store.glancing(expected) as view:
                assert _asked(view, expected) == there
                if (workspace.id, name) == (WORKSPACE.id, HEAD.name):
                    newest = min(number, 2)
                    outline, version = stored[newest]
                    assert list(view.outlines([(HEAD.document, newest)])) == [outline]
                    assert not with_body or view.version(HEAD.document, newest) == version
            for opened in (store.reading, store.writing):
                with opened() as view:
                    view.expect(expected)
                    assert (_asked(view, expected), _asked_of_versions(view)) == (there, stored)
                    assert next(view.nodes(WORKSPACE.id, ["a0"])) == b"node"

    def test_a_change_sees_what_it_wrote_in_the_place_of_what_it_expected(self, store: Store) -> None:
        expected = Expected(WORKSPACE.name, WORKSPACE.id, HEAD.name, with_body=True)
        newer = VERSION._replace(body=b"newer")
        with store.writing() as transaction:
            transaction.expect(expected)
            assert transaction.workspace(WORKSPACE.name) == WORKSPACE
            transaction.put_workspace(WORKSPACE._replace(record=b"newer"))
            transaction.put_heads(WORKSPACE.id, [HEAD._replace(record=b"newer")])
            transaction.put_version(HEAD.document, newer)
            transaction.put_nodes(WORKSPACE.id, {"": b"newer"})
            for _ in range(2):
                assert transaction.workspace(WORKSPACE.name) == WORKSPACE._replace(record=b"newer")
                assert transaction.head(WORKSPACE.id, HEAD.name) == HEAD._replace(record=b"newer")
                assert transaction.version(HEAD.document, 1) == newer
                assert next(transaction.nodes(WORKSPACE.id, [""])) == b"newer"
                transaction.expect(expected)
            transaction.remove_workspace(WORKSPACE.id)
            assert transaction.head(WORKSPACE.id, HEAD.name) is None

    def test_heads_come_by_path_in_portions_and_only_those_of_earlier_epochs(self, store: Store) -> None:
        with store.writing() as transaction:
            transaction.put_heads(
                WORKSPACE.id, [_head("n1", "c0", 3), _head("n2", "0f", 2**32 - 1), _head("n3", "b", 1)]
            )
        with store.reading() as view:

            def paths(after: str, limit: int, before_epoch: int) -> list[str]:
                rows = view.heads_by_path(WORKSPACE.id, after=after, limit=limit, before_epoch=before_epoch)
                return [row.path for row in rows]

            assert paths("", 9, 2**32) == ["0f", "a0", "b", "c0"]
            assert paths("", 2, 2**32) == ["0f", "a0"]
            assert paths("a0", 9, 2**32) == ["b", "c0"]
            assert paths("", 9, 3) == ["a0", "b"]
            assert paths("a0", 9, 2) == ["b"]
            assert view.heads_by_path(b"x" * 16, after="", limit=9, before_epoch=2**32) == []

    def test_versions_of_earlier_epochs_come_with_their_heads_in_portions(self, store: Store) -> None:
        river = _head("river", "0f", 2)
        with store.writing() as transaction:
            transaction.put_heads(WORKSPACE.id, [river])
            transaction.put_version(river.document, VERSION._replace(number=7))
            transaction.put_version(HEAD.document, VERSION._replace(number=2, record=b"\0\0\0\2record"))
            transaction.put_version(HEAD.document, VERSION._replace(number=3))
        first, second, third = (
            (river, OUTLINE._replace(number=7)),
            (HEAD, OUTLINE),
            (HEAD, OUTLINE._replace(number=3)),
        )
        with store.reading() as view:
            assert view.backlog(WORKSPACE.id, 2) == Backlog(heads=0, versions=3)
            assert view.backlog(WORKSPACE.id, 3) == Backlog(heads=2, versions=4)
            assert view.backlog(b"x" * 16, 3) == Backlog(0, 0)
            for after, limit, expected in (
                (("", 0), 9, [first, second, third]),
                (("", 0), 2, [first, second]),
                (("0f", 6), 9, [first, second, third]),
                (("0f", 7), 9, [second, third]),
                ((HEAD.path, 1), 9, [third]),
                ((HEAD.path, 3), 9, []),
            ):
                assert list(view.versions_before(WORKSPACE.id, 2, after=after, limit=limit)) == expected
            assert list(view.versions_before(b"x" * 16, 2, after=("", 0), limit=9)) == []

    def test_many_wraps_are_replaced_and_bodies_stay(self, store: Store) -> None:
        with store.writing() as transaction:
            transaction.put_version(HEAD.document, VERSION._replace(number=2))
            transaction.put_wraps(
                [
                    WrapRow(HEAD.document, 1, b"r1", b"m1", b"w1"),
                    WrapRow(HEAD.document, 2, b"r2", b"m2", None),
                    WrapRow(HEAD.document, 3, b"r3", b"m3", b"w3"),
                ]
            )
        with store.reading() as view:
            assert view.version(HEAD.document, 1) == VERSION._replace(record=b"r1", mac=b"m1", wrap=b"w1")
            assert view.version(HEAD.document, 2) == VERSION._replace(number=2, record=b"r2", mac=b"m2", wrap=None)
            assert view.version(HEAD.document, 3) is None

    def test_a_key_has_several_wraps_by_their_fingerprints(self, store: Store) -> None:
        other, newer = replace(KEY, fingerprint="a", wrapped=b"other"), replace(KEY, epoch=2, fingerprint="b")
        with store.writing() as transaction:
            transaction.put_key(WORKSPACE.id, newer)
            transaction.put_key(WORKSPACE.id, other)
            transaction.put_key(WORKSPACE.id, replace(KEY, canary=b"newer"))
        with store.reading() as view:
            assert list(view.keys(WORKSPACE.id)) == [other, replace(KEY, canary=b"newer"), newer]
        with store.writing() as transaction:
            transaction.remove_key(WORKSPACE.id, 1, "a")
            transaction.remove_key(WORKSPACE.id, 2, "a")
            assert list(transaction.keys(WORKSPACE.id)) == [replace(KEY, canary=b"newer"), newer]

    def test_uses_are_found_by_what_is_used(self, store: Store) -> None:
        rows = [UseRow("lake", "etl", 2), UseRow("lake", "app", 10), UseRow("lake", "app", 9), UseRow("sea", "app", 9)]
        with store.writing() as transaction:
            transaction.put_uses(WORKSPACE.id, rows)
            transaction.put_uses(WORKSPACE.id, rows[:1])
        with store.reading() as view:
            assert view.uses(WORKSPACE.id, "lake") == [rows[2], rows[1], rows[0]]
            assert view.uses(b"x" * 16, "lake") == []
            assert list(view.all_uses(WORKSPACE.id)) == [rows[2], rows[1], rows[0], rows[3]]
            assert list(view.all_uses(b"x" * 16)) == []
        with store.writing() as transaction:
            transaction.remove_uses(WORKSPACE.id, "app", 9)
            assert transaction.uses(WORKSPACE.id, "lake") == [rows[1], rows[0]]
            assert transaction.uses(WORKSPACE.id, "sea") == []

    def test_a_search_looks_into_the_public_projections_of_one_workspace(self, store: Store) -> None:
        with store.writing() as transaction:
            transaction.put_heads(WORKSPACE.id, [_head("river", "0f", 1)])
            transaction.put_version(_head("river", "0f", 1).document, VERSION._replace(public=b'{"a":"public%"}'))
        with store.reading() as view:
            assert [row.name for row in view.search(WORKSPACE.id, b"public")] == ["lake", "river"]
            assert [row.name for row in view.search(WORKSPACE.id, b"public%")] == ["river"]
            assert list(view.search(WORKSPACE.id, b"PUBLIC")) == []
            assert list(view.search(b"x" * 16, b"public")) == []

    def test_a_workspace_is_removed_with_all_that_belongs_to_it_and_nothing_else(self, store: Store) -> None:
        other = WORKSPACE._replace(id=b"o" * 16, name="other")
        river = _head("river", HEAD.path, 2)
        with store.writing() as transaction:
            transaction.put_workspace(other)
            transaction.put_key(other.id, KEY)
            transaction.put_heads(other.id, [river])
            transaction.put_version(river.document, VERSION)
            transaction.put_nodes(other.id, {"a0": b"node"})
            transaction.append_audit(other.id, [AuditRow(1, b"entry", b"mac")])
            transaction.put_uses(WORKSPACE.id, [UseRow("lake", "app", 1)])
            transaction.put_uses(other.id, [UseRow("lake", "app", 1)])
            transaction.remove_workspace(WORKSPACE.id)
        assert store.load(WORKSPACE.id, "lake", 1) is None
        with store.reading() as view:
            assert list(view.workspaces()) == [other]
            for rows in (view.keys(WORKSPACE.id), view.heads(WORKSPACE.id), view.audit(WORKSPACE.id)):
                assert list(rows) == []
            assert view.version(HEAD.document, 1) is None
            assert next(view.nodes(WORKSPACE.id, ["a0"])) is None
            assert list(view.uses(WORKSPACE.id, "lake")) == []
            assert list(view.keys(other.id)) == [KEY]
            assert view.head(other.id, "river") == river
            assert view.version(river.document, 1) == VERSION
            assert next(view.nodes(other.id, ["a0"])) == b"node"
            assert list(view.audit(other.id)) == [AuditRow(1, b"entry", b"mac")]
            assert list(view.uses(other.id, "lake")) == [UseRow("lake", "app", 1)]

    def test_many_loads_are_of_one_moment_and_say_what_is_missing(self, store: Store) -> None:
        river = HEAD._replace(name="river", document=b"r" * 16, path="b0")
        with store.writing() as transaction:
            transaction.put_heads(WORKSPACE.id, [river])
            transaction.put_version(river.document, VERSION._replace(number=7, body=b"deep"))
            transaction.put_version(HEAD.document, VERSION._replace(number=2, wrap=None, body=b""))
        wanted = [("lake", 1), ("lake", 2), ("lake", 3), ("river", 7), ("sea", 1), ("lake", 1)]
        assert store.load_all(WORKSPACE.id, wanted) == {
            which: store.load(WORKSPACE.id, *which) for which in dict.fromkeys(wanted)
        }
        assert store.load_all(WORKSPACE.id, wanted[:1])["lake", 1] is not None
        assert store.load_all(WORKSPACE.id, []) == {}
        assert store.load_all(b"x" * 16, wanted[:1]) == {("lake", 1): None}

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_state_is_renewed_with_entries_while_nobody_was_faster(self, store: Store, wait: bool) -> None:
        entries = [AuditRow(2, b"second", b"mac2"), AuditRow(3, b"third", b"mac3")]
        assert store.renew((WORKSPACE.record, WORKSPACE.mac), RENEWED, entries, wait=wait)
        with store.reading() as view:
            assert view.workspace("default") == RENEWED
            assert list(view.audit(WORKSPACE.id)) == [AuditRow(1, b"entry", b"mac"), *entries]
        rows = store.load(WORKSPACE.id, "lake", 1)
        assert rows is not None
        assert rows[:2] == (RENEWED.record, RENEWED.mac)
        assert store.renew((RENEWED.record, RENEWED.mac), WORKSPACE, [AuditRow(4, b"fourth", b"mac4")], wait=wait)

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_state_is_renewed_without_entries_too(self, store: Store, wait: bool) -> None:
        assert store.renew((WORKSPACE.record, WORKSPACE.mac), RENEWED, [], wait=wait)
        with store.reading() as view:
            assert view.workspace("default") == RENEWED
        assert not store.renew((WORKSPACE.record, WORKSPACE.mac), RENEWED, [], wait=wait)

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_state_that_is_another_one_by_now_is_not_renewed(self, store: Store, wait: bool) -> None:
        entries = [AuditRow(2, b"second", b"mac2")]
        for before in ((b"other", WORKSPACE.mac), (WORKSPACE.record, b"other"), (RENEWED.record, RENEWED.mac)):
            assert not store.renew(before, RENEWED, entries, wait=wait)
        assert not store.renew((WORKSPACE.record, WORKSPACE.mac), RENEWED._replace(id=b"x" * 16), entries, wait=wait)
        _assert_untouched(store)

    @pytest.mark.parametrize("wait", [True, False])
    def test_entries_of_numbers_that_are_there_renew_nothing(self, store: Store, wait: bool) -> None:
        before = WORKSPACE.record, WORKSPACE.mac
        for entries in (
            [AuditRow(1, b"other", b"mac")],
            [AuditRow(2, b"second", b"mac2"), AuditRow(1, b"other", b"mac")],
            [AuditRow(2, b"second", b"mac2"), AuditRow(2, b"twice", b"mac2")],
        ):
            with pytest.raises(StoreProblem):
                store.renew(before, RENEWED, entries, wait=wait)
            _assert_untouched(store)
        assert store.renew(before, RENEWED, [AuditRow(2, b"second", b"mac2")], wait=wait)

    def test_who_renews_without_waiting_learns_that_somebody_else_writes(self, store: Store) -> None:
        is_writing, go_on = threading.Event(), threading.Event()

        def write() -> None:
            with store.writing():
                is_writing.set()
                assert go_on.wait(60)

        before, entries = (WORKSPACE.record, WORKSPACE.mac), [AuditRow(2, b"second", b"mac2")]
        with _threads(1, write):
            try:
                assert is_writing.wait(60)
                for _ in range(2):
                    with pytest.raises(StoreBusy):
                        store.renew(before, RENEWED, entries, wait=False)
            finally:
                go_on.set()
        _assert_untouched(store)
        assert store.renew(before, RENEWED, entries, wait=False)

    def test_of_those_who_renew_one_state_one_does(self, store: Store) -> None:
        """Each thread renews what it finds until it was the one; nobody's entry is lost, or replaced."""

        def add(wait: bool) -> None:
            while True:
                with store.reading() as view:
                    state = view.workspace("default")
                assert state is not None
                count = int(state.record)
                row, entry = state._replace(record=b"%d" % (count + 1)), AuditRow(count + 1, b"entry", b"mac")
                with suppress(StoreBusy):
                    if store.renew((state.record, state.mac), row, [entry], wait=wait):
                        return

        with store.writing() as transaction:
            transaction.put_workspace(WORKSPACE._replace(record=b"1"))
        with _threads(4, lambda: add(True)), _threads(4, lambda: add(False)):
            pass
        with store.reading() as view:
            assert [row.seq for row in view.audit(WORKSPACE.id)] == [*range(1, 10)]
            state = view.workspace("default")
        assert state is not None
        assert state.record == b"9"

    def test_what_was_renewed_is_there_when_it_was_written_back(self, store: Store) -> None:
        store.write_back()
        before = WORKSPACE.record, WORKSPACE.mac
        assert store.renew(before, RENEWED, [AuditRow(2, b"second", b"mac2")], wait=False)
        for _ in range(2):
            store.write_back()
        with store.reading() as view:
            assert view.workspace("default") == RENEWED
            assert [row.seq for row in view.audit(WORKSPACE.id)] == [1, 2]

    def test_a_transaction_sees_its_own_writes(self, store: Store) -> None:
        with store.writing() as transaction:
            transaction.put_nodes(WORKSPACE.id, {"ff": b"new"})
            transaction.put_version(HEAD.document, VERSION._replace(number=2))
            assert next(transaction.nodes(WORKSPACE.id, ["ff"])) == b"new"
            assert [row.number for row in transaction.versions(HEAD.document)] == [2, 1]

    def test_a_transaction_that_raises_is_undone_wholly(self, store: Store) -> None:
        with suppress(_Undo), store.writing() as transaction:
            transaction.put_workspace(WORKSPACE._replace(record=b"newer"))
            transaction.put_version(HEAD.document, VERSION._replace(number=2))
            transaction.append_audit(WORKSPACE.id, [AuditRow(2, b"entry", b"mac")])
            raise _Undo
        assert store.load(WORKSPACE.id, "lake", 1) == (b"state", b"mac", HEAD.record, b"mac", *VERSION[1:])
        with store.reading() as view:
            assert view.version(HEAD.document, 2) is None
            assert len(list(view.audit(WORKSPACE.id))) == 1

    def test_transactions_of_many_threads_take_turns(self, store: Store) -> None:
        def add_one() -> None:
            for _ in range(10):
                with store.writing() as transaction:
                    count = int(next(transaction.nodes(WORKSPACE.id, ["c"])) or 0)
                    transaction.put_nodes(WORKSPACE.id, {"c": b"%d" % (count + 1)})

        with _threads(8, add_one):
            pass
        with store.reading() as view:
            assert next(view.nodes(WORKSPACE.id, ["c"])) == b"80"

    def test_a_view_shows_one_moment(self, store: Store) -> None:
        """Two rows that every transaction writes alike are read alike, however reads and writes interleave."""
        written = threading.Event()

        def write() -> None:
            for number in range(50):
                with store.writing() as transaction:
                    transaction.put_nodes(WORKSPACE.id, {"1": b"%d" % number})
                    transaction.put_nodes(WORKSPACE.id, {"2": b"%d" % number})
            written.set()

        with _threads(1, write):
            while not written.is_set():
                with store.reading() as view:
                    assert next(view.nodes(WORKSPACE.id, ["1"])) == next(view.nodes(WORKSPACE.id, ["2"]))

    def test_large_rows_survive(self, store: Store) -> None:
        body = secrets.token_bytes(5_000_000)
        with store.writing() as transaction:
            transaction.put_version(HEAD.document, VERSION._replace(number=2, body=body))
        rows = store.load(WORKSPACE.id, "lake", 2)
        assert rows is not None
        assert rows.body == body

    def test_a_forked_process_can_write_and_its_parent_still_can(self, store: Store) -> None:
        """The child's thread is alone; what others held when it was made is not waited for."""
        with store.reading() as view:
            assert next(view.nodes(WORKSPACE.id, ["a0"])) == b"node"
        child = os.fork()
        if child == 0:
            try:
                store.after_fork()
                with store.writing() as transaction:
                    transaction.put_nodes(WORKSPACE.id, {"child": b"was here"})
                assert store.renew((WORKSPACE.record, WORKSPACE.mac), WORKSPACE, [], wait=False)
                with store.reading() as view:
                    os._exit(0 if next(view.nodes(WORKSPACE.id, ["child"])) == b"was here" else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        with store.writing() as transaction:
            transaction.put_nodes(WORKSPACE.id, {"parent": b"too"})
            assert next(transaction.nodes(WORKSPACE.id, ["child"])) in (
                b"was here",
                None,
            )  # None: a store within the process

    def test_a_closed_store_says_so_and_closes_again(self, store: Store) -> None:
        store.close()
        store.close()
        with pytest.raises(StoreProblem):
            store.load(WORKSPACE.id, "lake", 1)
        with pytest.raises(StoreProblem), store.writing():
            pass
        for wait in (True, False):
            with pytest.raises(StoreProblem):
                store.renew((WORKSPACE.record, WORKSPACE.mac), RENEWED, [], wait=wait)


def _assert_untouched(store: Store) -> None:
    """The state is as :func:`fill` wrote it, and so is the audit."""
    with store.reading() as view:
        assert list(view.workspaces()) == [WORKSPACE]
        assert list(view.audit(WORKSPACE.id)) == [AuditRow(1, b"entry", b"mac")]


def _head(name: str, path: str, epoch: int) -> HeadRow:
    return HeadRow(name, name.encode().rjust(16), epoch.to_bytes(4, "big") + b"head", b"mac", path)


def _asked(view: View, expected: Expected) -> list[object]:
    workspace_name, workspace, name, _, _ = expected
    way = way_to(path_of(name))
    nodes = [list(view.nodes(workspace, wanted)) for wanted in (way, way[2:])]
    return [view.workspace(workspace_name), view.head(workspace, name), *nodes]


def _asked_of_versions(view: View) -> dict[int, tuple[object, object]]:
    wanted = [(HEAD.document, number) for number in (1, 2, 3)]
    outlines = [next(view.outlines([one])) for one in wanted]
    assert list(view.outlines(wanted)) == outlines
    return {one[1]: (outline, view.version(*one)) for one, outline in zip(wanted, outlines, strict=True)}


def fill(transaction: Transaction, store_id: bytes) -> None:
    """One row of each kind, as ``Store.initialise`` takes it."""
    transaction.put_workspace(WORKSPACE)
    transaction.put_key(WORKSPACE.id, KEY)
    transaction.put_heads(WORKSPACE.id, [HEAD])
    transaction.put_version(HEAD.document, VERSION)
    transaction.put_nodes(WORKSPACE.id, {"a0": b"node"})
    transaction.append_audit(WORKSPACE.id, [AuditRow(1, b"entry", b"mac")])


@contextmanager
def _threads(count: int, target: object) -> Iterator[None]:
    assert callable(target)
    threads = [threading.Thread(target=target) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
