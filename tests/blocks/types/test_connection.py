from __future__ import annotations

import json
import string
import traceback
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from strongroom import Block, Connection
from strongroom_blocks.errors import BlockValidationError

texts = st.text(min_size=1, max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
extras = (
    st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4)
    | st.dictionaries(st.text(max_size=10), json_values, max_size=4)
    | st.fixed_dictionaries({"__extra__": st.text(max_size=20)}, optional={"more": json_values})
)
connections = st.fixed_dictionaries(
    {"conn_type": st.from_regex(r"[a-z][a-z0-9_.+]{0,12}", fullmatch=True), "extra": extras},
    optional={
        "host": texts | st.sampled_from(["https://h/p?q=1", "::1", "[::1]", "http://", "a@b", "HTTPS://x", "0", "h:1"]),
        "port": st.integers(1, 65535),
        "login": texts,
        "password": texts,
        "schema": texts,
        "description": texts,
    },
)


@given(connections)
def test_a_uri_brings_every_connection_back(fields: dict[str, Any]) -> None:
    connection = Connection(**fields)
    assert Connection.from_uri(connection.get_uri(), description=connection.description) == connection


@given(connections)
def test_json_brings_every_connection_back(fields: dict[str, Any]) -> None:
    connection = Connection(**fields)
    assert Connection.from_json(connection.get_json()) == connection
    assert Connection.from_json(json.loads(connection.get_json())) == connection


def as_airflow_reads(uri: str) -> dict[str, Any]:
    """The rules of Airflow 2 and 3 for a URI without a second ``://`` in it, over the standard library's parser."""
    parts = urlsplit(uri)
    host = unquote(parts.hostname or "")
    if "/" in host:
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": parts.scheme.replace("-", "_"),
        "host": host or None,
        "port": parts.port,
        "login": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "schema": unquote(parts.path[1:]) or None,
        "extra": query.get("__extra__", query),
        "extra of version 3": query.get("__extra__", {name: _as_json(text) for name, text in query.items()}),
    }


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@given(connections)
def test_airflow_reads_the_same(fields: dict[str, Any]) -> None:
    connection = Connection(**{**fields, "conn_type": "my_type"})
    uri = connection.get_uri()
    assert uri.count("://") == 1
    read = as_airflow_reads(uri)
    extra = connection.extra.get_secret_value()
    assert read.pop("extra of version 3") == read["extra"]
    if isinstance(read["extra"], str):
        read["extra"] = json.loads(read["extra"]) if read["extra"] != extra.get("__extra__") else extra
    read["host"] = _lowered(read["host"])  # Python's parser lowers some of a host
    assert read == {
        "conn_type": "my_type",
        "host": _lowered(connection.host),
        "port": connection.port,
        "login": connection.login,
        "password": connection.password.get_secret_value() if connection.password else None,
        "schema": connection.schema,
        "extra": extra,
    }


def _lowered(host: str | None) -> str | None:
    return host and "".join(c.lower() if c in string.ascii_letters else c for c in host)


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("postgresql://u:p@h:5432/db", {"conn_type": "postgres", "host": "h", "port": 5432, "schema": "db"}),
        ("google-cloud-platform://?extra__x=1", {"conn_type": "google_cloud_platform", "extra": {"extra__x": 1}}),
        ("google_cloud_platform://?a=", {"conn_type": "google_cloud_platform", "extra": {"a": ""}}),
        ("http://https%3A%2F%2Fhost%2Fpath", {"conn_type": "http", "host": "https://host/path"}),
        ("http://https://user@host:8080/", {"host": "https://host", "port": 8080, "login": "user"}),
        ("//host", {"conn_type": "generic", "host": "host"}),
        ("aws://:secret@", {"conn_type": "aws", "password": "secret"}),
        ("spark://@:7077", {"conn_type": "spark", "port": 7077}),
        ("x://%2Ftmp%2FMy.db", {"conn_type": "x", "host": "/tmp/My.db"}),
        ("mysql://a%40b:p%2Fq%3Fr%23s@h", {"login": "a@b", "password": "p/q?r#s", "host": "h"}),
        ("mysql://a@b:c@d", {"login": "a@b", "password": "c", "host": "d"}),
        ("x://[::1]:99/s%2Ft", {"host": "::1", "port": 99, "schema": "s/t"}),
        ("x://h/?__extra__=%7B%22a%22%3A+%5B1%5D%7D&b=2", {"host": "h", "extra": {"a": [1]}}),
        ("x://h?__extra__=no+json", {"host": "h", "extra": {"__extra__": "no json"}}),
        ("x://h?__extra__=%5B1%5D", {"extra": {"__extra__": "[1]"}}),
        ("x://h?a=1&a=2&b=%2B+%2B", {"extra": {"a": 2, "b": "+ +"}}),
        ("x://h?a=true&b=null&c=%5B1%5D&d=%22x%22", {"extra": {"a": True, "b": None, "c": [1], "d": "x"}}),
        ("x://h?a=007&b=1e5&c=1.50&d=NaN", {"extra": {"a": "007", "b": "1e5", "c": "1.50", "d": "NaN"}}),
        ("  x://h:0/  ", {"host": "h", "port": None, "schema": None}),
        ("x://", {"conn_type": "x", "host": None, "login": None, "extra": {}}),
    ],
)  # fmt: skip
def test_uris_as_airflow_has_them(uri: str, fields: dict[str, Any]) -> None:
    connection = Connection.from_uri(uri)
    shown = {**{name: getattr(connection, name) for name in fields}}
    if "password" in fields:
        assert connection.password is not None
        shown["password"] = connection.password.get_secret_value()
    if "extra" in fields:
        shown["extra"] = connection.extra.get_secret_value()
    assert shown == fields


