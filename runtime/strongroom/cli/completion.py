"""What the shell offers for an unfinished word: names of types, blocks and workspaces, ids of runs.

Completion never asks anybody for anything, creates nothing, and offers nothing where something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

_AT_HAND = ("", "file", "env")
"""Where a key lies that can be read while somebody types: others are asked of a person or over a network."""

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _quietly(offer: Callable[[], Iterable[str]]) -> Complete:
    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            return sorted(word for word in offer() if word.startswith(incomplete))
        except Exception:
            return []

    return complete


def _type_slugs() -> Iterable[str]:
    from strongroom_blocks.catalog import types

    return [card.slug for card in types()]


def _collection_names() -> Iterable[str]:
    from importlib.metadata import entry_points

    return [point.name for point in entry_points(group="strongroom.collections")]


def _block_names() -> Iterable[str]:
    from strongroom_registry.opening import open_registry

    if not _key_is_at_hand():
        return []
    with open_registry(create=False) as registry:
        return [head.name for head in registry.list()]


def _workspace_names() -> Iterable[str]:
    from strongroom_registry.workspaces import list_workspaces

    return [found.name for found in list_workspaces()] if _key_is_at_hand() else []


def _key_is_at_hand() -> bool:
    from strongroom_registry.settings import RegistrySettings

    scheme, _, _ = (RegistrySettings().key or "").partition(":")
    return scheme in _AT_HAND


def _run_ids() -> Iterable[str]:
    from strongroom.journal import current_journal

    return [str(run.id) for run in current_journal().flow_runs(limit=50)]


def _variable_names() -> Iterable[str]:
    from strongroom.variables import list_variables

    return [variable.name for variable in list_variables()] if _ledger_is_there() else []


def _limit_names() -> Iterable[str]:
    from strongroom.concurrency.limits import list_limits

    return [limit.name for limit in list_limits()] if _ledger_is_there() else []


def _artifact_keys() -> Iterable[str]:
    from strongroom.artifacts import list_artifacts

    found = list_artifacts(limit=1000) if _ledger_is_there() else []
    return {artifact.key for artifact in found if artifact.key}


def _ledger_is_there() -> bool:
    from strongroom.ledger.current import ledger_is_there

    return ledger_is_there()


type_slugs = _quietly(_type_slugs)
collection_names = _quietly(_collection_names)
block_names = _quietly(_block_names)
run_ids = _quietly(_run_ids)
workspace_names = _quietly(_workspace_names)
variable_names = _quietly(_variable_names)
limit_names = _quietly(_limit_names)
artifact_keys = _quietly(_artifact_keys)
