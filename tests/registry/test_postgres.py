"""A registry in PostgreSQL passes the suite that is shipped; which databases it knows as its own, and who may not."""

from __future__ import annotations

import secrets
import socket
import sys
from pathlib import Path

import pytest
from canaries import Plant
from servers.postgres import PostgresDatabase
from strongroom_registry import open_registry
from strongroom_registry.errors import StoreForeign, StoreNewer, StoreUnavailable
from strongroom_registry.stores import Store, open_store, shown
from strongroom_registry.stores.postgres import PostgresStore, schema, transaction
from strongroom_registry.stores.postgres.transaction import PostgresTransaction
from strongroom_registry.stores.store import AuditRow, HeadRow, UseRow
from strongroom_registry.testing import HEAD, VERSION, WORKSPACE, StoreContract, fill
from strongroom_registry.tree import path_of

from .conftest import saver

FIRST_MIGRATION = Path(schema.__file__).parent.parent / "sql" / "postgres" / "0001_tables.sql"


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, postgres: PostgresDatabase) -> None:
        self.url = postgres.url

    def make_store(self) -> Store:
        return PostgresStore(self.url)


@pytest.fixture
def store(postgres: PostgresDatabase) -> PostgresStore:
    store = PostgresStore(postgres.url)
    store.initialise(fill)
    return store


