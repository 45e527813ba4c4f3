"""Credentials get new values in four steps, and never one that was not tested."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from servers.postgres import PostgresDatabase
from strongroom_blocks import Block, secret_from
from strongroom_blocks.credential_rotation import CredentialRotation, Step, rotate_credential
from strongroom_blocks.errors import CheckDenied, RotationNotPossible
from strongroom_blocks.types import PostgreSQL
from strongroom_blocks.types.postgresql_password import PostgreSQLPassword
from strongroom_registry import current
from strongroom_registry.errors import StaleExpectation, UnknownDocument


class Token(Block, slug="rotated-token"):
    value: SecretStr


class Service:
    """What checks tokens: accepts those that it was told of."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()

    def accepts(self, token: Token) -> bool:
        return token.value.get_secret_value() in self.accepted


class TokenRotation(CredentialRotation[Token]):
    def __init__(self, service: Service, fail_at: Step | None = None) -> None:
        self.service, self.fail_at, self.steps = service, fail_at, []  # type: ignore[var-annotated]

    def create(self, current: Token) -> Token:
        self._at(Step.CREATE)
        return Token(value=secrets.token_hex(16))  # type: ignore[arg-type]

    def set(self, current: Token, pending: Token) -> None:
        self._at(Step.SET)
        assert self.service.accepts(current)
        self.service.accepted.add(pending.value.get_secret_value())

    def test(self, pending: Token) -> None:
        self._at(Step.TEST)
        if not self.service.accepts(pending):
            raise CheckDenied("The service refuses it.")

    def finish(self, former: Token, current: Token) -> None:
        self._at(Step.FINISH)
        self.service.accepted.discard(former.value.get_secret_value())

    def _at(self, step: Step) -> None:
        self.steps.append(step)
        if step is self.fail_at:
            raise RuntimeError(f"the network went away at {step}")


@pytest.fixture
def service() -> Service:
    service = Service()
    value = secrets.token_hex(16)
    Token(value=value).save("token")  # type: ignore[arg-type]
    service.accepted.add(value)
    return service


def test_the_new_value_is_set_tested_and_then_current(service: Service) -> None:
    rotation = TokenRotation(service)
    told: list[Step] = []
    version = rotate_credential("token", rotation, message="monthly", at=told.append)
    assert rotation.steps == told == list(Step)
    assert (version.number, version.message, version.labels) == (2, "monthly", ())
    assert service.accepts(Token.load("token"))
    assert not service.accepts(Token.load("token@previous"))


@pytest.mark.parametrize("step", list(Step))
def test_one_that_was_interrupted_goes_on_and_loses_no_value(service: Service, step: Step) -> None:
    with pytest.raises(RuntimeError):
        rotate_credential("token", TokenRotation(service, fail_at=step))
    current = Token.load("token")
    assert service.accepts(current)  # whatever happened, what is current works
    rotation = TokenRotation(service)
    rotate_credential("token", rotation)
    assert service.accepts(Token.load("token"))
    assert (Step.CREATE in rotation.steps) == (step in (Step.CREATE, Step.FINISH))


def test_a_value_that_fails_its_test_stays_pending(service: Service) -> None:
    class Deaf(TokenRotation):
        def set(self, current: Token, pending: Token) -> None:
            pass

    with pytest.raises(CheckDenied):
        rotate_credential("token", Deaf(service))
    head = current().head("token")
    assert (head.current, head.labels["pending"]) == (1, 2)


def test_somebody_who_saves_meanwhile_wins(service: Service) -> None:
    class Slow(TokenRotation):
        def test(self, pending: Token) -> None:
            Token(value="saved by hand").save("token", overwrite=True)  # type: ignore[arg-type]

    with pytest.raises(StaleExpectation):
        rotate_credential("token", Slow(service))
    for _ in range(2):  # what was pending then is older, and does not come back by itself
        with pytest.raises(RotationNotPossible, match=r"Version 2 .* is pending, and version 3 was saved after it"):
            rotate_credential("token", TokenRotation(service))
    assert Token.load("token").value.get_secret_value() == "saved by hand"
    assert current().head("token").current == 3


