"""What a test does where something that it needs cannot be had."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Skip with the reason; but in CI, where everything is to be had, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