class TestWhoseTablesTheyAre:
    def test_a_database_without_a_registry_is_left_alone_where_none_is_to_be_made(
        self, postgres: PostgresDatabase
    ) -> None:
        with pytest.raises(StoreUnavailable, match="strongroom init"):
            open_store(postgres.url, create=False)
        open_store(postgres.url).close()
        with postgres.connect() as connection:
            schemas = connection.execute("select count(*) from pg_namespace where nspname = 'strongroom'")
            assert schemas.fetchone() == (0,)

    def test_both_spellings_of_the_scheme_open_the_same(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        store.close()
        other = open_store(postgres.url.replace("postgresql://", "postgres://"), create=False)
        assert other.store_id == store.store_id
        other.close()

    def test_other_tables_of_the_database_and_of_the_schema_do_not_matter(
        self, store: PostgresStore, postgres: PostgresDatabase
    ) -> None:
        store.close()
        with postgres.connect() as connection:
            connection.execute("create table heads (unrelated integer)")
            connection.execute("create view strongroom.counted as select count(*) from strongroom.heads")
            connection.execute("set search_path = public")
        again = PostgresStore(postgres.url)
        assert again.load(WORKSPACE.id, "lake", 1) is not None
        again.close()

    def test_tables_that_were_changed_are_refused_by_name(
        self, store: PostgresStore, postgres: PostgresDatabase
    ) -> None:
        """Whatever would run when rows are read or written, and whatever would hide them."""
        store.close()
        function = "create function nothing() returns trigger language plpgsql as 'begin return null; end'"
        with postgres.connect() as connection:
            connection.execute(function)
            for change, undo, named in (
                (
                    "alter table strongroom.trie rename to tree; create view strongroom.trie as table strongroom.tree",
                    "drop view strongroom.trie; alter table strongroom.tree rename to trie",
                    "table trie",
                ),
                (
                    "create trigger late before insert on strongroom.audit for each row execute function nothing()",
                    "drop trigger late on strongroom.audit",
                    "trigger late on audit",
                ),
                (
                    "create rule deaf as on update to strongroom.heads do instead nothing",
                    "drop rule deaf on strongroom.heads",
                    "rule deaf on heads",
                ),
                (
                    "alter table strongroom.versions enable row level security",
                    "alter table strongroom.versions disable row level security",
                    "table versions",
                ),
                (
                    "alter table strongroom.workspaces add check (name <> 'team')",
                    "alter table strongroom.workspaces drop constraint workspaces_name_check",
                    "constraint workspaces_name_check on workspaces",
                ),
                (
                    "create index slow on strongroom.heads (md5(name))",
                    "drop index strongroom.slow",
                    "index on heads (expression)",
                ),
                (
                    "alter table strongroom.store alter id set default '\\x00'",
                    "alter table strongroom.store alter id drop default",
                    "column store.id",
                ),
                (
                    "alter table strongroom.uses add column more text",
                    "alter table strongroom.uses drop column more",
                    "column uses.more",
                ),
                (
                    "create table strongroom.more () inherits (strongroom.audit)",
                    "drop table strongroom.more",
                    "table audit",
                ),
                (
                    "alter table strongroom.trie set unlogged",
                    "alter table strongroom.trie set logged",
                    "table trie",
                ),
            ):
                connection.execute(change)
                with pytest.raises(StoreForeign) as refused:
                    PostgresStore(postgres.url)
                assert named in str(refused.value)
                connection.execute(undo)
            PostgresStore(postgres.url).close()
            connection.execute("drop table strongroom.uses")
        with pytest.raises(StoreForeign, match="there is no 'table uses'"):
            PostgresStore(postgres.url)

    def test_a_schema_of_another_program_is_refused_and_left_alone(self, postgres: PostgresDatabase) -> None:
        with postgres.connect() as connection:
            connection.execute("create schema strongroom; create table strongroom.versions (number integer)")
        with pytest.raises(StoreForeign, match="find out"):
            open_store(postgres.url)
        with postgres.connect() as connection:
            tables = connection.execute("select tablename from pg_tables where schemaname = 'strongroom'")
            assert tables.fetchall() == [("versions",)]

    def test_a_store_of_a_newer_version_asks_for_an_upgrade(
        self, store: PostgresStore, postgres: PostgresDatabase
    ) -> None:
        store.close()
        with postgres.connect() as connection:
            connection.execute("insert into strongroom.migrations values (3, now())")
            connection.execute("alter table strongroom.heads add column newer integer")
        with pytest.raises(StoreNewer, match="Upgrade"):
            PostgresStore(postgres.url)

    def test_migrations_that_never_were_are_refused(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        store.close()
        with postgres.connect() as connection:
            connection.execute("delete from strongroom.migrations where number = 1")
            with pytest.raises(StoreForeign, match="never was"):
                PostgresStore(postgres.url)
            connection.execute("delete from strongroom.migrations; delete from strongroom.store")
            with pytest.raises(StoreForeign, match="never was"):
                PostgresStore(postgres.url)
            connection.execute("insert into strongroom.migrations values (1, now()), (2, now())")
            with pytest.raises(StoreForeign, match="lost the id"):
                PostgresStore(postgres.url)

    def test_a_database_that_cannot_hold_every_name_is_refused(self, postgres: PostgresDatabase) -> None:
        name = f"{postgres.name}_latin"
        postgres.administer(f"create database {name} encoding 'LATIN1' locale 'C' template template0")
        try:
            with pytest.raises(StoreUnavailable, match="UTF8"):
                open_store(f"{postgres.url}_latin")
        finally:
            postgres.administer(f"drop database {name} with (force)")


class TestMigrations:
    @pytest.fixture
    def older(self, postgres: PostgresDatabase) -> str:
        """A registry as the first migration alone would have made it, with two documents in it."""
        with open_registry(postgres.url, actor="alice") as registry:
            saver(registry)("lake", b"water", message="first")
            saver(registry)("lake", b"wine", overwrite=True)
            saver(registry)("sea", b"salt")
        with postgres.connect() as connection:
            connection.execute("alter schema strongroom rename to newer; create schema strongroom")
            connection.execute(FIRST_MIGRATION.read_text())
            connection.execute("insert into strongroom.migrations values (1, now())")
            for table in ("store", "workspaces", "workspace_keys", "versions", "trie", "audit"):
                connection.execute(f"insert into strongroom.{table} select * from newer.{table}")
            columns = "workspace, name, document, record, mac"
            connection.execute(f"insert into strongroom.heads select {columns} from newer.heads")
            connection.execute("drop schema newer cascade")
        return postgres.url

    def test_an_older_registry_is_upgraded_when_it_is_opened_and_nothing_is_lost(
        self, older: str, postgres: PostgresDatabase
    ) -> None:
        with open_registry(older, create=False) as registry:
            assert registry.get("lake").payload == b"wine"
            assert registry.get("lake@1").version.message == "first"
            assert registry.verify().ok
            assert registry.verify_audit().ok
            saver(registry)("pond", b"new", references=["sea"])
        with postgres.connect() as connection:
            assert connection.execute("select number from strongroom.migrations order by 1").fetchall() == [(1,), (2,)]
            heads = connection.execute("select name, path from strongroom.heads").fetchall()
            assert heads == [(name, path_of(name)) for name, _ in heads]
        PostgresStore(older).close()

    def test_an_upgrade_that_fails_leaves_the_database_as_it_was(self, older: str, postgres: PostgresDatabase) -> None:
        with postgres.connect() as connection:
            connection.execute("create table strongroom.uses_by_user ()")  # in the way of the index of that name
            with pytest.raises(StoreUnavailable, match="uses_by_user"):
                PostgresStore(older)
            assert connection.execute("select number from strongroom.migrations").fetchall() == [(1,)]
            connection.execute("drop table strongroom.uses_by_user")
        with open_registry(older, create=False) as registry:
            assert registry.verify().ok

    def test_a_role_that_may_not_upgrade_asks_for_the_owner(self, older: str, postgres: PostgresDatabase) -> None:
        role, password = f"{postgres.name}_app", secrets.token_urlsafe(12)
        postgres.administer(f"create role {role} login password '{password}'")
        try:
            with postgres.connect() as connection:
                connection.execute(f"grant usage on schema strongroom to {role}")
                connection.execute(f"grant select on all tables in schema strongroom to {role}")
                with pytest.raises(StoreUnavailable, match=r"format 1, .*as the owner"):
                    PostgresStore(postgres.url_for(role, password))
                assert connection.execute("select count(*) from strongroom.migrations").fetchone() == (1,)
        finally:
            postgres.administer(f"drop owned by {role}; drop role {role}")

    def test_older_tables_that_were_changed_are_not_upgraded(self, older: str, postgres: PostgresDatabase) -> None:
        with postgres.connect() as connection:
            connection.execute("alter table strongroom.heads add column path text")
        with pytest.raises(StoreForeign, match=r"column heads\.path"):
            PostgresStore(older)

    def test_every_format_declares_what_its_migration_makes(self, postgres: PostgresDatabase) -> None:
        with postgres.connect() as connection:
            connection.execute("create schema strongroom")
            for number, migration in enumerate(schema._MIGRATIONS, 1):
                connection.execute(migration.read_text())
                assert schema.shape(connection) == schema._SHAPES[number - 1]


def test_the_tables_are_those_of_the_specification() -> None:
    specification = Path(__file__).parents[2] / "docs" / "spec" / "registry.md"
    assert "```text\n" + "\n".join(schema._SHAPES[-1]) + "\n```" in specification.read_text()


class TestWhoMayNot:
    def test_a_wrong_password_is_said_to_be_wrong_and_never_shown(
        self, postgres: PostgresDatabase, canary: Plant
    ) -> None:
        wrong = canary("password")
        with pytest.raises(StoreUnavailable, match="password authentication failed") as refused:
            open_store(postgres.url_for(postgres.user, wrong))
        assert postgres.name in str(refused.value)
        assert "password and database are right" in refused.value.remedy
        assert wrong not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__

    def test_a_database_that_is_not_there_is_named(self, postgres: PostgresDatabase) -> None:
        with pytest.raises(StoreUnavailable, match="elsewhere"):
            open_store(f"{postgres.url}_elsewhere")

    def test_a_server_that_is_not_there_is_named(self) -> None:
        with socket.socket() as deaf:  # bound, and never listens
            deaf.bind(("127.0.0.1", 0))
            port = deaf.getsockname()[1]
            with pytest.raises(StoreUnavailable, match=rf"127\.0\.0\.1:{port}.*reachable"):
                open_store(f"postgresql://user@127.0.0.1:{port}/db")

    @pytest.mark.parametrize("url", ["postgresql://u:{}%zz@host/db", "postgresql://u:{}@[::1/db", "postgres://?a={}"])
    def test_a_url_that_the_client_does_not_understand_is_not_repeated(self, url: str, canary: Plant) -> None:
        secret = canary("password")
        with pytest.raises(StoreUnavailable, match="PGPASSWORD") as refused:
            open_store(url.format(secret))
        assert secret not in str(refused.value)

    def test_a_password_shows_nowhere(
        self, postgres: PostgresDatabase, canary: Plant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = canary("password")
        postgres.administer(f"alter role {postgres.user} password '{secret}'")
        url = postgres.url_for(postgres.user, secret)
        assert secret not in shown(url)
        assert secret not in shown(f"{postgres.url_for(postgres.user, 'x')}?sslmode=prefer&password={secret}")
        assert shown(f"{url}?sslmode=prefer").endswith(f"/{postgres.name}?sslmode=prefer")
        with open_registry(url) as registry:
            store = registry._access.store
            assert isinstance(store, PostgresStore)
            shows = [registry, store, store._place, store._connections, store._listener, registry._access]
            assert secret not in repr(shows)

    def test_the_password_may_come_from_the_environment(
        self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGPASSWORD", postgres.password)
        store = open_store(postgres.url.replace(f":{postgres.password}@", "@"))
        assert store.store_id is None
        store.close()

    def test_so_may_everything_else(self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (
            ("PGHOST", postgres.server.host),
            ("PGPORT", str(postgres.server.port)),
            ("PGUSER", postgres.user),
            ("PGDATABASE", postgres.name),
            ("PGPASSWORD", postgres.password),
        ):
            monkeypatch.setenv(name, value)
        with pytest.raises(StoreUnavailable, match=f"{postgres.name} of {postgres.server.host}:{postgres.server.port}"):
            open_store("postgresql://", create=False)

    def test_a_role_without_rights_is_told_which(self, store: PostgresStore, postgres: PostgresDatabase) -> None:
        role, password = f"{postgres.name}_guest", secrets.token_urlsafe(12)
        postgres.administer(f"create role {role} login password '{password}'")
        try:
            guest = postgres.url_for(role, password)
            with pytest.raises(StoreUnavailable, match=r"permission denied.*grant"):
                open_store(guest)
            with postgres.connect() as connection:
                connection.execute(f"grant usage on schema strongroom to {role}")
                connection.execute(f"grant select, insert, update, delete on all tables in schema strongroom to {role}")
            other = open_store(guest, create=False)
            with other.writing() as transaction:
                transaction.put_nodes(WORKSPACE.id, {"b": b"guest"})
            assert other.load(WORKSPACE.id, "lake", 1) is not None
            with pytest.raises(StoreUnavailable, match=r"not cleaned: .*owner"):
                other.scrub()
            other.close()
        finally:
            postgres.administer(f"drop owned by {role}; drop role {role}")

    def test_a_role_that_may_make_no_schema_uses_one_that_was_made_for_it(self, postgres: PostgresDatabase) -> None:
        role, password = f"{postgres.name}_team", secrets.token_urlsafe(12)
        postgres.administer(f"create role {role} login password '{password}'")
        try:
            url = postgres.url_for(role, password)
            store = open_store(url)
            with pytest.raises(StoreUnavailable, match=r"permission denied.*grant"):
                store.initialise(fill)
            postgres.administer(f"create schema strongroom authorization {role}")
            store.initialise(fill)
            with store.reading() as view:
                assert view.head(WORKSPACE.id, "lake") == HEAD
            store.close()
        finally:
            postgres.administer(f"drop owned by {role} cascade; drop role {role}")

    def test_without_the_package_it_is_said_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith("strongroom_registry.stores.postgres")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(StoreUnavailable, match=r"strongroom\[postgres\]"):
            open_store("postgresql://host/db")


def test_a_server_that_proves_who_it_is_is_asked_to(postgres: PostgresDatabase, tmp_path: Path) -> None:
    if postgres.server.tls is None:
        pytest.skip("this server was built without TLS")
    store = open_store(f"{postgres.url}?sslmode=verify-full&sslrootcert={postgres.server.tls}")
    assert store.store_id is None
    store.close()
    (tmp_path / "other.crt").write_text("")
    with pytest.raises(StoreUnavailable, match=r"other\.crt"):
        open_store(f"{postgres.url}?sslmode=verify-full&sslrootcert={tmp_path / 'other.crt'}")


def test_every_connection_is_durable_bounded_in_time_and_sees_our_tables_alone(postgres: PostgresDatabase) -> None:
    with postgres.connect() as connection:
        for setting in ("synchronous_commit = off", "search_path = public", "statement_timeout = '7s'"):
            connection.execute(f"alter role {postgres.user} set {setting}")
    store = PostgresStore(postgres.url)
    names = ("synchronous_commit", "search_path", "statement_timeout", "lock_timeout", "row_security")
    expected = ["on", "pg_catalog, strongroom, pg_temp", "7s", "30s", "off"]
    with store._connections.lent() as first, store._connections.lent() as pooled:
        assert first is not pooled
        for connection in (first, pooled):
            assert [connection.execute(f"show {name}".encode()).fetchone()[0] for name in names] == expected  # type: ignore[index]
            assert connection.info.parameter_status("application_name") == "strongroom"
    store.close()


def test_what_is_long_comes_in_portions_and_whole(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 20
    monkeypatch.setattr(transaction, "_VERSIONS_AT_ONCE", count // 2)
    monkeypatch.setattr(PostgresTransaction._portions, "__defaults__", (count // 2,))
    names = sorted([f"n{number}" for number in range(count - 1)] + ["lake"])
    heads = [HeadRow(name, name.encode().rjust(16), b"r", b"m", path_of(name)) for name in names if name != "lake"]
    with store.writing() as change:
        change.put_heads(WORKSPACE.id, heads)
        change.put_uses(WORKSPACE.id, [UseRow("lake", name, 1) for name in names])
        for number in range(2, count + 1):
            change.put_version(HEAD.document, VERSION._replace(number=number))
            change.append_audit(WORKSPACE.id, [AuditRow(number, b"entry", b"mac")])
    numbers = list(range(1, count + 1))
    with store.reading() as view:
        assert [row.name for row in view.heads(WORKSPACE.id)] == names
        assert [row.number for row in view.versions(HEAD.document)] == numbers[::-1]
        assert [row.seq for row in view.audit(WORKSPACE.id)] == numbers
        assert [row.seq for row in view.audit(WORKSPACE.id, newest_first=True)] == numbers[::-1]
        assert [row.user for row in view.all_uses(WORKSPACE.id)] == names
        asked = ((HEAD.document, number) for number in [*numbers, count + 1])
        found = [row and row.number for row in view.outlines(asked)]
        assert found == [*numbers, None]
        assert next(iter(view.heads(WORKSPACE.id))).name == names[0]
    store.close()
