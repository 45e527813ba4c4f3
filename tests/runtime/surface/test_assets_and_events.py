"""Events that code tells, and assets that tasks make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from strongroom import flow, task
from strongroom.assets import Asset, AssetProperties, MaterializingTask, add_asset_metadata, materialize
from strongroom.cache_policies import INPUTS
from strongroom.events import Event, delete_events, emit_event, list_events
from strongroom.exceptions import MissingContextError
from strongroom.ledger import open_ledger, using_ledger

CUSTOMERS = Asset(
    key="s3://lake/customers.csv", properties=AssetProperties(name="Customers", owners=["data@example.com", "sales"])
)


@materialize("file://folder/raw.csv")
def extract() -> str:
    add_asset_metadata("file://folder/raw.csv", {"rows": 3})
    return "name,age\nx,1"


@materialize(CUSTOMERS, asset_deps=["postgres://db/users"], by="dbt")
def clean(raw: Any) -> None:
    CUSTOMERS.add_metadata({"read": 3})
    CUSTOMERS.add_metadata({"written": 2})


@task
def shout(text: str) -> str:
    return text.upper() + "!"


def told() -> list[tuple[str, str, list[str], dict[str, Any]]]:
    """Events that were told, oldest first, without the references."""
    return [
        (e.event.rpartition(".")[2], e.resource.id, [each.id for each in e.related], e.payload)
        for e in list_events("strongroom.asset.materialization")[::-1]
    ]


MADE_RAW = ("succeeded", "file://folder/raw.csv", [], {"rows": 3})
OF = ["postgres://db/users", "file://folder/raw.csv", "dbt"]
MADE_CLEAN = ("succeeded", "s3://lake/customers.csv", OF, {"read": 3, "written": 2})


@pytest.mark.parametrize(
    "body",
    [
        lambda: clean(extract()),
        lambda: clean.submit(extract.submit()).wait(),
        lambda: clean({"nested": [extract()]}["nested"]),
    ],
)
def test_an_asset_is_made_of_those_behind_the_inputs(body: Any) -> None:
    flow(lambda: body() and None, name="f")()  # type: ignore[call-overload]
    assert told() == [MADE_RAW, MADE_CLEAN]
    assert {e.resource.id for e in list_events("strongroom.asset.referenced")} == set(OF[:2])


def test_what_tasks_between_make_of_it_is_theirs() -> None:
    between = shout.with_options(asset_deps=["sftp://vendor/feed"])

    @flow
    def main() -> None:
        clean.submit(between.submit(extract.submit())).wait()

    main()
    assert told()[-1][2] == ["postgres://db/users", "sftp://vendor/feed", "file://folder/raw.csv", "dbt"]


def test_an_event_names_the_run_and_the_properties() -> None:
    flow(lambda: clean("by hand"), name="f")()  # type: ignore[call-overload]
    [event] = list_events("strongroom.asset.materialization")
    assert (event.flow_run_id is not None, event.task_run_id is not None) == (True, True)
    assert event.resource["strongroom.asset.name"] == "Customers"
    assert event.resource["strongroom.asset.owners"] == "data@example.com, sales"


def test_a_task_that_fails_makes_nothing_and_a_cached_one_tells_nothing() -> None:
    @materialize("s3://lake/broken.csv")
    def broken() -> None:
        raise ValueError

    broken(return_state=True)
    assert [what for what, *_ in told()] == ["failed"]
    cached = materialize("s3://lake/cached.csv", cache_policy=INPUTS)(lambda: 1)
    assert (cached(), cached()) == (1, 1)
    assert [what for what, *_ in told()] == ["failed", "succeeded"]


def test_a_task_that_makes_assets_is_a_task_with_other_options() -> None:
    other = extract.with_options(name="other", assets=["s3://lake/other.csv"])
    assert isinstance(other, MaterializingTask)
    assert (other.name, other.assets, extract.assets[0].key) == (
        "other", [Asset(key="s3://lake/other.csv")], "file://folder/raw.csv",
    )  # fmt: skip
    assert len(other.with_options(retries=2).on_running_hooks) == 1
    assert materialize(CUSTOMERS, retries=3)(lambda: 1).retries == 3


@pytest.mark.parametrize("key", ["no address", "s3://with space", "s3://", "S3 ://x", "s3://x?y", 5])
def test_an_asset_is_named_by_an_address(key: Any) -> None:
    with pytest.raises(ValidationError):
        Asset(key=key)


def test_what_is_wrong_with_assets_is_told() -> None:
    with pytest.raises(TypeError, match="names no asset"):
        materialize()
    with pytest.raises(MissingContextError):
        CUSTOMERS.add_metadata({})
    wrong = materialize("s3://lake/a")(lambda: add_asset_metadata("s3://lake/b", {}))
    with pytest.raises(ValueError, match=r"does not make 's3://lake/b'"):
        wrong()


def test_an_event_is_kept_until_it_is_removed() -> None:
    first = emit_event("bot.said.hi", {"prefect.resource.id": "bot.1"}, payload={"a": 1}, related=[
        {"strongroom.resource.id": "room", "strongroom.resource.role": "place"}
    ])  # fmt: skip
    second = emit_event("bot.said.bye", {"strongroom.resource.id": "bot.1"}, follows=first)
    emit_event("other", {"strongroom.resource.id": "x"}, occurred=datetime(2020, 1, 1, tzinfo=UTC))
    assert list_events("bot.") == [second, first]
    assert (second.follows, first.related[0].role, first.resource.id) == (first.id, "place", "bot.1")
    assert [event.event for event in list_events(since=datetime(2021, 1, 1, tzinfo=UTC), limit=1)] == ["bot.said.bye"]
    assert delete_events(datetime(2021, 1, 1, tzinfo=UTC)) == 1
    assert len(list_events()) == 2


def test_an_event_is_kept_in_any_ledger(postgres: Any, tmp_path: Any) -> None:
    for url in (f"sqlite:///{tmp_path}/ledger.db", postgres.url):
        with using_ledger(open_ledger(url)):
            event = emit_event("a.b", {"strongroom.resource.id": "x"}, payload={"ü": [1]})
            assert list_events("a.") == [event]


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "", "resource": {"strongroom.resource.id": "x"}},
        {"event": "a", "resource": {"name": "x"}},
        {"event": "a", "resource": {"strongroom.resource.id": "x"}, "payload": {"x": "y" * 2_000_000}},
        {"event": "a", "resource": {"strongroom.resource.id": "x"}, "related": [{"strongroom.resource.role": "y"}]},
    ],
)
def test_an_event_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="event"):
        emit_event(**wrong)
    assert list_events() == []


def test_an_event_has_a_time_of_its_own() -> None:
    before = datetime.now(UTC)
    assert before - timedelta(seconds=1) <= Event("a", list_of()).occurred <= datetime.now(UTC)


def list_of() -> Any:
    from strongroom.events import Resource

    return Resource({"strongroom.resource.id": "x"})
