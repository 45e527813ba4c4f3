"""What a model says of a value that it refuses, so that the caller is told: phrases that never hold the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

TOLD = "told"
"""The type of errors whose phrase may be told as it is."""

_SHOWN = 5
_PHRASES: dict[str, str] = {
    "missing": "is missing",
    "string_type": "has to be a text",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "list_type": "has to be a list",
    "tuple_type": "has to be a list",
    "frozen_set_type": "has to be a list",
    "dict_type": "has to be an object",
    "model_type": "has to be an object",
    "model_attributes_type": "has to be an object",
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "string_pattern_mismatch": "is not written as it has to be",
    "too_short": "has fewer than {min_length} entries",
    "too_long": "has more than {max_length} entries",
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be at most {le}",
    "enum": "has to be {expected}",
    "literal_error": "has to be {expected}",
    "union_tag_not_found": "has no {discriminator}",
    "union_tag_invalid": "has another {discriminator} than {expected_tags}",
}
"""What is said for each type of pydantic's errors; what stands in braces is the model's own, never the caller's."""


def unfit(phrase: str) -> PydanticCustomError:
    """The error of a validator whose phrase may be told: ``names are in lower case``."""
    return PydanticCustomError(TOLD, "{phrase}", {"phrase": phrase})


@dataclass(frozen=True)
class Told:
    """Behind a type: what is told where a value does not fit it, such as how it has to be written.

    ``Annotated[str, StringConstraints(pattern="^[a-z]+$"), Told("has small letters alone")]``
    """

    phrase: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the type, with one error in the place of its own."""
        return core_schema.custom_error_schema(
            handler(source),
            custom_error_type=TOLD,
            custom_error_message="{phrase}",
            custom_error_context={"phrase": self.phrase},
        )


def faults(error: ValidationError, *, names_keys: bool = False, shows_texts: bool = False) -> str:
    """What is wrong with a value: the places, and how each has to be; ``rules.0.effect has to be 'allow' or 'deny'``.

    :param names_keys: whether keys that are not known are named. They may be values that were put in the wrong place.
    :param shows_texts: whether the texts of validators are shown that do not promise to keep the value to themselves.
    """
    found = error.errors(include_input=False, include_url=False)
    failed = {item["loc"][:depth] for item in found for depth in range(len(item["loc"]))}
    causes = [item for item in found if item["type"] != "too_short" or item["loc"] not in failed]
    told = list(dict.fromkeys(_fault(item, names_keys, shows_texts) for item in causes))
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more


def _fault(item: Any, names_keys: bool, shows_texts: bool) -> str:
    kind, place = item["type"], item["loc"]
    if kind == "extra_forbidden":
        return f"{_where(place)} is not known" if names_keys else f"{_where(place[:-1])} has a field that is not known"
    if kind == TOLD:
        return f"{_where(place)}: {item['msg']}"
    if kind == "value_error" and shows_texts:
        return f"{_where(place)}: {item['msg'].removeprefix('Value error, ')}"
    return f"{_where(place)} {_phrase(kind, item.get('ctx', {}))}"


def _phrase(kind: str, context: dict[str, Any]) -> str:
    phrase = _PHRASES.get(kind, "is not valid")
    if context.get("min_length") == 1:
        return "is empty"
    return phrase.format(**context)


def _where(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:40] for part in place) or "it"
