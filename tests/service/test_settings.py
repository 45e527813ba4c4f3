"""Where the service keeps what is its own."""

from __future__ import annotations

import pytest
from strongroom_service.settings import ServerSettings


@pytest.mark.parametrize(
    ("registry", "records"),
    [
        ("sqlite:////data/registry.db", "sqlite:////data/service.db"),
        ("sqlite:////data/team.db", "sqlite:////data/team-service.db"),
        ("sqlite:////data/other.sqlite", "sqlite:////data/other-service.db"),
        ("postgresql://me@db/strongroom", "postgresql://me@db/strongroom"),
    ],
)
def test_registries_of_one_folder_have_records_of_their_own(registry: str, records: str) -> None:
    assert ServerSettings().records_url(registry) == records
