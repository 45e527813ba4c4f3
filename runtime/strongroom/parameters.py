"""A flow's arguments, validated by pydantic against its annotations. No message ever shows a value."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom_blocks.redaction import redactor

from strongroom.errors import ParameterTypeError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from strongroom.signatures import Signature


@dataclass(frozen=True)
class ParameterSchema:
    """What a flow takes, as JSON Schema. The schemas of models that several parameters use are its ``definitions``."""

    properties: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    definitions: dict[str, Any] = field(default_factory=dict)
    title: str = "Parameters"
    type: str = "object"

    def model_dump(self) -> dict[str, Any]:
        """The schema as one mapping."""
        return asdict(self)


class Validator:
    """Validates the arguments of one function; made when the first of its runs begins."""

    def __init__(self, function: Callable[..., Any], signature: Signature) -> None:
        self.name = signature.name
        self._fields = {f"p{n}": parameter.name for n, parameter in enumerate(signature.inspected.parameters.values())}
        self._model = _model(function, signature.inspected.parameters)

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as their annotations want them; raises :class:`~strongroom.errors.ParameterTypeError`."""
        from pydantic import ValidationError
        from strongroom_blocks.sources.acceptance import validator_for

        values = {name: value for name, given in values.items() if (value := _default_of(given)) is not _MISSING}
        try:
            model = validator_for(self._model, values).validate_python(values)
        except ValidationError as error:
            problems = [
                f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False, include_context=False)
            ]
            raise ParameterTypeError(
                redactor.redact(f"{self.name} got arguments that do not fit its annotations: {'; '.join(problems)}."),
                "Pass what they ask for, or use validate_parameters=False.",
            ) from None
        return {name: getattr(model, field) for field, name in self._fields.items() if name in values}

    def schema(self) -> ParameterSchema:
        """The schema of the arguments, in the order of the function; one that JSON cannot have stands there empty."""
        from pydantic.json_schema import GenerateJsonSchema

        class Lenient(GenerateJsonSchema):
            def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
                return {}

        whole = self._model.model_json_schema(ref_template="#/definitions/{model}", schema_generator=Lenient)
        described = whole.get("properties", {})
        properties = {name: {"position": n, **described[name]} for n, name in enumerate(self._fields.values())}
        return ParameterSchema(properties, whole.get("required", []), whole.get("$defs", {}))


def serialized(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON can carry them; a secret is stars, and what JSON cannot carry is the name of its type."""
    from pydantic_core import to_jsonable_python

    found = {}
    for name, value in parameters.items():
        try:
            found[name] = to_jsonable_python(value, bytes_mode="utf8", timedelta_mode="float")
        except (ValueError, TypeError, RecursionError):
            found[name] = f"<{type(value).__name__}>"
    return found


_MISSING = object()


def _default_of(value: Any) -> Any:
    """The value; of a ``pydantic.Field(…)`` that stands in the signature as a default, its default."""
    from pydantic.fields import FieldInfo

    if not isinstance(value, FieldInfo):
        return value
    return _MISSING if value.is_required() else value.get_default(call_default_factory=True, validated_data={})


def _model(function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> type[BaseModel]:
    """A model with a field for each parameter. Fields have names of their own, so parameters may have any."""
    from pydantic import ConfigDict, Field, create_model

    hints = _hints(function)
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters.values()):
        kind = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_POSITIONAL:
            kind = tuple[_if_it_fits(kind), ...]  # type: ignore[misc]
        elif parameter.kind is parameter.VAR_KEYWORD:
            kind = dict[str, _if_it_fits(kind)]  # type: ignore[misc]
        default = ... if parameter.default is parameter.empty else _default_of(parameter.default)
        default = ... if default is _MISSING else default
        fields[f"p{number}"] = (kind, Field(default, alias=parameter.name))
    config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", hide_input_in_errors=True)
    return create_model("Parameters", __config__=config, **fields)


def _if_it_fits(kind: Any) -> Any:
    """Variable arguments are converted where they can be, and are never refused: many say what all of them are."""
    from pydantic import Field

    if kind is Any:
        return kind
    return typing.Annotated[typing.Union[kind, Any], Field(union_mode="left_to_right")]  # noqa: UP007


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations as types; one that cannot be resolved here is not checked."""
    plain = inspect.unwrap(function)
    try:
        return typing.get_type_hints(plain, include_extras=True)
    except (NameError, TypeError, AttributeError):
        found = {}
        for name, hint in getattr(plain, "__annotations__", {}).items():
            try:
                found[name] = eval(hint, plain.__globals__) if isinstance(hint, str) else hint  # noqa: S307
            except Exception:
                found[name] = Any
        return found
