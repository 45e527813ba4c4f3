"""One function joins folders and paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_blocks.errors import InvalidKey
from strongroom_blocks.object_keys import base_name, folder_prefix, join_key, relative_key

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


def test_a_key_of_another_folder_is_refused() -> None:
    with pytest.raises(InvalidKey, match="does not lie in"):
        relative_key("a", "ab/c")
    with pytest.raises(InvalidKey, match="names a folder"):
        base_name("a/")
