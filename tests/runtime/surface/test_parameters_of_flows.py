"""Arguments of flows: converted, checked, described as JSON Schema, and made JSON."""

from __future__ import annotations

import datetime
import enum
import pathlib
import uuid
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr
from strongroom import flow, task
from strongroom.exceptions import ParameterBindError, ParameterTypeError
from strongroom.journal.memory import MemoryJournal


class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"


class Inner(BaseModel):
    a: int
    b: str = "x"


class Outer(BaseModel):
    i: Inner
    many: list[Inner] = []


class Plain:
    pass


@flow
def typed(x: int, y: datetime.datetime | None = None, *, z: float = 1) -> Any:
    return x, y, z


@flow
def modelled(o: Outer, i: Inner = Inner(a=9), s: set[str] = frozenset()) -> Any:  # type: ignore[assignment]  # noqa: B008
    return o.i.a, [each.a for each in o.many], i.a, s


@flow
def limited(x: Annotated[int, Field(ge=3)], c: Colour = Colour.RED, lit: Literal["a", "b"] = "a") -> Any:
    return x, c, lit


@flow
def varied(a: int, *args: int, **kwargs: str) -> Any:
    return a, args, kwargs


@flow
def plain(x: Plain, y: Any = None) -> Any:
    return type(x).__name__, y


MOMENT = datetime.datetime(2021, 1, 1)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (lambda: typed("5"), (5, None, 1.0)),
        (lambda: typed(5.0, "2021-01-01T00:00:00", z="2.5"), (5, MOMENT, 2.5)),
        (lambda: typed(True), (1, None, 1.0)),
        (lambda: modelled({"i": {"a": "1"}, "many": [{"a": 2}]}), (1, [2], 9, set())),
        (lambda: modelled(Outer(i=Inner(a=3)), {"a": 4}, ["s"]), (3, [], 4, {"s"})),
        (lambda: limited(3, "g"), (3, Colour.GREEN, "a")),
        (lambda: varied("1", 2, "3", k="v"), (1, (2, 3), {"k": "v"})),
        (lambda: varied(1, "no number", k=Plain), (1, ("no number",), {"k": Plain})),
        (lambda: plain(Plain(), [1]), ("Plain", [1])),
    ],
)
def test_arguments_are_converted_as_annotations_say(call: Any, given: Any) -> None:
    assert call() == given


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: typed("abc"), ParameterTypeError),
        (lambda: typed(5.5), ParameterTypeError),
        (lambda: modelled({"i": {"a": "WRONG"}}), ParameterTypeError),
        (lambda: modelled(None), ParameterTypeError),
        (lambda: limited(2), ParameterTypeError),
        (lambda: limited(3, "zz"), ParameterTypeError),
        (lambda: limited(3, lit="c"), ParameterTypeError),
        (lambda: plain(5), ParameterTypeError),
        (lambda: typed(), ParameterBindError),
        (lambda: typed(1, 2, 3), ParameterBindError),
        (lambda: typed(1, nonsense=3), ParameterBindError),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_a_run_with_arguments_that_do_not_fit_fails_before_it_begins(journal: MemoryJournal) -> None:
    state = typed("abc", return_state=True)
    assert (state.name, str(state.message)[:43]) == ("Failed", "Validation of flow parameters failed with e")
    [run] = journal.flow_runs()
    assert [event.name for event in run.history] == ["Pending", "Failed"]


def test_nothing_is_checked_where_that_is_switched_off_or_of_tasks() -> None:
    assert typed.with_options(validate_parameters=False)("abc") == ("abc", None, 1)
    assert task(typed.fn)("abc") == ("abc", None, 1)


def test_a_default_that_can_change_is_new_in_each_run() -> None:
    @flow
    def grows(items: list[int] = []) -> list[int]:  # noqa: B006
        items.append(1)
        return items

    assert (grows(), grows()) == ([1], [1])


def test_futures_are_results_when_they_are_checked() -> None:
    @flow
    def main() -> Any:
        return typed(task(lambda: "7").submit())

    assert main() == (7, None, 1.0)


def test_a_secret_stays_one(journal: MemoryJournal) -> None:
    word = uuid.uuid4().hex

    @flow
    def login(password: SecretStr) -> bool:
        return password.get_secret_value() == word

    assert login(word)
    [run] = journal.flow_runs()
    assert word not in repr(run.parameters_shown)


def test_parameters_are_checked_by_themselves_too() -> None:
    assert typed.validate_parameters({"x": "5"}) == {"x": 5, "y": None, "z": 1.0}
    with pytest.raises(ParameterTypeError, match="x: Input should be a valid integer"):
        typed.validate_parameters({"x": "zz"})


def test_parameters_become_json() -> None:
    given = {
        "model": Inner(a=1), "path": pathlib.Path("/a"), "id": uuid.UUID(int=5), "odd": Plain(), "none": None,
        "when": MOMENT, "long": datetime.timedelta(seconds=5), "secret": SecretStr("x" * 9),
    }  # fmt: skip
    assert plain.serialize_parameters(given) == {
        "model": {"a": 1, "b": "x"}, "path": "/a", "id": "00000000-0000-0000-0000-000000000005", "odd": "<Plain>",
        "none": None, "when": "2021-01-01T00:00:00", "long": 5.0, "secret": "*" * 10,
    }  # fmt: skip


def test_parameters_are_described_by_a_schema() -> None:
    schema = typed.parameters
    assert (schema.title, schema.type, schema.required) == ("Parameters", "object", ["x"])
    assert list(schema.properties) == ["x", "y", "z"]
    assert (schema.properties["x"]["type"], schema.properties["z"]["default"]) == ("integer", 1)
    assert [each["position"] for each in schema.properties.values()] == [0, 1, 2]
    assert limited.parameters.properties["lit"]["enum"] == ["a", "b"]
    assert limited.parameters.properties["x"]["minimum"] == 3
    assert set(modelled.parameters.definitions) == {"Inner", "Outer"}
    assert modelled.parameters.model_dump()["properties"]["o"]["$ref"] == "#/definitions/Outer"
    assert plain.parameters.required == ["x"]
