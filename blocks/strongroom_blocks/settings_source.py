"""Settings that are read from blocks: a source for pydantic-settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AliasChoices, BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from strongroom_registry.document import Reference

from strongroom_blocks import documents, shapes, validation
from strongroom_blocks.errors import BlockValidationError, UnknownField
from strongroom_blocks.field_reference import FieldReference, value_at
from strongroom_blocks.frames import without_frames
from strongroom_blocks.secrets import SECRET_KINDS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from strongroom_blocks.block import Block

_NOTHING = object()
_HINT = "Declare what holds a secret as SecretStr, SecretBytes or Secret[...]."


class BlockSettingsSource(PydanticBaseSettingsSource):
    """Reads the fields of a pydantic-settings class from blocks::

        class Settings(BaseSettings):
            base_url: str
            token: SecretStr

            @classmethod
            def settings_customise_sources(cls, settings_cls, init_settings, env_settings, **others):
                return init_settings, env_settings, BlockSettingsSource(settings_cls, "prod-crm")

    - A source that stands before it wins, one that stands after it loses, as with every source.
    - It is lazy: only what no source before it has given is asked for, each block once for each ``Settings()``. Nothing
      is kept: the next ``Settings()`` sees the current version.
    - Secrets arrive in secret kinds and are refused elsewhere: pydantic's ``ValidationError`` carries all that was
      given, so that a plain text would be shown by the next mistake in any other field.
    - A field of a block that holds None counts as not given.

    :param block: a reference, ``"prod-crm"``, whose fields go to the settings of the same name; or a mapping from
        settings to fields, ``{"api_token": "prod-crm#token", "crm": "prod-crm"}``, in which a block without a field is
        handed over whole. ``"prod-crm.token"`` is understood too.
    :raises UnknownField: a mapping names a setting or a field that is not there.
    :raises BlockValidationError: a value does not fit its setting; holds no value, as pydantic's error would.
    """

    def __init__(self, settings_cls: type[BaseSettings], block: str | Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._whole = block if isinstance(block, str) else None
        self._mapping: Mapping[str, str] = MappingProxyType({} if isinstance(block, str) else dict(block))
        for name in self._mapping:
            if name not in settings_cls.model_fields:
                known = ", ".join(settings_cls.model_fields)
                raise UnknownField(f'{settings_cls.__name__} has no setting "{name}".', f"There is {known}.")
        self._loaded: dict[Reference, Block] = {}

    @without_frames
    def __call__(self) -> dict[str, Any]:
        """The settings that no source before this one has given, by the key that the class takes them under."""
        self._loaded = {}
        values: dict[str, Any] = {}
        try:
            for name, field in self.settings_cls.model_fields.items():
                given_as, given = self._given(name, field)
                if given is not _NOTHING and not isinstance(given, Mapping):
                    continue
                value, key, _ = self.get_field_value(field, name)
                if value is not None:
                    values[given_as or key] = self._fitting(name, field, value, given)
        finally:
            self._loaded = {}
        return values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """pydantic-settings': the value of one setting as its block holds it, its key, and that it needs no parsing."""
        key = _keys(field_name, field)[-1] if not self._takes_names() else field_name
        if self._whole is not None:
            block = self._block(Reference.parse(self._whole))
            names = [name for name in dict.fromkeys((field_name, *_keys(field_name, field))) if _has(block, name)]
            return (getattr(block, names[0]) if names else None), key, False
        if field_name not in self._mapping:
            return None, key, False
        source = FieldReference.parse(self._mapping[field_name])
        return value_at(self._block(source.block), source.path, str(source.block)), key, False

    def _block(self, reference: Reference) -> Block:
        from strongroom_blocks.block import Block

        if reference not in self._loaded:
            self._loaded[reference] = documents.load(Block, reference)
        return self._loaded[reference]

    def _takes_names(self) -> bool:
        return bool(self.config.get("populate_by_name") or self.config.get("validate_by_name"))

    def _given(self, name: str, field: FieldInfo) -> tuple[str, Any]:
        """What sources before this one gave for a setting, and under which key; an empty one where they did not."""
        keys = (name, *_keys(name, field))
        return next(((key, self.current_state[key]) for key in keys if key in self.current_state), ("", _NOTHING))

    def _fitting(self, name: str, field: FieldInfo, value: Any, given: Any) -> Any:
        """The value as the setting takes it, proven here so that a refusal does not reach pydantic's own error.

        :param given: the part of a nested setting that a source before this one gave, which goes over ours.
        """
        adapter = _adapter(Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation)
        failure: BlockValidationError | None = None
        for ours in _forms(value, field, parted=given is not _NOTHING):
            whole = _merged(ours, given) if isinstance(ours, Mapping) and isinstance(given, Mapping) else ours
            try:
                proven = adapter.validate_python(whole)
            except ValidationError as error:
                if failure is None or isinstance(value, BaseModel):  # of a model's fields it says which
                    failure = self._refusal(name, error, value)
                continue
            if not isinstance(value, SECRET_KINDS) or isinstance(proven, SECRET_KINDS):
                return proven if given is _NOTHING else ours
        if failure is None:
            failure = BlockValidationError(f'The setting "{name}" would show a secret.', _HINT)
        raise failure

    def _refusal(self, name: str, error: ValidationError, value: Any) -> BlockValidationError:
        problems = validation.problems_of(error, [*validation.plain_secrets(value)], name)
        told = "; ".join(map(str, problems))
        secret = isinstance(value, SECRET_KINDS) or any(True for _ in validation.plain_secrets(value))
        hint = _HINT if secret else ""
        return BlockValidationError(
            f"What the block holds does not fit {self.settings_cls.__name__}: {told}.", hint, problems
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._whole or dict(self._mapping)!r})"


def _keys(name: str, field: FieldInfo) -> list[str]:
    """The keys under which a setting is taken, the preferred one last."""
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    if isinstance(alias, AliasChoices):
        texts = [choice for choice in alias.choices if isinstance(choice, str)]
        return texts[::-1] or [name]
    return [alias] if isinstance(alias, str) else [name]


def _has(block: Block, name: str) -> bool:
    return name in type(block).model_fields


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except PydanticUserError:
        return TypeAdapter(annotation, config={"arbitrary_types_allowed": True})


def _forms(value: Any, field: FieldInfo, *, parted: bool) -> Iterator[Any]:
    """What a setting may take a value as: itself, the plain value where the setting hides it again, its fields, JSON's
    kind of it."""
    if not (parted and isinstance(value, BaseModel)):
        yield value
    if isinstance(value, SECRET_KINDS):
        if shapes.holds_secret(field.annotation):
            yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield _fields(value)
    elif not any(True for _ in validation.plain_secrets(value)):
        yield to_jsonable_python(value)


def _fields(model: BaseModel) -> dict[str, Any]:
    """The fields of a model and of the models in it, their secrets still in their kinds."""
    values = {name: getattr(model, name) for name in type(model).model_fields}
    return {
        name: _fields(value) if isinstance(value, BaseModel) and not hasattr(type(value), "__block__") else value
        for name, value in values.items()
    }


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merged(under, value) if isinstance(value, Mapping) and isinstance(under, Mapping) else value
    return merged
