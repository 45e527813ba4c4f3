"""Connections break, servers end, others hold locks: a clear refusal each time, and nothing acknowledged is lost."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGQUIT

import psycopg
import pytest
from servers.postgres import PostgresDatabase, own_server
from servers.postgres_server import PostgresServer
from strongroom_registry import open_registry
from strongroom_registry.errors import StoreProblem, StoreUnavailable, StrongroomError
from strongroom_registry.stores.postgres import PostgresStore, connections
from strongroom_registry.stores.store import AuditRow, Transaction
from strongroom_registry.testing import HEAD, VERSION, WORKSPACE, fill

from .conftest import saver


@pytest.fixture
def store(postgres: PostgresDatabase) -> Iterator[PostgresStore]:
    store = PostgresStore(f"{postgres.url}?options=-c%20lock_timeout%3D300ms")
    store.initialise(fill)
    yield store
    store.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def server_url(server: PostgresServer) -> str:
    """A database of its own on a server that may be stopped."""
    address, name = server.address, f"t_{secrets.token_hex(8)}"
    place = f"postgresql://postgres:{address.password}@127.0.0.1:{address.port}"
    with psycopg.connect(f"{place}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    return f"{place}/{name}"


def node(store: PostgresStore, path: str) -> bytes | None:
    with store.reading() as view:
        return next(view.nodes(WORKSPACE.id, [path]))


def _change_and_break_off(transaction: Transaction, postgres: PostgresDatabase, done: int) -> None:
    steps: list[Callable[[], None]] = [
        lambda: transaction.put_version(HEAD.document, VERSION._replace(number=2)),
        lambda: transaction.put_heads(WORKSPACE.id, [HEAD._replace(record=b"newer")]),
        lambda: transaction.put_nodes(WORKSPACE.id, {"a0": b"newer", "a1": b"new"}),
        lambda: transaction.append_audit(WORKSPACE.id, [AuditRow(2, b"entry", b"mac")]),
        lambda: transaction.put_workspace(WORKSPACE._replace(record=b"newer")),
    ]
    for step in steps[:done]:
        step()
    next(transaction.nodes(WORKSPACE.id, [""]))  # all of it has arrived
    postgres.break_off()
    for step in steps[done:]:
        step()


class TestConnectionsThatBreak:
    def test_one_that_breaks_while_nobody_uses_it_is_replaced(
        self, store: PostgresStore, postgres: PostgresDatabase
    ) -> None:
        with store._connections.lent(), store._connections.lent(), store._connections.lent():
            pass
        assert postgres.break_off() >= 3
        assert store.load(WORKSPACE.id, "lake", 1) is not None
        with store._connections.lent() as first, store._connections.lent() as second:
            for connection in (first, second):
                assert connection.execute(b"select 1").fetchone() == (1,)

    def test_those_of_the_pool_are_replaced_as_well(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        with store._connections.lent(), store._connections.lent():
            pass
        with store._connections.lent() as first:
            assert postgres.break_off() == 2
            with store._connections.lent() as second:
                assert second.execute(b"select 1").fetchone() == (1,)
            with pytest.raises(psycopg.OperationalError):
                first.execute(b"select 1")

    @pytest.mark.parametrize("done", [0, 1, 2, 3, 4])
    def test_a_change_that_is_cut_off_leaves_nothing(
        self, store: PostgresStore, postgres: PostgresDatabase, done: int
    ) -> None:
        with pytest.raises(StoreUnavailable, match=postgres.name), store.writing() as transaction:
            _change_and_break_off(transaction, postgres, done)
        rows = store.load(WORKSPACE.id, "lake", 1)
        assert rows is not None
        assert (rows.state_record, rows.head_record) == (WORKSPACE.record, HEAD.record)
        with store.reading() as view:
            assert view.version(HEAD.document, 2) is None
            assert len(list(view.audit(WORKSPACE.id))) == 1
        with store.writing() as transaction:
            transaction.append_audit(WORKSPACE.id, [AuditRow(2, b"entry", b"mac")])

    def test_a_view_that_is_cut_off_says_so(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        with store.reading() as view:
            view.workspace("default")
            postgres.break_off()
        with pytest.raises(StoreUnavailable, match="reachable"), store.reading() as view:
            [view.workspace("default"), postgres.break_off(), view.workspace("default")]
        assert node(store, "a0") == b"node"

    def test_where_it_breaks_while_it_commits_it_is_said_that_nobody_knows(
        self, store: PostgresStore, postgres: PostgresDatabase
    ) -> None:
        with postgres.connect() as connection:
            connection.execute(
                "create function leave() returns trigger language plpgsql as "
                "'begin perform pg_terminate_backend(pg_backend_pid()); return null; end'"
            )
            connection.execute(
                "create constraint trigger leave after insert on strongroom.trie deferrable initially deferred "
                "for each row execute function leave()"
            )
            with pytest.raises(StoreUnavailable, match="before you repeat it"), store.writing() as transaction:
                transaction.put_nodes(WORKSPACE.id, {"a1": b"new"})
            connection.execute("drop trigger leave on strongroom.trie")
        assert node(store, "a1") is None

    def test_a_change_whose_failure_was_overheard_is_not_acknowledged(self, store: PostgresStore) -> None:
        def overhear(transaction: Transaction) -> None:
            transaction.put_nodes(WORKSPACE.id, {"a1": b"new"})
            with suppress(psycopg.Error):
                transaction.append_audit(WORKSPACE.id, [AuditRow(1, b"again", b"mac")])
                next(transaction.nodes(WORKSPACE.id, ["a1"]))

        with pytest.raises(StoreProblem), store.writing() as transaction:
            overhear(transaction)
        assert node(store, "a1") is None


class TestLocksAndLimits:
    def test_a_store_that_stays_locked_says_so(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        with postgres.connect() as other:
            other.execute("begin; lock table strongroom.store in exclusive mode")
            with pytest.raises(StoreUnavailable, match="try again"), store.writing():
                pass
            assert node(store, "a0") == b"node"  # readers need no lock
            other.execute("rollback")
        with store.writing() as transaction:
            transaction.put_nodes(WORKSPACE.id, {"a1": b"new"})

    def test_a_statement_that_takes_too_long_is_given_up(self, postgres: PostgresDatabase) -> None:
        store = PostgresStore(f"{postgres.url}?options=-c%20statement_timeout%3D200ms")
        store.initialise(fill)
        with postgres.connect() as other:
            other.execute("begin; lock table strongroom.heads")
            with pytest.raises(StoreUnavailable, match="statement timeout"):
                store.load(WORKSPACE.id, "lake", 1)
        assert store.load(WORKSPACE.id, "lake", 1) is not None
        store.close()

    def test_where_all_connections_are_in_use_it_is_said_and_ends(
        self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store._connections, "_at_most", 2)
        monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 0.2)
        lent = store._connections.lent
        with lent(), lent(), pytest.raises(StoreUnavailable, match="in use"):
            store.load(WORKSPACE.id, "lake", 1)
        assert store.load(WORKSPACE.id, "lake", 1) is not None

    def test_threads_that_need_many_connections_get_them_in_turn(self, store: PostgresStore) -> None:
        failures: list[BaseException] = []

        def read() -> None:
            try:
                for _ in range(5):
                    with store.reading() as view:
                        assert next(view.nodes(WORKSPACE.id, ["a0"])) == b"node"
                    assert store.load(WORKSPACE.id, "lake", 1) is not None
            except BaseException as exc:
                failures.append(exc)

        threads = [threading.Thread(target=read) for _ in range(25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []

    def test_a_role_that_only_reads_is_told_so(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        store.close()
        postgres.administer(f"alter role {postgres.user} set default_transaction_read_only = on")
        reader = PostgresStore(postgres.url)
        assert reader.load(WORKSPACE.id, "lake", 1) is not None
        with pytest.raises(StoreUnavailable, match=r"read-only.*primary"), reader.writing() as transaction:
            transaction.put_nodes(WORKSPACE.id, {"a1": b"new"})
        reader.close()


class TestServersThatEnd:
    def test_a_registry_goes_on_when_the_server_is_back_and_has_all_that_was_acknowledged(
        self, server: PostgresServer, server_url: str
    ) -> None:
        with open_registry(server_url) as registry, open_registry(server_url) as other:
            save = saver(registry)
            save("lake", b"acknowledged")
            other.get("lake")
            server.stop(SIGQUIT)
            for attempt in (
                lambda: save("lake", b"lost", overwrite=True),
                lambda: other.get("lake"),
                registry.list,
                lambda: registry.destroy("lake"),
            ):
                for _ in range(2):
                    with pytest.raises(StoreUnavailable, match=r"refused.*reachable"):
                        attempt()
            with pytest.raises(StoreUnavailable):
                open_registry(server_url)
            server.start()
            assert other.get("lake").payload == b"acknowledged"
            assert save("lake", b"more", overwrite=True).number == 2
            assert other.get("lake").payload == b"more"
            assert other.verify().ok
            assert other.verify_audit().ok

    def test_what_was_counted_while_the_server_was_away_is_in_the_audit_afterwards(
        self, server: PostgresServer, server_url: str
    ) -> None:
        with open_registry(server_url) as registry:
            saver(registry)("lake", b"water")
            for _ in range(3):
                registry.get("lake")
            server.stop()
            with pytest.raises(StrongroomError):
                registry.get("lake")
            server.start()
            registry.get("lake")
            loads = [entry.count for entry in registry.audit(name="lake") if entry.action == "load"]
            assert sum(loads) == 4


def test_a_place_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="reachable"):
        PostgresStore(f"postgresql:///registry?host={tmp_path}")
