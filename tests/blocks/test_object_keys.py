"""One function joins folders and paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_blocks.errors import InvalidKey
from strongroom_blocks.object_keys import base_name, folder_prefix, join_key, relative_key
from strongroom_blocks.stores.files import local_path
from strongroom_blocks.stores.listing import fitting, literal_prefix

segments = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=6).filter(
    lambda text: text not in (".", "..")
)
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)
slashes = st.sampled_from(["", "/", "//"])


@given(paths, paths)
def test_a_path_comes_back_out_of_its_folder(folder: str, path: str) -> None:
    assert relative_key(folder, join_key(folder, path)) == path
    assert join_key(folder, path).startswith(folder_prefix(folder))


@given(paths, paths, slashes, slashes, slashes)
def test_slashes_around_do_not_count(folder: str, path: str, before: str, between: str, more: str) -> None:
    assert join_key(f"{before}{folder}{between}", f"{more}{path}") == f"{folder}/{path}"


@given(paths, paths, paths)
def test_joining_is_associative(one: str, two: str, three: str) -> None:
    assert join_key(join_key(one, two), three) == join_key(one, join_key(two, three))


@given(paths)
def test_the_root_adds_nothing(path: str) -> None:
    assert join_key("", path) == join_key("/", path) == path
    assert folder_prefix("") == folder_prefix("/") == ""
    assert base_name(path) == path.split("/")[-1]


@given(paths, paths)
def test_a_folder_is_neither_lost_nor_doubled(folder: str, path: str) -> None:
    assert join_key(folder, f"{folder}/{path}") == f"{folder}/{folder}/{path}"


@given(st.text(st.characters(codec="utf-8"), max_size=12), st.text(st.characters(codec="utf-8"), max_size=12))
def test_no_key_leaves_its_folder(folder: str, path: str) -> None:
    try:
        key = join_key(folder, path)
    except InvalidKey:
        return
    assert ".." not in key.split("/")
    assert "\0" not in key
    assert not key.startswith("/")


awkward = st.lists(
    st.one_of(
        segments,
        st.sampled_from(["..", ".", "", " ", "a b", "ü", "e\u0301", "🗝", "a+b&c=d?e#f%20", "..a", "a..", "\\"]),
    ),
    max_size=5,
).map("/".join)


@given(awkward, awkward, slashes)
def test_any_path_is_joined_as_it_stands_or_refused(folder: str, path: str, before: str) -> None:
    """Nothing is resolved, decoded, trimmed or composed on the way: what two stores see is the same."""
    climbs = {".", ".."} & {*folder.split("/"), *path.split("/")}
    try:
        key = join_key(folder, before + path)
    except InvalidKey:
        assert climbs
        return
    assert not climbs
    bare, rest = folder.strip("/"), path.lstrip("/")
    assert key == (f"{bare}/{rest}" if bare and rest else bare or rest)
    if rest:
        assert relative_key(folder, key) == rest


@given(awkward)
def test_what_is_downloaded_stays_in_its_folder(key: str) -> None:
    try:
        path = local_path(key)
    except InvalidKey:
        assert {"", ".", ".."} & {*key.split("/")}
        return
    assert not path.is_absolute()
    assert path.as_posix() == key
    assert ".." not in path.parts


@given(st.lists(segments, min_size=1, max_size=3), st.data())
def test_a_pattern_fits_what_it_describes(parts: list[str], data: st.DataObject) -> None:
    key = "/".join(parts)
    literal = "".join(f"[{char}]" if char in "*?[" else char for char in key)
    assert fitting(literal).fullmatch(key)
    assert fitting("**").fullmatch(key)
    assert fitting(f"**/{literal}").fullmatch(key)
    assert fitting("/".join("*" * len(parts))).fullmatch(key)
    assert bool(fitting("*").fullmatch(key)) == (len(parts) == 1)
    assert key.startswith(literal_prefix(literal))
    cut = data.draw(st.integers(0, len(parts[-1])))
    assert fitting("**/" + "?" * len(parts[-1])).fullmatch(key)
    assert cut == len(parts[-1]) or not fitting("**/" + "?" * cut).fullmatch(key)


def test_a_key_of_another_folder_is_refused() -> None:
    with pytest.raises(InvalidKey, match="does not lie in"):
        relative_key("a", "ab/c")
    with pytest.raises(InvalidKey, match="names a folder"):
        base_name("a/")
