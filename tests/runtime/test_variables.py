"""Variables: JSON values under a name, in every ledger, and never a secret."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom import flow
from strongroom.errors import InvalidVariable, VariableExists
from strongroom.ledger import Ledger, open_ledger, using_ledger
from strongroom.variables import VALUE_MAX, Variable, find_variable, list_variables
from strongroom_blocks.redaction import redactor

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def test_a_value_is_set_read_replaced_and_removed(each_ledger: Ledger) -> None:
    made = Variable.set("regions", ["eu", {"name": "us", "weight": 0.5, "on": True, "note": None}], tags=["geo"])
    assert (made.name, made.tags) == ("regions", ["geo"])
    assert Variable.get("regions") == made.value == ["eu", {"name": "us", "weight": 0.5, "on": True, "note": None}]
    with pytest.raises(VariableExists, match="'regions' already"):
        Variable.set("regions", [])
    changed = Variable.set("regions", "all", overwrite=True)
    assert (changed.value, changed.tags, changed.created) == ("all", ["geo"], made.created)
    assert Variable.set("regions", "all", tags=[], overwrite=True).tags == []
    assert [variable.name for variable in list_variables()] == ["regions"]
    assert Variable.unset("regions") is True
    assert Variable.unset("regions") is False
    assert find_variable("regions") is None


def test_a_default_stands_in_for_what_is_not_there(each_ledger: Ledger) -> None:
    assert Variable.get("crew_members", default=["Backup1"]) == ["Backup1"]
    assert Variable.get("No such name\0", 7) == 7
    assert Variable.get("nothing") is None
    Variable.set("nothing", None)
    assert Variable.get("nothing", default=1) is None


def test_asynchronous_code_awaits(each_ledger: Ledger) -> None:
    @flow
    async def mission() -> object:
        made = await Variable.aset("answer", 42)
        again = await Variable.set("answer", 43, overwrite=True)
        assert (made.value, again.value) == (42, 43)
        found = await Variable.aget("answer", default=0)
        assert await Variable.aunset("answer")
        return found

    assert asyncio.run(mission()) == 43


ONE_FOR_ALL = open_ledger("memory:")


@given(value=VALUES)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    with using_ledger(ONE_FOR_ALL):
        Variable.set("value", value, overwrite=True)
        assert json.dumps(Variable.get("value")) == json.dumps(value)


def test_text_of_every_kind_fits_in_every_ledger(each_ledger: Ledger) -> None:
    value = "NUL \0, half a pair \ud800, \N{SNOWMAN}, {{ }} % ? '"
    Variable.set("odd", value, tags=[value])
    assert Variable.get("odd") == value


@pytest.mark.parametrize("name", ["", "Upper", "with space", "dot.ted", "ü", "x" * 256, "new\nline", 5])
def test_a_name_that_cannot_be_is_refused(name: str, each_ledger: Ledger) -> None:
    with pytest.raises(InvalidVariable):
        Variable.set(name, 1)
    assert list_variables() == []


def test_documented_names_are_taken(each_ledger: Ledger) -> None:
    for name in ("answer", "crew_members", "github-branch", "0", "x" * 255):
        assert Variable.set(name, name).name == name


@pytest.mark.parametrize(
    "value",
    [{1: "a"}, {"a": {2, 3}}, object(), b"x", math.nan, [math.inf], ("a",), "x" * (VALUE_MAX + 1), ["x" * VALUE_MAX]],
)
def test_a_value_that_json_has_not_or_that_is_too_long_is_refused(value: object) -> None:
    with using_ledger(open_ledger("memory:")), pytest.raises(ValueError, match="the variable 'v'"):
        Variable.set("v", value)


def test_the_longest_value_is_taken() -> None:
    with using_ledger(open_ledger("memory:")):
        assert len(Variable.set("v", "\N{SNOWMAN}" * VALUE_MAX).value) == VALUE_MAX


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: object = 1
    for _ in range(2000):
        value = [value]
    with using_ledger(open_ledger("memory:")), pytest.raises(InvalidVariable, match="too deeply"):
        Variable.set("v", value)


def test_a_secret_is_refused_in_words_that_point_to_blocks(
    each_ledger: Ledger, canary: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = canary("password")
    redactor.register(secret)
    for value in (secret, [f"https://user:{secret}@host"], {secret: 1}, SecretStr(secret)):
        with pytest.raises(InvalidVariable, match=r"Secret\(value=…\)") as refusal:
            Variable.set("login", value)
        assert secret not in str(refusal.value)
    with pytest.raises(InvalidVariable):
        Variable.set("login", 1, tags=[secret])
    assert list_variables() == []
