"""For tests: a Strongroom of one's own that leaves nothing behind, and the suites that third parties' parts pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_blocks.testing import DatabaseContract as DatabaseContract
    from strongroom_blocks.testing import ObjectStoreContract as ObjectStoreContract
    from strongroom_registry.testing_keys import KeyProviderContract as KeyProviderContract

    from strongroom.clock import FixedClock as FixedClock
    from strongroom.clock import using_clock as using_clock
    from strongroom.testing.block_contract import BlockContract as BlockContract
    from strongroom.testing.harness import StrongroomForTests as StrongroomForTests
    from strongroom.testing.harness import strongroom_for_tests as strongroom_for_tests
    from strongroom.testing.harness import strongroom_test_harness as strongroom_test_harness
    from strongroom.testing.journal_contract import JournalContract as JournalContract
    from strongroom.testing.lock_manager_contract import LockManagerContract as LockManagerContract
    from strongroom.testing.secret_source_contract import SecretSourceContract as SecretSourceContract
    from strongroom.testing.secret_sources import using_sources as using_sources
    from strongroom.testing.task_runner_contract import TaskRunnerContract as TaskRunnerContract

_HOME_OF = {
    "StrongroomForTests": "harness",
    "strongroom_for_tests": "harness",
    "strongroom_test_harness": "harness",
    "BlockContract": "block_contract",
    "JournalContract": "journal_contract",
    "LockManagerContract": "lock_manager_contract",
    "SecretSourceContract": "secret_source_contract",
    "TaskRunnerContract": "task_runner_contract",
    "using_sources": "secret_sources",
}
_BELOW = {
    "DatabaseContract": "strongroom_blocks.testing",
    "FixedClock": "strongroom.clock",
    "KeyProviderContract": "strongroom_registry.testing_keys",
    "ObjectStoreContract": "strongroom_blocks.testing",
    "using_clock": "strongroom.clock",
}
__all__ = [
    "BlockContract",
    "DatabaseContract",
    "JournalContract",
    "KeyProviderContract",
    "LockManagerContract",
    "ObjectStoreContract",
    "SecretSourceContract",
    "TaskRunnerContract",
    "strongroom_test_harness",
    "using_sources",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _BELOW:
        return getattr(import_module(_BELOW[name]), name)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
