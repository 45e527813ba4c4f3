"""Row 16: 64 at once, in four processes, at what may be used once: nothing is used more often than it may be.

Each round is at something new: a token with a use count, a secret id, a wrap, a name to guess the password of, and a
token that is revoked while children are made with it. A failure is one use too many or too few, or a child that lives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from strongroom_registry.settings import RegistrySettings
from strongroom_service.identity.app_role import AppRole
from strongroom_service.identity.caller import ANONYMOUS
from strongroom_service.identity.grant import Grant
from strongroom_service.identity.lockout import AT_ONE_NAME_FROM_ONE_ADDRESS, KIND, Attempts
from strongroom_service.identity.people import User
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.service import Service

from faults.figure import Figure, Work

ROW = 16
PROCESSES, THREADS = 4, 16
ALL = PROCESSES * THREADS
ROUNDS = 50
RACER = Path(__file__).with_name("token_racer.py")


@dataclass
class Arena:
    """A service, and processes that have it open too."""

    service: Service
    racers: list[subprocess.Popen[str]]

    def race(self, what: str, text: str) -> Counter[str]:
        """How the tries of all processes came out, which begin at once."""
        for racer in self.racers:
            _say(racer, f"{what} {THREADS} {text}")
        if {_hear(racer) for racer in self.racers} != {"ready"}:
            raise RuntimeError("a process that was to race is not ready")
        for racer in self.racers:
            _say(racer, "go")
        outcomes: Counter[str] = Counter()
        for racer in self.racers:
            for outcome in _hear(racer).split():
                name, _, number = outcome.partition("=")
                outcomes[name] += int(number)
        return outcomes


Race = Callable[[Arena, int], str | None]
"""A round, by its number: what was wrong, None where nothing was."""


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        with arena(work, store) as at:
            for name, race in RACES.items():
                figure = Figure(ROW, f"{ALL} at {name}", store)
                for turn in range(work.count(ROUNDS)):
                    problem = race(at, turn)
                    figure.add("as often as it may be" if problem is None else "not", problem)
                yield figure


@contextmanager
def arena(work: Work, store: str) -> Iterator[Arena]:
    """A new registry of a store, and processes that have its service open."""
    racers: list[subprocess.Popen[str]] = []
    with work.places.make(store, work.folder / store) as place:
        settings = {"home": work.folder / store, "registry": place.url, "key": place.key}
        spoken = {f"STRONGROOM_{name.upper()}": str(value) for name, value in settings.items()}
        with Service.open(registry=RegistrySettings(**settings)) as service:
            try:
                for _ in range(PROCESSES):
                    racers.append(_started({**os.environ, **spoken}))
                yield Arena(service, racers)
            finally:
                for racer in racers:
                    racer.kill()
                    racer.communicate()


def _one_use(at: Arena, turn: int) -> str | None:
    issued = at.service.tokens.issue(Grant(identity=f"one-{turn}", uses=1))
    return _compared(at.race("use", issued.token.text), done=1, refused=ALL - 1)


def _seven_uses(at: Arena, turn: int) -> str | None:
    issued = at.service.tokens.issue(Grant(identity=f"seven-{turn}", uses=7))
    return _compared(at.race("use", issued.token.text), done=7, refused=ALL - 7)


def _secret_id(at: Arena, turn: int) -> str | None:
    roles, name = at.service.logins.app_roles, f"etl-{turn}"
    roles.put(name, AppRole(secret_id_uses=1))
    made = roles.make_secret_id(name)
    outcomes = at.race("secret-id", f"{roles.found(name).value.role_id} {made.text}")
    tokens = len(_tokens(at, f"approle:{name}"))
    return _compared(outcomes, done=1, refused=ALL - 1) or (f"{tokens} tokens were made" if tokens != 1 else None)


def _wrap(at: Arena, turn: int) -> str | None:
    info = at.service.wraps.wrap({"turn": turn}, timedelta(minutes=5), "wraps", ANONYMOUS)
    return _compared(at.race("wrap", info.token), done=1, refused=ALL - 1)


def _guesses(at: Arena, turn: int) -> str | None:
    service = at.service
    if service.directory.get("user", "alice", User) is None:
        service.directory.put("user", "alice", User())
        service.logins.passwords.set_password("alice", "correct horse battery staple")
    with service.records.changing() as session:
        for id_, _ in session.page(KIND, Attempts):
            session.remove(KIND, id_)
    most = AT_ONE_NAME_FROM_ONE_ADDRESS
    return _compared(at.race("guess", f"{turn}"), **{"refused": most, "too-many": ALL - most})


def _family(at: Arena, turn: int) -> str | None:
    identity = f"family-{turn}"
    parent = at.service.tokens.issue(Grant(identity=identity, ttl=timedelta(hours=1)))
    outcomes = at.race("family", parent.token.text)
    living = [record for record in _tokens(at, identity) if record.ended is None]
    if outcomes["done"] + outcomes["refused"] != ALL or not outcomes["done"]:
        return f"came out as {dict(outcomes)}"
    return f"{len(living)} live on" if living else None


RACES: dict[str, Race] = {
    "a token with one use": _one_use,
    "a token with seven uses": _seven_uses,
    "a secret id with one use": _secret_id,
    "a wrap": _wrap,
    "the password of one user": _guesses,
    "a token that is revoked while others are made with it": _family,
}


def _compared(outcomes: Counter[str], **promised: int) -> str | None:
    return None if outcomes == promised else f"came out as {dict(outcomes)}, not {promised}"


def _tokens(at: Arena, identity: str) -> list[TokenRecord]:
    found: list[TokenRecord] = []
    with at.service.records.reading() as session:
        after = ""
        while rows := session.page("token", TokenRecord, after=after, limit=1000):
            found += [record for _, record in rows if record.identity == identity]
            after = rows[-1][0]
    return found


def _started(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(RACER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def _say(racer: subprocess.Popen[str], line: str) -> None:
    assert racer.stdin
    racer.stdin.write(f"{line}\n")
    racer.stdin.flush()


def _hear(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout
    return racer.stdout.readline().strip()
