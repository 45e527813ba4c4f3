"""Documents of an older shape get the present one, and what does not fit is told of and stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from strongroom_blocks import Block
from strongroom_blocks.migration import Migration, Outcome, migrate
from strongroom_blocks.types import Secret
from strongroom_registry import current

EXPIRY = datetime(2031, 1, 1, tzinfo=UTC)


def older_class() -> type[Block]:
    class Crm(Block, slug="migrated-crm"):
        api_key: SecretStr
        url: str = "https://crm.example.com"

    return Crm


def newer_class(*, upgrades: bool = True) -> type[Block]:
    class Crm(Block, slug="migrated-crm", schema_version=2):
        token: SecretStr
        url: str = "https://crm.example.com"

    if upgrades:

        @Crm.upgrade(from_version=1)
        def _(fields: dict[str, object]) -> dict[str, object]:
            fields["token"] = fields.pop("api_key")
            return fields

    return Crm


def by_name(found: Iterator[Migration]) -> dict[str, Migration]:
    return {migration.name: migration for migration in found}


@pytest.fixture
def crm() -> type[Block]:
    older_class()(api_key="first-token").save("crm", expires_at=EXPIRY)  # type: ignore[call-arg]
    Secret(value="not of this type").save("other")
    return newer_class()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(crm: type[Block]) -> None:
    found = by_name(migrate(dry_run=True))
    assert (found["crm"].outcome, found["crm"].version) == (Outcome.MIGRATED, None)
    assert (found["crm"].written[:2], found["crm"].wanted[:2]) == ("1:", "2:")
    assert found["other"].outcome is Outcome.SAME
    assert current().head("crm").current == 1


def test_older_documents_become_new_versions_and_a_second_run_has_nothing_to_do(crm: type[Block]) -> None:
    found = by_name(migrate())
    assert (found["crm"].outcome, found["crm"].version) == (Outcome.MIGRATED, 2)
    head = current().head("crm")
    assert (head.current, head.labels["previous"], head.expires_at) == (2, 1, EXPIRY)
    assert current().history("crm")[0].message == "schema 1 to 2"
    assert crm.load("crm").token.get_secret_value() == "first-token"  # type: ignore[attr-defined]
    assert {migration.outcome for migration in migrate()} == {Outcome.SAME}


def test_what_fits_no_upgrade_stays_and_says_what_is_missing() -> None:
    older_class()(api_key="first-token").save("crm")  # type: ignore[call-arg]
    newer_class(upgrades=False)
    (found,) = migrate()
    assert found.outcome is Outcome.MISMATCH
    assert "missing: token" in found.problem
    assert "first-token" not in found.problem
    assert not found.ok
    assert current().head("crm").current == 1


def test_a_document_of_a_newer_class_is_refused_with_the_remedy() -> None:
    newer_class()(token="first-token").save("crm")  # type: ignore[call-arg]
    older_class()
    (found,) = migrate(["crm"])
    assert found.outcome is Outcome.NEWER
    assert "Update the code" in found.problem


def test_a_type_that_is_nowhere_is_told_of() -> None:
    current().put("lost", type="nobodys-type", schema="1:x", payload=b"{}")
    (found,) = migrate()
    assert found.outcome is Outcome.UNKNOWN
