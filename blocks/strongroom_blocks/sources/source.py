"""What a place where secrets stay has to offer, so that blocks can point at it instead of holding the secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from strongroom_blocks.errors import SourceProblem

Answer = str | bytes | SourceProblem
"""What a source says about one reference: the secret, or why there is none."""


@runtime_checkable
class SecretSource(Protocol):
    """Where secrets stay that Strongroom only points at.

    A package declares one as an entry point of the group ``strongroom.secret_sources``, ``scheme = "module:callable"``.
    The callable takes no arguments, or one keyword ``credentials``: a block that a setting names for the source, else
    None. One instance serves all threads of a process. An attribute ``ttl``, in seconds, says how long its
    answers may be kept; 300 where there is none.
    """

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """Ask for secrets: one answer for each reference, in as few calls as the service allows.

        A problem with one reference is an answer (:class:`~strongroom_blocks.errors.SecretAbsent`,
        :class:`~strongroom_blocks.errors.SecretDenied`, :class:`~strongroom_blocks.errors.SourceUnreachable`), so that
        the others still arrive. What is raised counts as the answer to all of them.

        :param references: what stands after ``scheme:``, each once.
        :param timeout: seconds that all of it may take; who asks does not wait longer.
        """
        ...

    def check(self, reference: str) -> None:
        """Whether a reference is well formed, by its text alone, without asking anybody.

        :raises InvalidSecretReference: it is not.
        """
        ...
