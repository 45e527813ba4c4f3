"""Where secrets stand in a type, whatever its annotation looks like; and what a listing may show of it."""

# ruff: noqa: UP006, UP035, UP007, UP045, RUF012  old spellings are input here

from __future__ import annotations

import collections.abc
import dataclasses
import json
from typing import (
    Annotated,
    Any,
    Dict,
    FrozenSet,
    Generic,
    List,
    Literal,
    Mapping,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import pytest
from canaries import Plant
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PostgresDsn,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
)
from strongroom_blocks import PRIVATE, PUBLIC, Block, SecretDict, projection
from strongroom_blocks.redaction import Redactor
from strongroom_blocks.shapes import holds_secret
from typing_extensions import TypeAliasType, TypedDict

T = TypeVar("T")
Token = NewType("Token", SecretStr)
Alias = TypeAliasType("Alias", SecretStr)
Pair = TypeAliasType("Pair", tuple[T, SecretStr], type_params=(T,))
Bound = TypeVar("Bound", bound=SecretStr)


def project(block: Block) -> bytes:
    """The projection of a block that has no secret of its own to hide."""
    return projection.project(block, Redactor())


class Inner(BaseModel):
    password: SecretStr


class Box(BaseModel, Generic[T]):
    value: T


class Recursive(BaseModel):
    children: list[Recursive] = Field(default_factory=list)
    token: SecretStr | None = None


class Typed(TypedDict, total=False):
    password: SecretStr


class Named(NamedTuple):
    password: SecretStr


@dataclasses.dataclass
class Data:
    password: SecretStr


SECRET = [
    SecretStr, SecretBytes, Secret[int], SecretDict, Optional[SecretStr], SecretStr | None, Union[int, SecretStr],
    list[SecretStr], List[SecretStr], set[SecretStr], Set[SecretStr], FrozenSet[SecretStr], Tuple[int, SecretStr],
    tuple[SecretStr, ...], dict[str, SecretStr], Dict[str, List[SecretStr]], dict[SecretStr, int], Sequence[SecretStr],
    Mapping[str, SecretStr], collections.abc.Sequence[SecretStr], collections.abc.Iterable[SecretStr],
    Inner, list[Inner], dict[str, Inner | int], Box[SecretStr], Box[Inner], Recursive, Typed, Named, Data, Token, Alias,
    Pair[int], list[Pair[str]], Annotated[SecretStr, Field(min_length=3)], list[Annotated[SecretStr, "x"]], Bound,
    RootModel[SecretStr], Annotated[Union[Inner, Box[int]], Field()],
]  # fmt: skip


@pytest.mark.parametrize("annotation", SECRET, ids=str)
def test_a_secret_is_found_in_any_annotation_and_kept_out_of_listings(annotation: Any) -> None:
    assert holds_secret(annotation)
    cls = type(Block)(
        "Probe",
        (Block,),
        {"__module__": __name__, "__annotations__": {"field": annotation, "plain": int}},
        slug="probe",
    )
    assert holds_secret(cls)
    shown = json.loads(project(cls.model_construct(field=None, plain=1)))
    assert shown == {"plain": 1}


class Plain(BaseModel):
    kind: Literal["plain"] = "plain"
    rows: list[int] = [1]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Child(Block, slug="test-projected-child"):
    password: SecretStr


class Shown(Block, slug="test-shown"):
    host: str = "h"
    ports: dict[str, list[int]] = {"a": [1]}
    plain: Plain | None = Plain()
    url: HttpUrl | None = None
    dsn_list: list[PostgresDsn] | None = None
    text: str = ""
    declared: Annotated[dict[str, Any], PUBLIC] = {"x": (1, 2)}
    withdrawn: Annotated[str, PRIVATE] = "not this"
    password: str = "not this"
    api_key: str = "not this"
    unrepresented: str = Field(default="not this", repr=False)
    excluded: str = Field(default="not this", exclude=True)
    anything: Any = "not this"
    things: list[Any] = ["not this"]
    open: Open = Open(x="not this")
    mixed: dict[str, Any] = {"x": "not this"}
    child: Child | None = None
    link: AnyUrl | None = None


def test_only_what_is_surely_harmless_is_shown() -> None:
    assert json.loads(project(Shown())) == {
        "host": "h", "ports": {"a": [1]}, "plain": {"kind": "plain", "rows": [1]}, "url": None, "dsn_list": None,
        "text": "", "declared": {"x": [1, 2]}, "child": None, "link": None,
    }  # fmt: skip


def test_a_password_inside_a_url_is_starred(canary: Plant) -> None:
    word = canary("url")
    block = Shown(
        url=f"https://u:{word}@example.com/x",
        dsn_list=[f"postgres://u:{word}@a.example.com,b.example.com/d"],
        text=f"mysql://root:{word}@db/x",
        link=f"ftp://u:{word}@example.com",
    )
    shown = project(block)
    assert word.encode() not in shown
    assert json.loads(shown)["text"] == "mysql://root:**********@db/x"


def test_a_nested_block_is_shown_as_its_type_or_reference(canary: Plant) -> None:
    shown = json.loads(project(Shown(child=Child(password=canary("child")))))
    assert shown["child"] == {"$type": "test-projected-child"}


def test_a_type_may_want_no_projection() -> None:
    class Silent(Block, slug="test-silent", public=False):
        host: str

    assert project(Silent(host="h")) == b""
