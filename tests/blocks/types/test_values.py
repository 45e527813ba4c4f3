"""Secret and JSON: single values that keep their type."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from canaries import Plant
from strongroom_blocks import Block
from strongroom_blocks.errors import BlockValidationError
from strongroom_blocks.types import JSON, Secret
from strongroom_registry import Registry

VALUES = [
    "12345",
    "true",
    "null",
    "1e5",
    "{}",
    "  spaces\n",
    "",
    12345,
    1.5,
    True,
    None,
    [1, "2"],
    {"a": [None]},
    b"\xff",
]


@pytest.mark.parametrize("value", [*VALUES, datetime(2026, 1, 1, tzinfo=UTC), (1, 2)], ids=repr)
def test_a_secret_keeps_the_type_of_its_value(registry: Registry, value: Any) -> None:
    Secret(value=value).save("it")
    found = Secret.load("it").get()
    assert (type(found), found) == (type(value), value)


def test_a_typed_secret_asserts_its_type(registry: Registry) -> None:
    Secret[int](value=5).save("it")
    assert Secret[int].load("it").get() == 5
    assert Block.load("it").get() == 5  # type: ignore[attr-defined]
    with pytest.raises(BlockValidationError):
        Secret[int](value="five")  # type: ignore[arg-type]


def test_a_secret_hides_and_has_nothing_public(registry: Registry, canary: Plant) -> None:
    word = canary("value")
    secret = Secret(value=word)
    assert word not in repr(secret) + str(secret.model_dump()) + secret.model_dump_json()
    assert secret.save("it").public == b"{}"


@pytest.mark.parametrize("value", [1, "x", [1, {"a": None}], {}, None, 1.5, True], ids=repr)
def test_json_is_stored_and_shown(registry: Registry, value: Any) -> None:
    version = JSON(value=value).save("it")
    assert JSON.load("it").value == value
    assert b'"value":' in version.public


def test_json_refuses_what_is_none() -> None:
    with pytest.raises(BlockValidationError):
        JSON(value=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
