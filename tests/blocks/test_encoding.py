"""What was saved equals what is loaded, type and all."""

# ruff: noqa: RUF012  pydantic copies defaults

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    PlainSerializer,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
)
from strongroom_blocks import Block, SecretDict, nesting, schema
from strongroom_blocks.equality import difference
from strongroom_blocks.errors import BlockNotStorable

T = TypeVar("T")


def came_back(block: Block) -> Block:
    """The block after a round trip through its payload."""
    cls = type(block)
    back = nesting.read(cls, nesting.dump(block), schema.schema_text(cls), "it", ())
    assert difference(block, back) is None
    return back


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(Enum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Login:
    user: str
    password: SecretStr


class Basic(BaseModel):
    kind: Literal["basic"] = "basic"
    user: str
    password: SecretStr


class KeyPair(BaseModel):
    kind: Literal["key"] = "key"
    key: SecretBytes
    passphrase: SecretStr | None = None


class One(BaseModel):
    x: int


class Other(BaseModel):
    x: int


class Box(BaseModel, Generic[T]):
    inside: T
    more: list[T] = []


class Tree(BaseModel):
    secret: SecretStr
    branches: list[Tree] = []


class Deep(Block, slug="test-deep"):
    text: str = ""
    secret: SecretStr = SecretStr("")
    raw: SecretBytes = SecretBytes(b"")
    number: Secret[int] = Secret[int](0)
    when: Secret[date] | None = None
    headers: SecretDict = SecretDict({})
    auth: Annotated[Basic | KeyPair, Field(discriminator="kind")] | None = None
    blurred: One | Other | None = None
    secrets: list[SecretStr] = []
    by_name: dict[str, SecretStr] = {}
    pair: tuple[SecretStr, int] | None = None
    unordered: set[SecretStr] = set()
    frozen: frozenset[int] = frozenset()
    box: Box[SecretStr] | None = None
    tree: Tree | None = None
    login: Login | None = None
    maybe_secret: SecretStr | str = ""
    number_or_text: int | str | float | bool | None = None
    moment_or_text: datetime | str | None = None
    color: Color | str = ""
    numbered: dict[int, SecretStr] = {}
    any: Any = None
    sequence: Sequence[SecretStr] = ()
    mapping: Mapping[str, list[SecretBytes]] = {}


texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["**********", "$block", '{"$exact":1}', "1", "true", "null", "2020-01-01", "a\nb\r\n", "ключ", "\x00", "red"]
)
secrets = texts.map(SecretStr)
binary = st.binary(max_size=12)
moments = st.datetimes(timezones=st.just(UTC)) | st.datetimes()
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
trees = st.recursive(
    st.builds(Tree, secret=secrets), lambda inner: st.builds(Tree, secret=secrets, branches=st.lists(inner, max_size=2))
)
anything = st.recursive(
    scalars | binary | moments | st.uuids() | st.decimals(allow_nan=False) | st.dates() | st.timedeltas() | secrets,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.frozensets(texts, max_size=2)
    ),
    max_leaves=8,
)
optional_fields: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "secret": secrets,
    "raw": binary.map(SecretBytes),
    "number": st.integers().map(Secret[int]),
    "when": st.dates().map(Secret[date]),
    "headers": st.dictionaries(texts, anything, max_size=3).map(SecretDict),
    "auth": st.builds(Basic, user=texts, password=secrets) | st.builds(KeyPair, key=binary.map(SecretBytes)),
    "blurred": st.builds(One, x=st.integers()) | st.builds(Other, x=st.integers()),
    "secrets": st.lists(secrets, max_size=3),
    "by_name": st.dictionaries(texts, secrets, max_size=3),
    "pair": st.tuples(secrets, st.integers()),
    "unordered": st.sets(secrets, max_size=3),
    "frozen": st.frozensets(st.integers()),
    "box": st.builds(Box[SecretStr], inside=secrets, more=st.lists(secrets, max_size=2)),
    "tree": trees,
    "login": st.builds(Login, user=texts, password=secrets),
    "maybe_secret": secrets | texts,
    "number_or_text": scalars,
    "moment_or_text": moments | texts,
    "color": st.sampled_from(Color) | texts,
    "numbered": st.dictionaries(st.integers(), secrets, max_size=3),
    "any": anything,
    "sequence": st.lists(secrets, max_size=3),
    "mapping": st.dictionaries(texts, st.lists(binary.map(SecretBytes), max_size=2), max_size=2),
}


@given(st.fixed_dictionaries({}, optional=optional_fields))
def test_whatever_a_block_holds_comes_back_the_same(fields: dict[str, Any]) -> None:
    came_back(Deep(**fields))


@given(st.fixed_dictionaries({}, optional=optional_fields))
def test_equal_blocks_have_equal_payloads(fields: dict[str, Any]) -> None:
    one = Deep(**fields)
    assert nesting.dump(one) == nesting.dump(one.model_copy(deep=True))


