"""Payloads as they were written once: every later release has to read them (docs/spec/payload.md)."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from strongroom_blocks import Block, nesting, schema, secret_from
from strongroom_blocks.equality import same
from strongroom_registry import Registry


class Level(Enum):
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Login:
    user: str


class One(BaseModel):
    x: int


class Open(Block, slug="test-vector-open"):
    any: Any
    names: tuple[Level, Point, Login, One] | None = None


EXACT = {
    '{"$tuple":[1,"a"]}': (1, "a"),
    '{"$set":[1,2]}': {1, 2},
    '{"$frozenset":["a"]}': frozenset("a"),
    '{"$bytes":"/wA="}': b"\xff\x00",
    '{"$datetime":"2026-01-02T03:04:05.000006+00:00"}': datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
    '{"$date":"2026-01-02"}': date(2026, 1, 2),
    '{"$time":"03:04:05"}': time(3, 4, 5),
    '{"$timedelta":[-1,5,6]}': timedelta(-1, 5, 6),
    '{"$decimal":"1.10"}': Decimal("1.10"),
    '{"$uuid":"00000000-0000-0000-0000-000000000005"}': UUID(int=5),
    '{"$path":"/srv/data"}': Path("/srv/data"),
    '{"$complex":"(1-2j)"}': 1 - 2j,
    '{"$float":"nan"}': float("nan"),
    '{"$float":"-inf"}': float("-inf"),
    '{"$map":[[1,"a"],["$b",{"c":null}]]}': {1: "a", "$b": {"c": None}},
    '{"$source":"env:CRM_TOKEN"}': secret_from("env:CRM_TOKEN"),
    '{"$secret":"str","$value":"ключ"}': SecretStr("ключ"),
    '{"$secret":"bytes","$value":{"$bytes":"/w=="}}': SecretBytes(b"\xff"),
    '{"$secret":"value","$value":[1]}': Secret[Any]([1]),
    '{"$of":"Level","$value":2}': Level.HIGH,
    '{"$of":"Point","$value":[1,2]}': Point(1, 2),
    '{"$of":"Login","$value":{"user":"u"}}': Login("u"),
    '{"$of":"One","$value":{"x":1}}': One(x=1),
    '{"$of":"Gone","$value":{"x":1}}': {"x": 1},
}


@pytest.mark.parametrize("text", EXACT)
def test_an_exact_value_is_read_as_it_was_written(text: str) -> None:
    payload = f'{{"$exact":{{"any":{text},"names":null}}}}'.encode()
    block = nesting.read(Open, payload, schema.schema_text(Open), "it", ())
    found, wanted = block.any, EXACT[text]  # type: ignore[attr-defined]
    assert same(found, wanted) or (isinstance(wanted, Secret) and found.get_secret_value() == wanted.get_secret_value())
    if "Gone" not in text:
        assert nesting.dump(block) == payload


class Plain(Block, slug="test-vector-plain"):
    token: SecretStr
    raw: SecretBytes
    ports: set[int]
    at: datetime
    host: str = "h"


PLAIN = (
    '{"at":"2026-01-02T03:04:05Z","host":"ü","ports":[1,20,3],"raw":"text","token":"a\\n\\"b"}'.encode(),
    {
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "host": "ü",
        "ports": {1, 20, 3},
        "raw": b"text",
        "token": 'a\n"b',
    },
)


def test_the_plain_form_is_read_and_written_as_ever() -> None:
    payload, fields = PLAIN
    block = nesting.read(Plain, payload, schema.schema_text(Plain), "it", ())
    assert block == Plain(**fields)
    assert nesting.dump(block) == payload


def test_nested_blocks_are_read_and_written_as_ever(registry: Registry) -> None:
    Open(any=1).save("one")
    inline = f'{{"$type":"test-vector-open","$schema":"{schema.schema_text(Open)}","$fields":{{"any":2,"names":null}}}}'
    payload = f'{{"$exact":{{"any":[{{"$block":"one"}},{{"$block":"one@1"}},{inline}],"names":null}}}}'.encode()
    block = nesting.read(Open, payload, schema.schema_text(Open), "it", ())
    assert [inner.any for inner in block.any] == [1, 1, 2]  # type: ignore[attr-defined]
    assert nesting.dump(block) == payload
