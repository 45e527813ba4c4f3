"""Fingerprints, upgrades, and documents that fit no class of today."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from canaries import Plant
from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model
from strongroom_blocks import Block, schema, shapes
from strongroom_blocks.errors import SchemaMismatch, SchemaNewer
from strongroom_registry import Registry
from strongroom_registry.errors import StrongroomError


def test_the_order_of_fields_their_titles_and_defaults_do_not_count() -> None:
    class One(Block, slug="test-order"):
        """One."""

        host: str
        port: int = 1

    class Other(Block, slug="test-order", title="Other"):
        """Other."""

        model_config = ConfigDict(json_schema_extra={"x": 1})
        port: Annotated[int, Field(ge=0, title="Port", description="Where.")] = 2
        host: str = Field(examples=["h"])

    assert schema.fingerprint(One) == schema.fingerprint(Other)


def variants() -> dict[str, Any]:
    class Inner(BaseModel):
        a: int

    class InnerB(BaseModel):
        b: int

    return {
        "str": (str, ...),
        "optional str": (str | None, None),
        "int": (int, ...),
        "secret": (SecretStr, ...),
        "list": (list[str], ...),
        "set": (set[str], ...),
        "dict": (dict[str, int], ...),
        "dict of text": (dict[str, str], ...),
        "literal": (Literal["a", "b"], ...),
        "literal c": (Literal["a", "c"], ...),
        "inner": (Inner, ...),
        "inner b": (InnerB, ...),
        "union": (int | str, ...),
    }


def test_what_changes_the_stored_form_changes_the_fingerprint() -> None:
    prints = [
        schema.fingerprint(create_model("Shape", __base__=Block, field=field))  # type: ignore[call-overload]
        for field in variants().values()
    ]
    assert len(set(prints)) == len(prints)


def test_the_members_of_a_union_and_a_literal_may_change_places() -> None:
    one = create_model("Shape", __base__=Block, a=(int | str, ...), b=(Literal["x", "y"], ...))
    other = create_model("Shape", __base__=Block, b=(Literal["y", "x"], ...), a=(str | int, ...))
    assert schema.fingerprint(one) == schema.fingerprint(other)


def test_names_that_are_defined_after_the_class_count(registry: Registry) -> None:
    class Early(Block, slug="test-early"):
        late: Late

    class Twin(Block, slug="test-early-twin"):
        late: int

    assert schema.fingerprint(Early) == "8794edcc10fd991671629da92af31de6"
    assert schema.fingerprint(Twin) != schema.fingerprint(Early)
    assert shapes.holds_secret(Early)


class Late(BaseModel):
    token: SecretStr


def test_a_fingerprint_stays_as_it_is_from_release_to_release() -> None:
    class Tree(BaseModel):
        children: list[Tree] = Field(default_factory=list)

    class Fixed(Block, slug="test-fixed"):
        host: str
        token: SecretStr
        tree: Tree
        mode: Literal["a", "b"] | None = None

    assert schema.fingerprint(Fixed) == "e1d55000ead222981facd579844ed482"


Define = Callable[..., type[Block]]


@pytest.fixture
def define() -> Define:
    """Defines the type "test-evolving" anew, as the next release of a user's code would."""

    def define(schema_version: int = 1, **fields: Any) -> type[Block]:
        body = {"__module__": __name__, "__annotations__": {n: t for n, (t, *_) in fields.items()}}
        body |= {n: default[0] for n, (_, *default) in fields.items() if default}
        return type(Block)("Evolving", (Block,), body, slug="test-evolving", schema_version=schema_version)

    return define


def test_a_new_optional_field_needs_no_upgrade(registry: Registry, define: Define) -> None:
    define(host=(str,))(host="h").save("it")
    define(host=(str,), port=(int, 5), note=(str | None, None))
    assert Block.load("it").model_dump() == {"host": "h", "port": 5, "note": None}


