"""The contract of block types can say no: what each of its tests finds wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from strongroom import Block
from strongroom.testing import BlockContract

numbers = itertools.count()


def refused(cls: type[Block], test: str) -> str:
    """What a test of the contract has against a type."""
    contract = type("Contract", (BlockContract,), {"block_type": cls})()
    with pytest.raises(AssertionError) as refusal:
        getattr(contract, test)()
    return str(refusal.value)


def accepted(cls: type[Block]) -> None:
    """Every test of the contract, one after another."""
    contract: Any = type("Contract", (BlockContract,), {"block_type": cls})()
    for name in dir(contract):
        if name.startswith("test_"):
            getattr(contract, name)()


@pytest.fixture
def block() -> Iterator[Callable[..., type[Block]]]:
    """Makes a type with an example."""

    def make(example: dict[str, Any] | None, doc: str | None = "What it is for.", **fields: Any) -> type[Block]:
        config = ConfigDict(json_schema_extra={"examples": [example]}) if example is not None else ConfigDict()
        annotations = {name: kind for name, (kind, _) in fields.items()}
        body = {name: value for name, (_, value) in fields.items()}
        names = {"__doc__": doc, "__module__": __name__, "__annotations__": annotations, "model_config": config}
        made: type[Block] = type(Block)("Made", (Block,), {**names, **body}, slug=f"test-made-{next(numbers)}")
        globals()["Made"] = made  # where its example is imported from
        return made

    yield make
    globals().pop("Made", None)


TOKEN = (SecretStr, Field(description="Says who asks."))


def test_a_type_that_says_all_is_accepted(block: Callable[..., type[Block]], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    accepted(block({"token": "…", "size": 3}, token=TOKEN, size=(int, Field(1, description="How many."))))


def _this() -> Any:
    """This module, for the statement of an example that imports from it: pytest does not keep it under its name."""
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module


def test_a_type_without_words_is_refused(block: Callable[..., type[Block]]) -> None:
    assert "has no docstring" in refused(block({}, doc=None), "test_it_says_what_it_is_for")


class Inner(BaseModel):
    name: str


def test_fields_without_words_are_named_also_in_models(block: Callable[..., type[Block]]) -> None:
    made = block({}, size=(int, 1), inner=(Inner | None, Field(None, description="More.")))
    assert "size, inner.name" in refused(made, "test_every_field_says_what_it_means")


def test_an_example_is_asked_for_with_a_secret_in_it(block: Callable[..., type[Block]]) -> None:
    assert "an example" in refused(block(None), "test_it_has_an_example_with_its_secrets")
    assert "Write a secret" in refused(block({"token": "x"}, token=TOKEN), "test_it_has_an_example_with_its_secrets")


def test_an_example_that_does_not_fit_is_refused(block: Callable[..., type[Block]]) -> None:
    from strongroom_blocks.errors import BlockValidationError

    contract: Any = type("Contract", (BlockContract,), {"block_type": block({"token": "…", "no": 1}, token=TOKEN)})()
    for test in ("test_the_example_can_be_run", "test_what_is_saved_comes_back", "test_no_secret_shows"):
        with pytest.raises(BlockValidationError, match="no"):
            getattr(contract, test)()


def test_a_secret_that_shows_is_found(block: Callable[..., type[Block]]) -> None:
    open_text = block({"word": "…"}, word=(str, Field(description="No secret to pydantic.")))
    told = refused(open_text, "test_no_secret_shows")
    assert "repr" in told
    assert "its public projection" in told


def test_a_check_without_a_twin_is_refused(block: Callable[..., type[Block]]) -> None:
    made = block({})
    made.check = lambda self, timeout: "works"  # type: ignore[attr-defined]
    assert "async_twin(check)" in refused(made, "test_a_check_has_an_asynchronous_twin")
