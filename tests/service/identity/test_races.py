"""Many at once, in several processes, on SQLite and PostgreSQL: nothing is used more often than it may be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from strongroom_registry.settings import RegistrySettings
from strongroom_service.errors import Unauthenticated
from strongroom_service.identity.app_role import AppRole
from strongroom_service.identity.grant import Grant
from strongroom_service.identity.lockout import AT_ONE_NAME_FROM_ONE_ADDRESS
from strongroom_service.identity.people import User
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.service import Service

PROCESSES, THREADS = 4, 16
RACER = Path(__file__).with_name("racing.py")


@dataclass
class Arena:
    """A service, and processes that have it open too."""

    service: Service
    racers: list[subprocess.Popen[str]]

    def race(self, what: str, text: str) -> Counter[str]:
        """How the tries of all processes came out, which begin at once."""
        for racer in self.racers:
            self._say(racer, f"{what} {THREADS} {text}")
        assert {self._hear(racer) for racer in self.racers} == {"ready"}
        for racer in self.racers:
            self._say(racer, "go")
        outcomes: Counter[str] = Counter()
        for racer in self.racers:
            for outcome in self._hear(racer).split():
                name, _, number = outcome.partition("=")
                outcomes[name] += int(number)
        return outcomes

    def _say(self, racer: subprocess.Popen[str], line: str) -> None:
        assert racer.stdin
        racer.stdin.write(f"{line}\n")
        racer.stdin.flush()

    def _hear(self, racer: subprocess.Popen[str]) -> str:
        assert racer.stdout
        return racer.stdout.readline().strip()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    home = tmp_path_factory.mktemp("arena")
    url = f"sqlite:///{home / 'registry.db'}"
    if request.param == "postgres":
        url = f"{request.getfixturevalue('lasting_postgres').url}?sslmode=disable"
    key = f"file:{home / 'keys' / 'strongroom.key'}"
    environment = {**os.environ, "STRONGROOM_HOME": str(home), "STRONGROOM_REGISTRY": url, "STRONGROOM_KEY": key}
    racers: list[subprocess.Popen[str]] = []
    with Service.open(registry=RegistrySettings(home=home, registry=url, key=key)) as service:
        assert service.tokens.page() == []
        try:
            for _ in range(PROCESSES):
                command = [sys.executable, str(RACER)]
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
                racers.append(subprocess.Popen(command, **pipes, text=True, env=environment))  # type: ignore[call-overload]
            yield Arena(service, racers)
        finally:
            for racer in racers:
                racer.kill()
                racer.communicate()


def test_one_use_is_used_once_by_64_at_once(arena: Arena) -> None:
    issued = arena.service.tokens.issue(Grant(identity="a", uses=1))
    assert arena.race("use", issued.token.text) == {"done": 1, "refused": 63}


def test_seven_uses_are_used_seven_times_by_64_at_once(arena: Arena) -> None:
    issued = arena.service.tokens.issue(Grant(identity="a", uses=7))
    assert arena.race("use", issued.token.text) == {"done": 7, "refused": 57}


def test_a_secret_id_for_one_login_gives_one_token_to_64_at_once(arena: Arena) -> None:
    roles = arena.service.logins.app_roles
    roles.put("etl", AppRole(secret_id_uses=1))
    made = roles.make_secret_id("etl")
    outcomes = arena.race("secret-id", f"{roles.found('etl').value.role_id} {made.text}")
    assert outcomes == {"done": 1, "refused": 63}
    assert len([record for _, record in arena.service.tokens.page() if record.identity == "approle:etl"]) == 1


def test_64_guesses_at_once_are_no_more_than_the_few_that_are_allowed(arena: Arena) -> None:
    arena.service.directory.put("user", "alice", User())
    arena.service.logins.passwords.set_password("alice", "correct horse battery staple")
    outcomes = arena.race("guess", "-")
    assert outcomes == {"refused": AT_ONE_NAME_FROM_ONE_ADDRESS, "too-many": 64 - AT_ONE_NAME_FROM_ONE_ADDRESS}


def test_no_child_survives_a_parent_that_is_revoked_while_it_is_made(arena: Arena) -> None:
    parent = arena.service.tokens.issue(Grant(identity="family", ttl=timedelta(hours=1)))
    outcomes = arena.race("family", parent.token.text)
    assert outcomes["done"] + outcomes["refused"] == 64
    assert outcomes["done"] >= 1
    assert [record for _, record in arena.service.tokens.page() if record.identity == "family"] == []
    with arena.service.records.reading() as session:
        family = [row for row in session.page("token", TokenRecord, limit=1000) if row[1].identity == "family"]
    assert all(record.ended == "revoked" for _, record in family)
    with pytest.raises(Unauthenticated):
        arena.service.tokens.authenticate(parent.token.text, "127.0.0.1")
