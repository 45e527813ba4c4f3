"""What is asked for when a token is made, and what is handed out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from strongroom_service.errors import InvalidRequest
from strongroom_service.identity.token import Token
from strongroom_service.identity.token_record import Rights, TokenRecord

_POLICY = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,94}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token that is asked for.

    :param policies: None for those that the identity, or the parent, has.
    :param rights: where these come from; by default they are given, or inherited where none are named.
    :param identity: whom it stands for; empty for whoever asks.
    :param origin: the record that it is only as good as, ``kind.name`` of the directory; empty for that of whoever
        asks, or none.
    :param facts: what policies may say of the identity.
    :param name: for people to know it by.
    :param path: how it came to be, for people: ``login/password``.
    :param ttl: how long it lives unless it is renewed; None for what the service gives.
    :param max_ttl: how long at most, renewals included; None for what the service allows.
    :param period: how far each renewal reaches, without end unless there is a ``max_ttl``.
    :param uses: how many requests it is good for; None for any number.
    :param bounds: the networks that it can be used from; none for anywhere, or the parent's.
    :param beyond: those of the policies that its identity does not have.
    :param makers: the identities that could have kept it, or what it was logged in with, for themselves.
    """

    policies: tuple[str, ...] | None = None
    rights: Rights | None = None
    identity: str = ""
    origin: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    path: str = ""
    ttl: timedelta | None = None
    max_ttl: timedelta | None = None
    period: timedelta | None = None
    renewable: bool = True
    uses: int | None = None
    bounds: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was made: the one moment at which its text is there."""

    token: Token
    record: TokenRecord

    @property
    def accessor(self) -> str:
        """Its public name."""
        return self.token.id


def policy_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of policies as they are compared: in lower case, each once, in order.

    :raises InvalidRequest: one is no name.
    """
    found: dict[str, None] = {}
    for name in names:
        plain = name.lower() if name.isascii() else ""
        if not _POLICY.fullmatch(plain):
            raise InvalidRequest("One of the policies has no name of a policy.", "Use a-z, 0-9, '.', '_' and '-'.")
        found[plain] = None
    return tuple(found)
