"""For tests: a Strongroom of one's own that leaves nothing behind, and the suites that third parties' parts pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.testing.harness import strongroom_test_harness as strongroom_test_harness
    from strongroom.testing.journal_contract import JournalContract as JournalContract

_HOME_OF = {"strongroom_test_harness": "harness", "JournalContract": "journal_contract"}
__all__ = ["JournalContract", "strongroom_test_harness"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
