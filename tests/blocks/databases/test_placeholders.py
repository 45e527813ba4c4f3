"""``:name`` in a statement, as each driver writes it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_blocks.databases.placeholders import insertion, neutral
from strongroom_blocks.types import DuckDB


@pytest.mark.parametrize(
    ("sql", "pyformat"),
    [
        ("select :a", "select %(a)s"),
        ("select :a::int, x::text, :ab", "select %(a)s::int, x::text, %(ab)s"),
        ("where a=:a and s like '50%'", "where a=%(a)s and s like '50%%'"),
        ("select ':a', \":a\", `:a`, :a", "select ':a', \":a\", `:a`, %(a)s"),
        ("select 'it''s :a', E'it\\'s :a', :a", "select 'it''s :a', E'it\\'s :a', %(a)s"),
        ("select 1 -- :a\n, :a /* :a */", "select 1 -- :a\n, %(a)s /* :a */"),
        ("do $$ begin :a end $$; select :a", "do $$ begin :a end $$; select %(a)s"),
        ("select v:a, x[1:a], (:a), f(x):a", "select v:a, x[1:a], (%(a)s), f(x):a"),
        ("select :a, :unknown", "select %(a)s, :unknown"),
    ],
)
def test_what_is_a_placeholder_and_what_is_not(sql: str, pyformat: str) -> None:
    assert neutral(sql, {"a": 1, "ab": 2}, "pyformat") == pyformat


@pytest.mark.parametrize("parameters", [None, [1], (1,), {}, {"b": 1}])
def test_without_any_the_statement_is_the_drivers_own(parameters: object) -> None:
    assert neutral("select %(a)s, :a, '100%'", parameters, "pyformat") is None


def test_every_driver_has_its_own_way() -> None:
    sql = "select :a, '12:30', x::int"
    assert neutral(sql, {"a": 1}, "dollar") == "select $a, '12:30', x::int"
    assert neutral(sql, {"a": 1}, "text") == "select :a, '12\\:30', x\\:\\:int"


PIECES = st.sampled_from(["select ", ":a", "'", '"', "::", ":", "%", "--", "\n", "/*", "*/", "$$", "b", " ", "[", "''"])


@given(st.lists(PIECES).map("".join))
def test_nothing_but_placeholders_changes(sql: str) -> None:
    written = neutral(sql, {"a": 1}, "dollar")
    if written is not None:
        assert len(written) == len(sql)
        assert re.sub(r"\$a", ":a", written.replace(":a", "$a")) == sql.replace("$a", ":a")
    percent = neutral(sql, {"a": 1}, "pyformat")
    if percent is not None:
        assert percent.replace("%(a)s", ":a").replace("%%", "%") == sql


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_text_that_is_a_literal_is_never_a_placeholder(text: str) -> None:
    literal = text.replace("'", "''")
    assert DuckDB().fetch_one(f"select '{literal}', :a", {"a": text}) == (text, text)


def test_a_row_is_inserted_by_name() -> None:
    assert insertion("t", ["a", '"b c"']) == ('insert into t (a, "b c") values (:p0, :p1)', ["p0", "p1"])
