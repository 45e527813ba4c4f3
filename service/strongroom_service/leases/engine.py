"""What makes short-lived credentials, and unmakes them: one engine for each kind of system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel

Options = TypeVar("Options", bound=BaseModel, contravariant=True)


@dataclass(frozen=True, slots=True)
class Naming:
    """What the names may be that an engine gives: at most ``longest`` characters, each a small letter, a digit, ``_``
    or one of ``more``."""

    longest: int
    more: str = ""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the credentials of an engine can last: from ``shortest`` to ``longest``."""

    shortest: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Grant:
    """One credential: everything that an engine needs to make it, to renew it and to take it back.

    All of it is known, and on the disk, before the engine is asked the first time, so that whoever comes after a crash
    can take back what he has not made himself.

    :param lease: the id of the lease.
    :param name: what the user, the role or the session is called; of this lease alone.
    :param ttl: how long the credential is to work, from now on.
    :param until: when it is to stop working.
    :param latest: when it stops at the latest, however often it is renewed.
    :param deadline: when making it has to be done with; later it must not come into being any more.
    :param is_in_time: whether that moment has not come yet, by the clock of this process.
    :param undo: what the engine noted when it made the credential; empty where nobody knows whether it did.
    """

    lease: str
    name: str
    ttl: timedelta
    until: datetime
    latest: datetime
    deadline: datetime
    undo: Mapping[str, str] = field(default_factory=dict)
    is_in_time: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Issued:
    """What an engine made.

    :param credential: what the caller is given, and nobody keeps.
    :param undo: what helps to take it back; no secrets.
    :param until: when it stops working, where the system decided that otherwise than it was asked.
    """

    credential: Mapping[str, str] = field(repr=False)
    undo: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None


class Engine(Protocol[Options]):
    """Makes the credentials of one kind of system. Third parties register theirs as an entry point of the group
    ``strongroom.lease_engines``: the name that roles have for it, and an object or a class without arguments.

    Every method may be called by any process of the service, in any thread, and more than once for one grant. Each
    has to come to an end by itself within a minute or so: give every connection and every statement a time limit.

    What a system answers is raised as :class:`~strongroom_service.errors.EngineFailed`, or as any other
    ``StrongroomError``, without secrets. Of another exception nothing but its type is told.
    """

    options: ClassVar[type[BaseModel]]
    """What a role says for this engine: a frozen model that forbids extra fields."""
    blocks: ClassVar[tuple[str, ...]]
    """The slugs of the blocks that can be its administrator."""
    is_renewable: ClassVar[bool]

    def naming(self, options: Options) -> Naming:
        """What names are possible."""
        ...

    def durations(self, options: Options) -> Durations:
        """How long the credentials can last."""
        ...

    def create(self, admin: Any, options: Options, grant: Grant) -> Issued:
        """Make the credential, before the grant's deadline or never.

        :param admin: the block of the administrator.
        :raises EngineFailed: it was not made, or nobody knows. It will be taken back in either case.
        """
        ...

    def renew(self, admin: Any, options: Options, grant: Grant) -> None:
        """Let the credential work until the grant's new ``until``.

        :raises EngineFailed: it does not.
        """
        ...

    def revoke(self, admin: Any, options: Options, grant: Grant) -> datetime | None:
        """Take the credential back; what is not there, or not there any more, is taken back already.

        :return: where the system cannot take it back: when it stops working by itself.
        :raises EngineFailed: it may still be there.
        """
        ...
