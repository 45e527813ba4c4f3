"""Results become bytes and come back as what they were."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from strongroom.errors import InvalidSerializer, UnserializableResult
from strongroom.serializers import CompressedSerializer, JSONSerializer, PickleSerializer, Serializer, resolve

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
RICH = st.recursive(
    PLAIN | st.binary() | st.dates() | st.datetimes() | st.timedeltas() | st.uuids() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.frozensets(st.integers()),
    max_leaves=20,
)


class Row(BaseModel):
    id: int
    made: datetime
    parent: Row | None = None


@dataclass
class Point:
    x: int
    made: date


class Holder(BaseModel):
    token: SecretStr


@pytest.mark.parametrize("name", ["pickle", "json", "compressed/pickle", "compressed/json"])
@given(value=PLAIN)
def test_plain_data_comes_back(name: str, value: Any) -> None:
    serializer = resolve(name)
    assert serializer.name == name
    assert serializer.loads(serializer.dumps(value)) == value


@given(value=RICH)
def test_dates_numbers_bytes_and_sets_come_back_through_json(value: Any) -> None:
    serializer = JSONSerializer()
    assert serializer.loads(serializer.dumps(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        Row(id=1, made=datetime(2026, 1, 2), parent=Row(id=2, made=datetime(2026, 1, 3))),
        [Point(1, date(2026, 1, 2))],
        {"path": Path("a/b"), "id": UUID(int=7), "wait": timedelta(seconds=3), "price": Decimal("1.10")},
    ],
)
def test_models_and_dataclasses_come_back_through_json(value: Any) -> None:
    serializer = JSONSerializer()
    assert serializer.loads(serializer.dumps(value)) == value


def test_json_is_text_that_other_programs_read() -> None:
    assert JSONSerializer().dumps({"größe": [1, 2.5, None, True]}) == '{"größe": [1, 2.5, null, true]}'.encode()
    assert math.isnan(JSONSerializer().loads(JSONSerializer().dumps(math.nan)))


def test_a_data_frame_comes_back_through_pickle() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    serializer = resolve("compressed/pickle")
    pd.testing.assert_frame_equal(serializer.loads(serializer.dumps(frame)), frame)


def test_functions_and_local_classes_go_through_pickle_too() -> None:
    factor = 3

    class Local:
        value = 4

    serializer = PickleSerializer()
    assert serializer.loads(serializer.dumps(lambda x: x * factor))(2) == 6
    assert serializer.loads(serializer.dumps(Local())).value == 4


@pytest.mark.parametrize("serializer", [PickleSerializer(), CompressedSerializer()])
def test_what_cannot_be_pickled_is_said_without_its_value(serializer: Serializer) -> None:
    with pytest.raises(UnserializableResult, match="A generator cannot be pickled"):
        serializer.dumps(x for x in [1])
    with pytest.raises(UnserializableResult, match="cannot be pickled"):
        serializer.dumps({"lock": threading.Lock()})


def test_what_cannot_be_json_is_said_with_the_remedy() -> None:
    with pytest.raises(UnserializableResult, match='Use the serializer "pickle"'):
        JSONSerializer().dumps(object())


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: [s], lambda s: Holder(token=s), lambda s: {"h": Holder(token=s)}]
)
def test_a_secret_is_refused_by_json_rather_than_lost_as_stars(canary: Any, wrap: Any) -> None:
    with pytest.raises(UnserializableResult, match="A secret is not written as JSON"):
        JSONSerializer().dumps(wrap(SecretStr(canary("token"))))


def test_a_pickle_beyond_the_limit_is_given_up_early() -> None:
    with pytest.raises(UnserializableResult, match="longer than 1000 bytes"):
        PickleSerializer().dumps([b"x" * 600, b"y" * 600], limit=1000)
    assert len(PickleSerializer().dumps(b"x" * 900, limit=1000)) < 1000


@pytest.mark.parametrize("name", ["", "yaml", "compressed/", "compressed/yaml", "PICKLE"])
def test_an_unknown_serializer_names_those_that_there_are(name: str) -> None:
    with pytest.raises(InvalidSerializer, match='"compressed/json"'):
        resolve(name)
