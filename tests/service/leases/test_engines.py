"""Engines by their names: what is said where one is missing, or what it needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from strongroom_service.errors import EngineFailed
from strongroom_service.leases.engines import engine_named


@pytest.fixture(autouse=True)
def _loaded_anew() -> Iterator[None]:
    engine_named.cache_clear()
    yield
    engine_named.cache_clear()


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("postgresql", "psycopg", "postgres"),
        ("aws-sts", "boto3", "aws"),
        ("snowflake", "snowflake.connector", "snowflake"),
    ],
)
def test_a_package_that_an_engine_needs_is_named(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineFailed) as caught:
        engine_named(name)
    assert caught.value.problem.endswith(f'cannot be loaded: The package "{module}" is not installed.')
    assert f"strongroom[{extra}]" in caught.value.remedy
    monkeypatch.undo()
    assert engine_named(name) is engine_named(name)


def test_an_engine_that_nobody_brings_is_told_with_those_that_there_are() -> None:
    with pytest.raises(EngineFailed, match=r"'mysql'.*aws-sts, postgresql, snowflake"):
        engine_named("mysql")
