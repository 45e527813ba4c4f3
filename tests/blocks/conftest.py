"""A registry in memory for every test of the blocks, and no types left over from another test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from strongroom_registry import Registry, open_registry, using


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry of its own, current for the test."""
    with open_registry("memory:") as registry, using(registry):
        yield registry
