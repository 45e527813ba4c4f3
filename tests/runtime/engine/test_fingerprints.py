"""Fingerprints of inputs: equal for equal values, in every process; bounded; free of secrets."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom.errors import CacheKeyProblem
from strongroom.fingerprints import FINGERPRINT_LIMIT, fingerprint, hash_objects


@dataclass
class Point:
    x: Any
    y: Any


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def rebuilt(value: Any) -> Any:
    """An equal value that shares no object, and whose mappings are in another order."""
    if isinstance(value, list | tuple):
        return type(value)(rebuilt(item) for item in value)
    if isinstance(value, dict):
        return {rebuilt(key): rebuilt(item) for key, item in reversed(value.items())}
    if isinstance(value, str):
        return "".join([*value])
    return value


@given(plain)
def test_equal_values_have_equal_fingerprints(value: Any) -> None:
    assert fingerprint(value) == fingerprint(rebuilt(value)) is not None
    assert hash_objects(value) == hash_objects(rebuilt(value))


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats()))
def test_numbers_have_the_same_one_the_short_way(values: list[Any]) -> None:
    found = fingerprint(tuple(values))
    assert found is not None
    assert found.hex() == hash_objects(*values)


@given(plain, plain)
def test_other_values_have_other_fingerprints(a: Any, b: Any) -> None:
    if repr(a) != repr(rebuilt(b)) and a != b:
        assert fingerprint(a) != fingerprint(b)


def test_the_order_of_sets_and_the_sharing_of_objects_do_not_matter() -> None:
    words = [f"word {n}" for n in range(100)]
    assert fingerprint(set(words)) == fingerprint({*words[50:], *words[:50]})
    one = "x" * 50
    assert fingerprint([one, one]) == fingerprint([one, "".join(["x"] * 50)])
    assert fingerprint({1}) != fingerprint(frozenset({1}))
    assert fingerprint(OrderedDict(a=1)) != fingerprint({"a": 1})
    assert fingerprint(Point(1, {"b", "a"})) == fingerprint(Point(1, {"a", "b"}))


def test_it_is_the_same_in_every_process() -> None:
    code = "from strongroom.fingerprints import fingerprint; print(fingerprint(({'a', 'b', 'c'}, {'k': 1})).hex())"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {fingerprint(({"a", "b", "c"}, {"k": 1})).hex() + "\n"}  # type: ignore[union-attr]


def test_what_is_large_or_cannot_be_pickled_has_none() -> None:
    assert fingerprint(b"x" * (FINGERPRINT_LIMIT - 1000)) is not None
    assert fingerprint(b"x" * (FINGERPRINT_LIMIT + 1)) is None
    assert fingerprint(lambda: 1) is None
    circular: list[Any] = []
    circular.append(circular)
    assert fingerprint(circular) is None
    with pytest.raises(CacheKeyProblem, match="cannot be hashed"):
        hash_objects(lambda: 1)
    assert len(hash_objects(b"x" * (FINGERPRINT_LIMIT + 1))) == 64


def test_a_secret_is_never_hashed(canary: Any) -> None:
    assert fingerprint([SecretStr(canary("a"))]) == fingerprint([SecretStr(canary("b"))])
    with pytest.raises(CacheKeyProblem, match="secret"):
        hash_objects(SecretStr(canary("c")))


def test_a_saved_block_is_its_name_and_version(canary: Any) -> None:
    from strongroom import Secret

    unsaved = Secret(value=canary("unsaved"))
    with pytest.raises(CacheKeyProblem, match="not saved"):
        hash_objects(unsaved)
    assert fingerprint(unsaved) is not None
    Secret(value=canary("first")).save("crm")
    first = hash_objects(Secret.load("crm"))
    assert hash_objects(Secret.load("crm")) == first == hash_objects(Secret.load("crm@1"))
    Secret(value=canary("second")).save("crm", overwrite=True)
    assert hash_objects(Secret.load("crm")) != first
