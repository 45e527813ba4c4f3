"""What is told of values that do not fit: places and how each has to be, in words for people, never the value."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from strongroom_service.policies.policy import Policy
from strongroom_service.telling import Told, faults, unfit


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def _even(number: int) -> int:
    if number % 2:
        raise unfit("it is even")
    return number


def _small(number: int) -> int:
    if number > 9:
        raise ValueError(f"{number} is not small")
    return number


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: Colour


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    name: Annotated[str, Field(pattern="^[a-z]+$"), Told("a name has small letters {alone}")] = "a"
    plain: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    number: Annotated[int, Field(ge=1, le=5)] = 1
    even: Annotated[int, AfterValidator(_even)] = 2
    small: Annotated[int, AfterValidator(_small)] = 2
    sure: bool = True
    many: Annotated[tuple[Inner, ...], Field(min_length=1, max_length=2)] = (Inner(colour=Colour.RED),)
    either: Annotated[Colour | Literal["*"], Told("a colour, or *")] = "*"
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat()
    when: float = 1.0


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"text": 7}, "text has to be a text"),
        ({"text": ""}, "text is empty"),
        ({"text": "abcd"}, "text has more than 3 characters"),
        ({"name": "A"}, "name: a name has small letters {alone}"),
        ({"name": 7}, "name: a name has small letters {alone}"),
        ({"plain": "A"}, "plain is not written as it has to be"),
        ({"number": "x"}, "number has to be a whole number"),
        ({"number": 0}, "number has to be at least 1"),
        ({"number": 6}, "number has to be at most 5"),
        ({"even": 3}, "even: it is even"),
        ({"sure": "perhaps"}, "sure has to be true or false"),
        ({"many": []}, "many is empty"),
        ({"many": 1}, "many has to be a list"),
        ({"many": [{"colour": "red"}] * 3}, "many has more than 2 entries"),
        ({"many": [{"colour": "green"}]}, "many.0.colour has to be 'red' or 'blue'"),
        ({"many": [{}]}, "many.0.colour is missing"),
        ({"many": [7]}, "many.0 has to be an object"),
        ({"either": "green"}, "either: a colour, or *"),
        ({"pet": {}}, "pet has no 'kind'"),
        ({"pet": {"kind": "cow"}}, "pet has another 'kind' than 'cat', 'dog'"),
        ({"when": "now"}, "when has to be a number"),
        ([], "it has to be an object"),
    ],
)
def test_a_place_and_how_it_has_to_be(value: Any, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    assert faults(caught.value) == told


def test_of_what_comes_from_elsewhere_neither_keys_nor_texts_are_told() -> None:
    value = secrets.token_hex(8)
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({value: 1, "small": 10, "plain": value.upper() + "!"})
    told = faults(caught.value)
    assert told == "plain is not written as it has to be; small is not valid; it has a field that is not known"
    own = faults(caught.value, names_keys=True, shows_texts=True)
    assert own == f"plain is not written as it has to be; small: 10 is not small; {value} is not known"


def test_of_many_faults_the_first_are_told() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[int]).validate_python([f"x{n}" for n in range(8)])
    told = faults(caught.value)
    assert told.endswith("4 has to be a whole number; and 3 more")


def test_the_pattern_stays_in_the_schema() -> None:
    assert Outer.model_json_schema()["properties"]["name"]["pattern"] == "^[a-z]+$"


def test_a_verb_that_is_none_is_told_once_and_in_words() -> None:
    rules = [{"effect": "allow", "paths": ["analytics/*"], "verbs": ["read"]}]
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate({"rules": rules})
    verbs = "list, view, reveal, write, label, delete, destroy, rotate, administer"
    assert faults(caught.value) == f"rules.0.verbs.0: a verb is {verbs}, or '*' for all"