def test_json_as_airflow_has_it() -> None:
    exported = {"conn_type": "aws-x", "login": "", "port": 0, "extra": '{"region_name": "eu-west-1"}'}
    connection = Connection.from_json(exported)
    assert (connection.conn_type, connection.login, connection.port) == ("aws_x", None, None)
    assert connection.extra["region_name"].get_secret_value() == "eu-west-1"
    assert Connection.from_json('{"extra": "no json"}').extra.get_secret_value() == {"__extra__": "no json"}
    assert json.loads(Connection.from_json('{"extra": "no json"}').get_json())["extra"] == "no json"


@pytest.mark.parametrize(
    "uri",
    [
        "{0}",
        "postgres:/{0}@h",
        "x://u:{0}#@h/db",
        "x://u:{0}/@h",
        "x://u:{0}%FF@h",
        "x://u@h:99999/{0}",
        "x://u:{0} @h",
        "x://u:{0}\n@h",
        "x://u@h?a={0}%ff",
        "x-://u:{0}@h:port",
        "9://u:{0}@h",
    ],
)
def test_what_is_no_uri_is_refused_without_a_word_of_it(uri: str, canary: Plant) -> None:
    with pytest.raises(BlockValidationError) as caught:
        Connection.from_uri(uri.format(canary()))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "canary-" not in shown
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", ["{0}", '["{0}"]', '{{"password": ["{0}"]}}', '{{"pasword": "{0}"}}', "[" * 10_000])
def test_what_is_no_json_is_refused_without_a_word_of_it(value: str, canary: Plant) -> None:
    secret = canary()
    with pytest.raises(BlockValidationError) as caught:
        Connection.from_json(value.format(secret))
    assert secret not in str(caught.value)


@pytest.mark.parametrize("extra", [{"a": b"bytes"}, {"a": (1,)}, {1: "a"}, {"a": float("nan")}])
def test_extra_holds_json_alone(extra: dict[Any, Any]) -> None:
    with pytest.raises(BlockValidationError, match="extra"):
        Connection(extra=extra)


def test_half_a_surrogate_pair_has_no_uri() -> None:
    with pytest.raises(BlockValidationError, match="UTF-8"):
        Connection(login="\ud800").get_uri()


def test_it_is_saved_and_shows_nothing(canary: Plant) -> None:
    password, key = canary("password"), canary("key")
    Connection(conn_type="postgres", host="db", password=password, extra={"key": key}).save("db")
    loaded = Block.load("db")
    assert isinstance(loaded, Connection)
    assert loaded.get_uri() == f"postgres://:{password}@db/?key={key}"
    assert password not in repr(loaded)
    assert key not in repr(loaded)
    assert key not in str(loaded.model_dump())
    assert json.loads(Connection.history("db")[0].public) == {
        "conn_type": "postgres", "host": "db", "port": None, "login": None, "schema": None, "description": None,
    }  # fmt: skip
