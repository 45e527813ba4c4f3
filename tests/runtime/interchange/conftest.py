"""Registries in memory to move between, and types that hold others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pydantic import Field, SecretStr
from strongroom import Block, Secret
from strongroom_registry import open_registry
from strongroom_registry.current import using
from strongroom_registry.registry import Registry

MakeRegistry = Callable[[], Registry]


class Crm(Block, slug="moved-crm"):
    """A login, and another block inside."""

    url: str = "https://crm.test"
    token: SecretStr
    inner: Secret | None = None
    many: list[Secret] = Field(default_factory=list)


@pytest.fixture
def make_registry() -> Iterator[MakeRegistry]:
    """Makes registries in memory, each with a key of its own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_registry("memory:"))


@pytest.fixture
def registry(make_registry: MakeRegistry) -> Iterator[Registry]:
    """The current registry."""
    made = make_registry()
    with using(made):
        yield made
