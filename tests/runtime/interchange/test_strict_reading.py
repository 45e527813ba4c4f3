from __future__ import annotations

import json
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from strongroom.errors import UnreadableFile
from strongroom.interchange import strict_reading
from strongroom.interchange.names import valid_name
from strongroom.interchange.strict_reading import NODES_MAX, decoded, read_file, read_json, read_yaml
from strongroom_registry.document import is_name

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_means_what_it_says(value: Any) -> None:
    assert read_json(json.dumps(value), "x") == value


@given(st.lists(json_values.filter(lambda value: value is not None), max_size=3))
def test_yaml_means_what_it_says(values: list[Any]) -> None:
    text = "".join(f"---\n{yaml.safe_dump(value)}\n" for value in values)
    assert read_yaml(text, "x") == values


@given(st.text() | st.text(alphabet="{}[]:,&*!-'\"\n |>%@<?# ab1"))
def test_whatever_text_there_is_gives_values_or_an_error_of_ours(text: str) -> None:
    for read in (read_json, read_yaml):
        with suppress(UnreadableFile):
            read(text, "x")


@given(st.binary())
def test_whatever_bytes_there_are_give_text_or_an_error_of_ours(content: bytes) -> None:
    try:
        text = decoded(content, "x")
    except UnreadableFile:
        with pytest.raises(UnicodeDecodeError):
            content.decode()
    else:
        assert text == content.decode("utf-8-sig")


LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAUGHS, "aliases"),
        (MERGES, "aliases"),
        ("&a [*a]", "aliases"),
        ("&a {b: {c: *a}}", "aliases"),
        ("[" * 65 + "]" * 65, "64 deep"),
        ("[" * 100_000, "64 deep"),
        ("- " * 100_000, "64 deep"),
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 80)), "64 deep"),
        ("a: 1\na: 2", "twice"),
        ("x:\n  'a': 1\n  a: 2", "line 2"),
        ("yes: 1", "no text"),
        ("1: 1", "no text"),
        ("? [a]\n: 1", "no text"),
        ("a: b\nc: d: e", "line 2"),
        ("a: !!python/object/apply:os.system [true]", "line 1"),
        ("a: !mine x", "line 1"),
        ("a: *b", "line 1"),
        ("a: 2026-13-45", "not valid YAML"),
        ("a: \0", "not valid YAML"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("[" + "x," * (2 * NODES_MAX), "values"),
        ("#" * (8 << 20) + "#", "8 MiB"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_yaml_that_means_harm_is_refused(text: str, told: str) -> None:
    with pytest.raises(UnreadableFile, match=told):
        read_yaml(text, "evil.yaml")


def test_aliases_multiply_over_all_documents_of_a_file() -> None:
    document = f"a: &a [{'x,' * 99}]\nb: &b [{'*a,' * 99}]\nc: [{'*b,' * 9}]\n"
    assert len(read_yaml(document, "fine.yaml")) == 1
    with pytest.raises(UnreadableFile, match="multiply"):
        read_yaml("---\n".join([document] * 3), "evil.yaml")


def test_aliases_that_do_no_harm_are_followed() -> None:
    text = "base: &base {region: eu}\none: {<<: *base, bucket: b}\ntwo: *base\n"
    (value,) = read_yaml(text, "x")
    assert value == {"base": {"region": "eu"}, "one": {"region": "eu", "bucket": "b"}, "two": {"region": "eu"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not valid JSON"),
        ("{", "line 1"),
        ("{\n\n]", "line 3"),
        ("[" * 65 + "]" * 65, "64 deep"),
        ("[" * 200_000, "too deep"),
        ('{"a": ' * 5000 + "1" + "}" * 5000, "deep"),
        ('{"a": 1, "a": 2}', "twice"),
        ("NaN", "number"),
        ("9" * 5000, "number"),
    ],
    ids=lambda value: value[:12],
)
def test_json_that_means_harm_is_refused(text: str, told: str) -> None:
    with pytest.raises(UnreadableFile, match=told):
        read_json(text, "evil.json")


def test_nothing_of_a_bad_file_is_quoted(canary: Plant) -> None:
    secret = canary()
    for read, text in (
        (read_json, f'{{"password": "{secret}"'),
        (read_json, f'{{"{secret}": 1, "{secret}": 2}}'),
        (read_yaml, f"{secret}: 1\n{secret}: 2"),
        (read_yaml, f"a: !{secret} x"),
        (read_yaml, f"a: *{secret}"),
        (read_yaml, f"a: '{secret}"),
    ):
        with pytest.raises(UnreadableFile) as caught:
            read(text, "x")
        assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("path", ["absent", "a\0b", ".", "\n"])
def test_a_file_that_cannot_be_read_is_told(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_file(path)


def test_a_file_has_a_size_and_an_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa")
    assert read_file(path) == "a"
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(UnreadableFile, match="not UTF-8"):
        read_file(path)
    monkeypatch.setattr(strict_reading, "FILE_MAX", 3)
    path.write_bytes(b"abcd")
    with pytest.raises(UnreadableFile, match="MiB"):
        read_file(path)


@given(st.text(), st.sampled_from(["", "old-", "Old.", "é/"]))
def test_whatever_a_name_is_it_becomes_one_or_none(text: str, prefix: str) -> None:
    name = valid_name(text, prefix)
    assert name is None or is_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my_conn", "my_conn"),
        ("My Conn", "my-conn"),
        ("kv/team/crm", "kv-team-crm"),
        ("../../etc/passwd", "etc-passwd"),
        ("Zoë's", "zoe-s"),
        ("a\0b\nc", "a-b-c"),
        ("日本", None),
        ("--", None),
        ("x" * 300, "x" * 128),
    ],
)
def test_names_stay_as_near_as_they_can(text: str, name: str | None) -> None:
    assert valid_name(text) == name
