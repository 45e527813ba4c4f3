"""The module that ``strongroom typegen`` writes: what it says, and what it does when it is imported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom import JSON, Block, Secret
from strongroom.typegen import MARK, Known, known_blocks, module_text
from strongroom_registry import Registry, open_registry, using
from strongroom_registry.errors import RegistryRefusal

T = TypeVar("T")


class TypegenCrm(Block, slug="typegen-crm"):
    token: SecretStr


class TypegenBox(Block, Generic[T], slug="typegen-box"):
    value: T


@pytest.fixture
def registry() -> Iterator[Registry]:
    with open_registry("memory:") as registry, using(registry):
        yield registry


def imported(text: str) -> Any:
    module = ModuleType("generated")
    exec(compile(text, "generated.py", "exec"), module.__dict__)
    return module


def test_each_block_loads_as_what_it_was_saved_as(registry: Registry, canary: Any) -> None:
    TypegenCrm(token=SecretStr(canary())).save("prod-crm")
    JSON(value=[1]).save("tables.of-interest")
    known, distrusted = known_blocks(registry)
    text = module_text(known, "")
    module = imported(text)
    assert distrusted == []
    assert type(module.load("prod-crm")) is TypegenCrm
    assert type(module.load("typegen-crm/prod-crm@1")) is TypegenCrm
    assert module.load("tables.of-interest", at=1).value == [1]
    assert asyncio.run(module.aload("tables.of-interest@latest")).value == [1]


def test_it_holds_no_value_and_opens_nothing(registry: Registry, canary: Any) -> None:
    TypegenCrm(token=SecretStr(secret := canary())).save("prod-crm")
    before = len(list(registry.audit()))
    text = module_text(known_blocks(registry)[0], "")
    assert secret not in text
    assert len(list(registry.audit())) == before


def test_a_block_that_changed_its_type_since_is_refused(registry: Registry, canary: Any) -> None:
    TypegenCrm(token=SecretStr(canary())).save("prod-crm")
    module = imported(module_text(known_blocks(registry)[0], ""))
    JSON(value=1).save("prod-crm", overwrite=True, retype=True)
    with pytest.raises(RegistryRefusal, match="typegen-crm"):
        module.load("prod-crm")
    with pytest.raises(RegistryRefusal, match="no block"):
        module.load("no-such-block")


def test_new_versions_seldom_make_it_stale(registry: Registry) -> None:
    texts = set()
    for number in range(40):
        JSON(value=number).save("counter", overwrite=True)
        texts.add(module_text(known_blocks(registry)[0], ""))
    assert len(texts) == 4  # up to 8, 16, 32 and 64 versions


def test_classes_that_no_module_has_load_as_block(registry: Registry) -> None:
    def local() -> type[Block]:
        class Hidden(Block, slug="typegen-hidden"):
            value: int

        return Hidden

    cls: Any = local()
    cls(value=1).save("local")
    registry.put("strange", type="nobody-knows", schema="1:x", payload=b"{}")
    known, _ = known_blocks(registry)
    assert [block.home for block in known] == [None, None]
    assert imported(module_text(known, "")).load("local").value == 1


def test_generic_classes_have_their_parameters(registry: Registry) -> None:
    Secret(value=1).save("pin")
    TypegenBox[int](value=1).save("box")
    text = module_text(known_blocks(registry)[0], "")
    assert "-> _Secret[Any]:" in text
    assert f"-> {__name__}.TypegenBox[Any]:" in text


def test_deleted_blocks_are_left_out(registry: Registry) -> None:
    JSON(value=1).save("gone")
    JSON.delete("gone")
    module = imported(text := module_text(known_blocks(registry)[0], ""))
    assert text.startswith(MARK)
    assert module._TYPES == {}


names = st.from_regex(r"\A[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?\Z")
homes = st.one_of(st.none(), st.just(("strongroom", "JSON", 0)), st.just(("strongroom", "Secret", 1)))


@given(st.dictionaries(names, st.tuples(names, st.integers(1, 1000), st.lists(names, max_size=3), homes), max_size=8))
def test_whatever_names_there_are_it_is_python_and_the_same_in_any_order(blocks: dict[str, Any]) -> None:
    of_slug = {slug: home for slug, _, _, home in blocks.values()}
    known = [Known(n, slug, at, tuple(labels), of_slug[slug]) for n, (slug, at, labels, _) in blocks.items()]
    text = module_text(known, "")
    assert text == module_text(reversed(known), "")
    module = imported(text)
    assert set(module._TYPES) == set(blocks)
    for name, (slug, _, _, _) in blocks.items():
        assert module._reference(name, 3) == f"{slug}/{name}@3"


def test_it_costs_an_import_of_no_collection(tmp_path: Path) -> None:
    text = module_text([Known("lake", "s3-bucket", 1, (), ("strongroom_aws.bucket", "S3Bucket", 0))], "")
    assert "if TYPE_CHECKING:\n    import strongroom_aws.bucket\n" in text
