"""BlockContract: what Strongroom expects of every block type."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_origin

from strongroom.collections.example import HIDDEN, example_code, example_of, example_values
from strongroom.testing.harness import strongroom_for_tests

if TYPE_CHECKING:
    from strongroom_blocks import Block


class BlockContract:
    """What a block type has to say of itself, and how it has to keep its secrets. For pytest: subclass it, name the
    type, and it does the rest::

        class TestMyCredentials(BlockContract):
            block_type = MyCredentials

    The example of the type is what is saved, loaded and looked at; its secrets are replaced by random texts for it.
    """

    block_type: ClassVar[type[Block]]

    def test_it_says_what_it_is_for(self) -> None:
        from strongroom_blocks.catalog import description

        assert description(self.block_type), f"{self.block_type.__name__} has no docstring"

    def test_every_field_says_what_it_means(self) -> None:
        silent = [path for path, told in _fields(self.block_type) if not told]
        assert not silent, f"Give these a description, Field(description=...): {', '.join(silent)}"

    def test_it_has_an_example_with_its_secrets(self) -> None:
        from strongroom_blocks.shapes import holds_secret, model_members

        values = example_values(self.block_type)
        assert values is not None, (
            f"Give {self.block_type.__name__} an example: "
            'model_config = ConfigDict(json_schema_extra={"examples": [{"field": "value"}]})'
        )
        if any(holds_secret(kind, nested_blocks=False) for kind in model_members(self.block_type).values()):
            assert HIDDEN in _texts(values), f"Write a secret into the example, as {HIDDEN!r}"

    def test_the_example_can_be_run(self) -> None:
        code = example_code(self.block_type)
        assert code is not None, "there is no example"
        namespace: dict[str, Any] = {}
        with strongroom_for_tests():
            exec(compile(code, f"<example of {self.block_type.__name__}>", "exec"), namespace)  # noqa: S102
        assert type(namespace["found"]) is self.block_type

    def test_what_is_saved_comes_back(self) -> None:
        from strongroom_blocks import Block

        made, _ = self._planted()
        with strongroom_for_tests():
            made.save("example")
            found = Block.load("example")
        assert type(found) is self.block_type
        assert found == made

    def test_no_secret_shows(self) -> None:
        made, planted = self._planted()
        with strongroom_for_tests():
            made.save("example")
            kept = repr([version.public for version in made.history("example")])
        shown = {
            "repr": repr(made),
            "str": str(made),
            "model_dump": repr(made.model_dump()),
            "model_dump_json": made.model_dump_json(),
            "its public projection": kept,
        }
        leaks = [place for place, text in shown.items() if any(secret in text for secret in planted)]
        assert not leaks, f"a secret shows in {', '.join(leaks)}"

    def test_its_name_leads_to_it(self) -> None:
        from strongroom_blocks.catalog import find

        assert find(self.block_type.__block__.slug).load() is self.block_type

    def test_a_check_has_an_asynchronous_twin(self) -> None:
        if hasattr(self.block_type, "check"):
            assert inspect.iscoroutinefunction(getattr(self.block_type, "acheck", None)), "acheck = async_twin(check)"

    def _planted(self) -> tuple[Block, list[str]]:
        """The example with a random text for each secret, and these texts."""
        values = example_values(self.block_type)
        assert values is not None, "there is no example"
        planted: list[str] = []
        return example_of(self.block_type, _replaced(values, planted)), planted


def _fields(cls: type[Any], above: str = "", inside: tuple[type, ...] = ()) -> Iterator[tuple[str, str | None]]:
    """The fields of a type and of models inside of it, by path, with what they say; what has one value alone, to tell
    one kind from another, need not say anything."""
    from pydantic import BaseModel

    for name, field in cls.model_fields.items():
        path = f"{above}{name}"
        if get_origin(field.annotation) is not Literal:
            yield path, field.description
        for inner in _classes(field.annotation):
            if issubclass(inner, BaseModel) and not hasattr(inner, "__block__") and inner not in (cls, *inside):
                yield from _fields(inner, f"{path}.", (*inside, cls))


def _classes(annotation: Any) -> list[type]:
    from strongroom_blocks.shapes import arguments, unwrapped

    annotation = unwrapped(annotation)
    if isinstance(annotation, type) and not arguments(annotation):
        return [annotation]
    return [found for argument in arguments(annotation) for found in _classes(argument)]


def _replaced(value: Any, planted: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, planted) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, planted) for item in value]
    if value == HIDDEN:
        planted.append(secrets.token_hex(12))
        return planted[-1]
    return value


def _texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value]