def test_a_type_without_a_check_asks_for_a_test_of_its_own(service: Service) -> None:
    class Untested(TokenRotation):
        test = CredentialRotation.test  # type: ignore[assignment]

    rotation = Untested(service)
    with pytest.raises(RotationNotPossible, match="check"):
        rotate_credential("token", rotation)
    assert rotation.steps == []  # the service was told of nothing
    assert (current().head("token").current, dict(current().head("token").labels)) == (1, {})


def test_what_is_kept_elsewhere_is_rotated_there(service: Service) -> None:
    Token(value=secret_from("env:SERVICE_TOKEN")).save("elsewhere")
    rotation = TokenRotation(service)
    with pytest.raises(RotationNotPossible, match='"value" of "elsewhere" points at env:SERVICE_TOKEN'):
        rotate_credential("elsewhere", rotation)
    assert rotation.steps == [Step.CREATE]
    assert Token.load("elsewhere").value == secret_from("env:SERVICE_TOKEN")
    assert [version.number for version in Token.history("elsewhere")] == [1]


def test_what_is_not_there_cannot_be_rotated(service: Service) -> None:
    with pytest.raises(UnknownDocument):
        rotate_credential("nothing", TokenRotation(service))


class TestPostgreSQL:
    @pytest.fixture
    def database(self, postgres: PostgresDatabase) -> PostgreSQL:
        block = PostgreSQL(
            host=postgres.server.host,
            port=postgres.server.port,
            database=postgres.name,
            user=postgres.user,
            password=postgres.password,  # type: ignore[arg-type]
        )
        block.save("db")
        return block

    @pytest.fixture
    def admin(self, database: PostgreSQL, _postgres_administrator: Any) -> Iterator[PostgreSQL]:
        role, password = f"a_{secrets.token_hex(6)}", secrets.token_urlsafe(16)
        _postgres_administrator.execute(f"create role {role} superuser login password '{password}'")
        yield database.model_copy(update={"user": role, "password": SecretStr(password)})
        _postgres_administrator.execute(f"drop role {role}")

    def test_a_login_changes_its_own_password(self, database: PostgreSQL) -> None:
        assert database.user is not None
        before = database.password.get_secret_value() if database.password else ""
        rotate_credential("db", PostgreSQLPassword())
        after = PostgreSQL.load("db")
        assert after.password is not None
        assert after.password.get_secret_value() != before
        assert after.check(10).startswith(f"logged in as {database.user}")
        with pytest.raises(CheckDenied):
            PostgreSQL.load("db@previous").check(10)

    def test_one_that_was_interrupted_after_the_server_knew_goes_on(self, database: PostgreSQL) -> None:
        class Cut(PostgreSQLPassword):
            def test(self, pending: PostgreSQL) -> None:
                raise RuntimeError("the network went away")

        with pytest.raises(RuntimeError):
            rotate_credential("db", Cut())
        rotate_credential("db", PostgreSQLPassword())
        assert PostgreSQL.load("db").check(10)
        assert current().head("db").current == 2

    @pytest.fixture
    def other(self, _postgres_administrator: Any) -> Iterator[str]:
        role = f"b_{secrets.token_hex(6)}"
        _postgres_administrator.execute(f"create role {role} login")
        yield role
        _postgres_administrator.execute(f"drop role {role}")

    def test_two_users_take_turns_so_that_the_former_works_on(
        self, database: PostgreSQL, admin: PostgreSQL, other: str
    ) -> None:
        rotation = PostgreSQLPassword(admin, (str(database.user), other))
        rotate_credential("db", rotation)
        assert PostgreSQL.load("db").user == other
        assert PostgreSQL.load("db").check(10)
        assert PostgreSQL.load("db@previous").check(10)
        rotate_credential("db", rotation)
        assert PostgreSQL.load("db").user == database.user
        assert PostgreSQL.load("db").check(10)

    def test_two_users_without_somebody_who_may_are_refused(self, database: PostgreSQL) -> None:
        with pytest.raises(RotationNotPossible):
            PostgreSQLPassword(users=("a", "b"))
        with pytest.raises(RotationNotPossible):
            PostgreSQLPassword(database, ("a", "a"))