def test_a_document_that_fits_no_upgrade_says_what_is_missing(
    registry: Registry, define: Define, canary: Plant
) -> None:
    secret = canary("token")
    define(host=(str,), api_key=(SecretStr,))(host="h", api_key=secret).save("it")
    define(host=(str,), token=(SecretStr,), port=(int,))
    with pytest.raises(SchemaMismatch) as refusal:
        Block.load("it")
    text = str(refusal.value)
    assert "missing: port, token; no longer known: api_key" in text
    assert "schema_version=2 in the class statement and @Evolving.upgrade(from_version=1)" in text
    assert secret not in text


def test_no_frame_of_a_refused_load_or_save_holds_a_value(registry: Registry, define: Define, canary: Plant) -> None:
    secret = canary("token")
    first = define(host=(str,), api_key=(SecretStr,))
    first(host="h", api_key=secret).save("it")

    def shown(action: Callable[[], object]) -> str:
        with pytest.raises(StrongroomError) as refusal:
            action()
        assert refusal.value.__context__ is refusal.value.__cause__ is None
        return "".join(traceback.TracebackException.from_exception(refusal.value, capture_locals=True).format())

    block = Block.load("it")
    assert "NameTaken" in shown(lambda: block.save("it"))
    assert secret not in shown(lambda: block.save("it"))
    define(2, host=(str,), token=(SecretStr,)).upgrade(from_version=1)(lambda fields: {**fields, "port": 1})
    assert secret not in shown(lambda: Block.load("it"))


def test_a_changed_type_says_which_field_does_not_fit(registry: Registry, define: Define) -> None:
    define(port=(str,))(port="ssh").save("it")
    define(port=(int,))
    with pytest.raises(SchemaMismatch, match="port: Input should be a valid integer"):
        Block.load("it")


def test_upgrades_lead_from_version_to_version(registry: Registry, define: Define) -> None:
    define(host=(str,), api_key=(SecretStr,))(host="h", api_key="the-old-key").save("it")
    second = define(2, host=(str,), token=(SecretStr,))

    @second.upgrade(from_version=1)
    def _(fields: dict[str, Any]) -> dict[str, Any]:
        fields["token"] = fields.pop("api_key")
        return fields

    assert Block.load("it").token.get_secret_value() == "the-old-key"  # type: ignore[attr-defined]
    third = define(3, url=(str,), token=(SecretStr,))
    third.upgrade(from_version=1)(lambda fields: {"host": fields["host"], "token": fields["api_key"]})
    third.upgrade(from_version=2)(lambda fields: {"url": f"https://{fields['host']}", "token": fields["token"]})
    block = Block.load("it")
    assert block.model_dump()["url"] == "https://h"
    assert block.save("it", overwrite=True).schema.startswith("3:")
    assert Block.load("it") == block


def test_an_upgrade_sees_python_values_where_the_exact_form_was_stored(registry: Registry, define: Define) -> None:
    define(data=(Any,))(data=(1, b"\xff")).save("it")
    second = define(2, parts=(list[Any],))
    second.upgrade(from_version=1)(lambda fields: {"parts": list(fields["data"])})
    assert Block.load("it").parts == [1, b"\xff"]  # type: ignore[attr-defined]


def test_a_failing_upgrade_is_told_without_its_values(registry: Registry, define: Define, canary: Plant) -> None:
    secret = canary("token")
    define(token=(SecretStr,))(token=secret).save("it")
    second = define(2, port=(int,))

    @second.upgrade(from_version=1)
    def _(fields: dict[str, Any]) -> dict[str, Any]:
        raise KeyError(fields["token"])

    with pytest.raises(SchemaMismatch, match=r'from schema version 1 failed on "it": KeyError') as refusal:
        Block.load("it")
    assert secret not in str(refusal.value)
    assert refusal.value.__context__ is None
    second.upgrade(from_version=1)(lambda fields: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(SchemaMismatch, match="it returned no dict"):
        Block.load("it")


def test_a_document_newer_than_the_class_is_refused_with_the_remedy(registry: Registry, define: Define) -> None:
    define(2, host=(str,))(host="h").save("it")
    define(1, host=(str,))
    with pytest.raises(SchemaNewer, match=r"knows versions up to 1\. Update the code"):
        Block.load("it")


def test_an_upgrade_from_a_version_that_is_not_before_is_refused(define: Define) -> None:
    with pytest.raises(ValueError, match="count schema_version up"):
        define(1).upgrade(from_version=1)
