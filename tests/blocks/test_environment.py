"""A block as environment variables of a child process."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from strongroom_blocks import Block, SecretDict
from strongroom_blocks.errors import AmbiguousVariable


class Auth(BaseModel):
    user: str
    password: SecretStr


class Inner(Block, slug="test-inner-env"):
    token: SecretStr


class Outer(Block, slug="test-outer-env"):
    auth: Auth
    inner: Inner
    headers: SecretDict
    raw: SecretBytes
    pin: Secret[int]
    hosts: list[str]
    keys: list[SecretStr]
    since: datetime
    path: Path
    on: bool
    nothing: str | None = None
    options: dict[str, Any]


def test_every_field_is_a_variable_named_by_its_path() -> None:
    block = Outer(
        auth=Auth(user="u", password="p"),
        inner=Inner(token="t"),
        headers={"X-Api-Key": "k"},
        raw=b"caf\xc3\xa9",
        pin=1234,
        hosts=["a", "ü"],
        keys=["k1"],
        since=datetime(2026, 1, 2, tzinfo=UTC),
        path="/srv",
        on=True,
        options={"depth": {"max": 3}},
    )
    assert block.environment() == {
        "TEST_OUTER_ENV_AUTH_USER": "u",
        "TEST_OUTER_ENV_AUTH_PASSWORD": "p",
        "TEST_OUTER_ENV_INNER_TOKEN": "t",
        "TEST_OUTER_ENV_HEADERS_X_API_KEY": "k",
        "TEST_OUTER_ENV_RAW": "café",
        "TEST_OUTER_ENV_PIN": "1234",
        "TEST_OUTER_ENV_HOSTS": '["a", "ü"]',
        "TEST_OUTER_ENV_KEYS": '["k1"]',
        "TEST_OUTER_ENV_SINCE": "2026-01-02T00:00:00Z",
        "TEST_OUTER_ENV_PATH": "/srv",
        "TEST_OUTER_ENV_ON": "true",
        "TEST_OUTER_ENV_OPTIONS_DEPTH_MAX": "3",
    }


def test_a_type_names_the_variables_that_its_tools_read() -> None:
    class Cloud(Block, slug="test-cloud-env"):
        key: SecretStr

        def environment(self) -> dict[str, str]:
            return {"CLOUD_KEY": self.key.get_secret_value()}

    assert Cloud(key="k").environment() == {"CLOUD_KEY": "k"}


def test_two_parts_that_would_be_one_variable_are_refused(canary: Any) -> None:
    block = Outer.model_construct(options={"a-b": canary("one"), "a_b": (two := canary("two"))})
    for name in set(Outer.model_fields) - {"options"}:
        object.__setattr__(block, name, None)
    with pytest.raises(AmbiguousVariable, match="TEST_OUTER_ENV_OPTIONS_A_B") as caught:
        block.environment()
    assert two not in str(caught.value)
