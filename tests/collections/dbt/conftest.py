"""What the tests of the dbt collection share."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop import SHOP, project_in
from strongroom_dbt import DbtProject


@pytest.fixture
def shop(tmp_path: Path) -> DbtProject:
    """A project that builds, not built yet."""
    return project_in(tmp_path, SHOP)
