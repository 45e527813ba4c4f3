"""``env:NAME``."""

from __future__ import annotations

import os

import pytest
from strongroom_blocks.sources.environment_variable import EnvironmentVariables
from strongroom_blocks.sources.testing import SecretSourceContract


class TestEnvironment(SecretSourceContract):
    absent = "STRONGROOM_TEST_NOT_SET"
    malformed = ("", "A B", "1A", "A-B", "A=B", "ÄB", "A\n")

    @pytest.fixture
    def source(self):
        return EnvironmentVariables()

    @pytest.fixture
    def secrets(self, monkeypatch: pytest.MonkeyPatch, canary):
        values = {"CRM_TOKEN": canary("one"), "_x9": canary("zwei ü"), "RAW": b"\xff\xfe12345", "EMPTY": ""}
        for name, value in values.items():
            monkeypatch.setitem(os.environb, name.encode(), os.fsencode(value))
        return {name: value for name, value in values.items() if value != ""}

    def test_an_empty_variable_is_an_empty_secret(self, source, secrets) -> None:
        assert source.fetch(["EMPTY"], timeout=1) == {"EMPTY": ""}
