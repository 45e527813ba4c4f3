"""Who asks: what a request's token says of the one who sent it, as every rule and every audit entry sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

ROOT = "root"
"""The name of the policy that allows everything, and of the identity that has no name of its own."""


class Caller(NamedTuple):
    """The one on whose behalf a request is answered.

    :param identity: what people and machines are called: ``user:alice``, ``account:ci``, ``approle:etl``, ``root``.
    :param accessor: the public name of the token that was sent, empty where none was.
    :param policies: the names of the policies that hold, in order, each once.
    :param facts: what templates of policies may ask for: ``name``, ``kind``, ``metadata.<key>``.
    :param address: where the request came from, as text.
    :param request_id: the request that this is.
    :param is_root: whether everything is allowed, whatever policies say.
    """

    identity: str
    accessor: str = ""
    policies: tuple[str, ...] = ()
    facts: Mapping[str, str] = MappingProxyType({})
    address: str = ""
    request_id: str = ""
    is_root: bool = False

    def asking(self, request_id: str) -> Caller:
        """The same one, with another request."""
        return Caller(self.identity, self.accessor, self.policies, self.facts, self.address, request_id, self.is_root)

    @property
    def actor(self) -> str:
        """What the audit says: the identity, and which of its tokens."""
        return f"{self.identity}#{self.accessor}" if self.accessor else self.identity


ANONYMOUS = Caller("anonymous")
"""Whoever sent no token; nothing is allowed to it but the routes that are open."""