class Exotic(Block, slug="test-exotic"):
    url: HttpUrl
    address: IPv4Address
    amount: Decimal
    level: Level
    path: Path
    id: UUID
    at: time
    span: timedelta
    point: Point
    root: RootModel[list[int]]
    ratio: float


def test_types_beyond_json_come_back() -> None:
    block = Exotic(
        url="https://user@crm.example.com/a?b=c",
        address="10.0.0.1",
        amount=Decimal("1.10"),
        level=Level.HIGH,
        path=Path("/srv/data"),
        id=UUID(int=5),
        at=time(1, 2, 3),
        span=timedelta(days=1, microseconds=5),
        point=Point(1, 2),
        root=RootModel[list[int]]([1]),
        ratio=float("-inf"),
    )
    back = came_back(block)
    assert isinstance(back, Exotic)
    assert type(back.point) is Point
    assert str(back.amount) == "1.10"


def test_a_mask_is_never_stored_for_a_nested_secret() -> None:
    class Nested(Block, slug="test-nested-secret"):
        auth: Basic

    payload = nesting.dump(Nested(auth=Basic(user="u", password="open-sesame")))
    assert json.loads(payload)["auth"]["password"] == "open-sesame"


class Renamed(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    password: SecretStr = Field(alias="pass-word")
    host: str = Field(validation_alias=AliasChoices("hostname", "host_name"), serialization_alias="HOST")


class Customised(Block, slug="test-customised"):
    token: SecretStr = Field(alias="apiToken", exclude=True)
    shown: Annotated[int, PlainSerializer(lambda value: f"<{value}>")]
    nested: Renamed
    note: str = ""

    @field_serializer("note")
    def _starred(self, value: str) -> str:
        return "*" * len(value)

    @computed_field
    @property
    def twice(self) -> int:
        return self.shown * 2


def test_aliases_exclusion_and_serializers_of_the_user_take_no_part() -> None:
    block = Customised(apiToken="t", shown=3, nested={"pass-word": "p", "hostname": "h"}, note="blue")
    back = came_back(block)
    assert isinstance(back, Customised)
    assert back.token.get_secret_value() == "t"
    assert back.note == "blue"


def test_extra_fields_of_a_nested_model_come_back_with_their_types() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    class Holder(Block, slug="test-extra-holder"):
        inner: Open

    came_back(Holder(inner=Open(a=1, b=(1, 2), c=b"\xff")))


def test_strict_types_come_back() -> None:
    class Strict(Block, slug="test-strict", strict=True):
        moment: datetime
        data: bytes
        pair: tuple[int, str]

    came_back(Strict(moment=datetime(2026, 1, 1, tzinfo=UTC), data=b"\xff\x00", pair=(1, "x")))


def test_an_enum_in_an_open_field_comes_back_where_the_type_names_it() -> None:
    class Painted(Block, slug="test-painted"):
        color: Color | str

    assert isinstance(came_back(Painted(color=Color.RED)), Painted)
    assert type(came_back(Painted(color="red")).color) is str  # type: ignore[attr-defined]


def test_a_value_that_a_validator_changes_each_time_is_refused_not_lost() -> None:
    class Growing(Block, slug="test-growing"):
        name: str

        @field_validator("name")
        @classmethod
        def _grow(cls, value: str) -> str:
            return value + "!"

    with pytest.raises(BlockNotStorable, match='the field "name"'):
        nesting.dump(Growing(name="x"))


def test_a_subclass_that_the_type_does_not_name_is_refused_not_cut_down() -> None:
    class Wider(One):
        y: int

    with pytest.raises(BlockNotStorable, match='the field "blurred"'):
        nesting.dump(Deep(blurred=Wider(x=1, y=2)))


def test_a_value_smuggled_past_validation_is_refused() -> None:
    with pytest.raises(BlockNotStorable, match='the field "secret"'):
        nesting.dump(Deep.model_construct(secret="plain"))


class Opaque:
    def __init__(self, size: int) -> None:
        self.size = size


def test_a_type_of_the_users_own_is_written_by_its_own_serializer() -> None:
    class Holder(Block, slug="test-opaque", arbitrary_types_allowed=True):
        thing: Annotated[
            Opaque,
            BeforeValidator(lambda value: Opaque(value) if isinstance(value, int) else value),
            PlainSerializer(lambda value: value.size),
        ]

    back = nesting.read(Holder, nesting.dump(Holder(thing=Opaque(4))), schema.schema_text(Holder), "it", ())
    assert back.thing.size == 4  # type: ignore[attr-defined]


def test_a_type_that_nothing_can_write_is_refused_by_name() -> None:
    class Holder(Block, slug="test-unwritable", arbitrary_types_allowed=True):
        thing: Opaque

    with pytest.raises(BlockNotStorable, match='The field "thing"'):
        nesting.dump(Holder(thing=Opaque(4)))
