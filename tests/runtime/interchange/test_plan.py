from __future__ import annotations

import pickle
from typing import Any

import pytest
from canaries import Plant
from strongroom import Block, Secret
from strongroom.errors import UnknownImporter
from strongroom.interchange import FoundDocument, FoundReference, Skipped
from strongroom.interchange.importers import importer, registered
from strongroom.interchange.plan import Step, carried_out, planned
from strongroom_registry.registry import Registry

from .conftest import Crm


def secret(name: str, value: Any = "v", **more: Any) -> FoundDocument:
    return FoundDocument(f"src/{name}", name, "secret", {"value": value}, **more)


def done(registry: Registry, *found: FoundDocument | Skipped, **options: Any) -> list[Step]:
    return list(carried_out(registry, planned(registry, found, **options)))


def told(steps: list[Step]) -> list[tuple[str | None, str, int | None]]:
    return [(step.name, str(step.action), step.version) for step in steps]


def test_a_second_run_writes_nothing(registry: Registry) -> None:
    found = (secret("a"), secret("b", {"k": [1, 2.0, None]}))
    assert told(done(registry, *found, message="imported")) == [("a", "create", 1), ("b", "create", 1)]
    assert told(done(registry, *found, overwrite=True)) == [("a", "same", 1), ("b", "same", 1)]
    assert len(registry.history("a")) == 1
    assert registry.history("a")[0].message == "imported"


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), ("1", 1), (None, ""), ([1], [1, 1])])
def test_values_that_are_nearly_the_same_differ(registry: Registry, old: Any, new: Any) -> None:
    done(registry, secret("a", old))
    assert told(done(registry, secret("a", new), overwrite=True)) == [("a", "update", 2)]
    assert Secret.load("a").get() == new
    assert type(Secret.load("a").get()) is type(new)


def test_the_order_of_keys_makes_no_difference(registry: Registry) -> None:
    done(registry, secret("a", {"x": 1, "y": 2}))
    assert told(done(registry, secret("a", {"y": 2, "x": 1}))) == [("a", "same", 1)]


def test_what_differs_is_a_conflict_unless_it_may_be_overwritten(registry: Registry) -> None:
    done(registry, secret("a", "old"))
    (step,) = done(registry, secret("a", "new"))
    assert (step.action, step.reason) == ("conflict", "version 1 of a is another; --overwrite adds one")
    assert Secret.load("a").get() == "old"
    assert told(done(registry, secret("a", "new"), overwrite=True)) == [("a", "update", 2)]


def test_another_type_is_never_overwritten(registry: Registry) -> None:
    Crm(token="t").save("a")
    (step,) = done(registry, secret("a"), overwrite=True)
    assert (step.action, step.reason) == ("conflict", "a is a block of type moved-crm")


def test_a_deleted_name_is_taken_again(registry: Registry) -> None:
    done(registry, secret("a"))
    registry.delete("a")
    (step,) = done(registry, secret("a"))
    assert (step.action, step.version, step.reason) == ("create", 2, "it was deleted before")


def test_what_changed_since_the_plan_is_left(registry: Registry) -> None:
    done(registry, secret("a", "old"))
    whole = FoundDocument("w", "w", "moved-crm", {"token": "t", "inner": FoundReference("src/a")})
    plan = planned(registry, [secret("a", "new"), secret("b"), whole], overwrite=True)
    Secret(value="meanwhile").save("a", overwrite=True)
    Secret(value="meanwhile").save("b")
    steps = list(carried_out(registry, plan))
    assert [(step.name, str(step.action)) for step in steps] == [
        ("a", "conflict"),
        ("b", "conflict"),
        ("w", "conflict"),
    ]
    assert Secret.load("a").get() == Secret.load("b").get() == "meanwhile"
    assert not Block.exists("w")


def test_references_are_saved_first_and_followed(registry: Registry) -> None:
    many = [FoundReference("src/b"), FoundReference("src/a")]
    whole = FoundDocument("w", "w", "moved-crm", {"token": "t", "inner": FoundReference("src/a"), "many": many})
    found = (whole, secret("a", 1), secret("b", 2))
    assert told(planned(registry, found)) == [("a", "create", None), ("b", "create", None), ("w", "create", None)]
    assert told(done(registry, *found)) == [("a", "create", 1), ("b", "create", 1), ("w", "create", 1)]
    assert [inner.get() for inner in Crm.load("w").many] == [2, 1]
    changed = (whole, secret("a", 9), secret("b", 2))
    assert told(done(registry, *changed, overwrite=True)) == [("a", "update", 2), ("b", "same", 1), ("w", "same", 1)]
    inner = Crm.load("w").inner
    assert inner is not None
    assert inner.get() == 9


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([FoundDocument("w", "w", "moved-crm", {"token": "t", "inner": FoundReference("w")})], "itself"),
        ([FoundDocument("w", "w", "moved-crm", {"token": "t", "inner": FoundReference("x")})], "not there"),
        ([FoundDocument("w", "w", "no-such-type", {})], "No class is known"),
        ([FoundDocument("w", "w", "moved-crm", {})], "token: Field required"),
        ([FoundDocument("w", "日本", "secret", {"value": 1})], "nothing of its name"),
        ([FoundDocument("w", "w", "secret", {"value": object()})], "cannot be"),
        ([FoundDocument("w", "w", "json", {"value": "x" * 1_100_000})], "too large"),
        ([FoundDocument("w", "w", "secret", {"value": 1}, "m" * 5000)], "4096 characters"),
        ([Skipped("w", "because")], "because"),
    ],
)
def test_what_cannot_be_made_is_left_with_its_reason(registry: Registry, found: list[Any], reason: str) -> None:
    (step,) = done(registry, *found)
    assert step.action == "skip"
    assert reason in step.reason
    assert registry.list() == []


def test_names_that_become_the_same_are_told(registry: Registry) -> None:
    steps = done(registry, secret("My Token"), secret("my/token"), secret("other"), prefix="old-")
    assert [(step.name, str(step.action), step.reason) for step in steps] == [
        ("old-my-token", "conflict", "src/my/token becomes old-my-token as well"),
        ("old-my-token", "conflict", "src/My Token becomes old-my-token as well"),
        ("old-other", "create", ""),
    ]


def test_one_source_that_is_there_twice_is_told(registry: Registry) -> None:
    whole = FoundDocument("w", "w", "moved-crm", {"token": "t", "inner": FoundReference("src/a")})
    steps = done(registry, whole, secret("a", 1), secret("a", 2))
    assert {str(step.action) for step in steps} == {"conflict"}


def test_a_plan_shows_no_value(registry: Registry, canary: Plant) -> None:
    value = canary()
    found = [secret("a", value), FoundDocument("b", "b", "moved-crm", {"token": [value]})]
    steps = planned(registry, found)
    assert value not in repr(steps)
    assert value not in repr(found)
    with pytest.raises(TypeError):
        pickle.dumps(found[0])


def test_importers_of_packages_are_found() -> None:
    assert {"vault"} <= set(registered())
    assert callable(importer("vault"))
    with pytest.raises(UnknownImporter, match="'vualt'"):
        importer("vualt")
