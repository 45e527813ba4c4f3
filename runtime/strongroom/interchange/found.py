"""What an importer finds elsewhere: documents to be, with their secrets in clear, and what it had to leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document of another system, as the import shall save it.

    :param source: what the other system calls it, unique among all that one import finds, such as ``kv/crm`` or
        ``AIRFLOW_CONN_CRM``; it is shown in reports, so it holds no secret.
    :param name: the name to save it under. It need not be valid: the import lowers it and replaces what a name cannot
        have, and reports two that become the same.
    :param type: the slug of the block type, such as ``secret``; :class:`~strongroom.Secret` has one field, ``value``.
    :param fields: the fields of that type by name, as JSON or Python values, secrets in clear. A
        :class:`FoundReference` stands for another document that is found, at any depth.
    :param message: what the version says in the history; no secret. Empty: where it was imported from.
    """

    source: str
    name: str
    type: str
    fields: Mapping[str, Any] = field(repr=False)
    message: str = ""

    def __reduce__(self) -> NoReturn:
        raise TypeError("A found document cannot be pickled or copied: it holds secrets in clear.")


@dataclass(frozen=True, slots=True)
class FoundReference:
    """Stands in the fields of a found document for another one, named by its ``source``."""

    source: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of the other system that is not imported, and why: shown in the report, so it holds no secret."""

    source: str
    reason: str


Found = FoundDocument | Skipped
Importer = Callable[[Sequence[str]], Iterable[Found]]
"""What an entry point of the group ``strongroom.importers`` names: its name is the kind in ``strongroom import KIND``,
and it is called with the places that stand after it, as typed and possibly none.

It reads and never writes, raises a :class:`~strongroom.StrongroomError` where a place cannot be read at all, and yields
:class:`Skipped` for a thing that cannot be imported while others can. Dry runs, names, comparison with what is there
and writing are the import's own.
"""
