"""Paths and the documents that they are kept in."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hypothesis import assume, example, given
from hypothesis import strategies as st
from strongroom_registry.document import is_name
from strongroom_service.vault_api.kv import names

_TRICKY = st.text(alphabet="ab-_./ *[?A\u00e9\u0430", min_size=1, max_size=12)
_PATHS = st.one_of(_TRICKY, st.text(min_size=1, max_size=200).filter(lambda path: path.isprintable()))


@given(st.sets(_PATHS, min_size=2, max_size=40))
@example({"a/b", "a.b", "a_b", "A/b", "a/b/", "a b"})
@example({"kv.a", "a", "md.a", "kx." + "0" * 64})
def test_no_two_paths_share_a_document(paths: set[str]) -> None:
    documents = [name(path) for path in paths for name in (names.data_name, names.metadata_name)]
    assert len(set(documents)) == 2 * len(paths)


@given(_PATHS)
@example("a-")
@example("-a")
@example("a" * 120)
@example("a" * 121)
@example("a\n")
def test_every_document_has_a_valid_name(path: str) -> None:
    assert is_name(names.data_name(path))
    assert is_name(names.metadata_name(path))


@given(_PATHS)
def test_a_plain_path_is_read_back_from_the_name(path: str) -> None:
    data, metadata = names.data_name(path), names.metadata_name(path)
    assert names.plain_path(data) == names.plain_path(metadata) == (path if names.is_plain(path) else None)
    assert not names.is_metadata(data)
    assert names.is_metadata(metadata)


@given(_PATHS, _PATHS)
def test_what_lies_beneath_is_found_by_its_globs(prefix: str, rest: str) -> None:
    assume(not prefix.endswith("/"))
    for name in (names.data_name(f"{prefix}/{rest}"), names.metadata_name(f"{prefix}/{rest}")):
        assert any(fnmatchcase(name, glob) for glob in names.globs_beneath(prefix))
        assert any(fnmatchcase(name, glob) for glob in names.globs_beneath(""))


def test_words_can_be_read_in_the_name() -> None:
    assert names.data_name("team-a/prod_db") == "kv.team-a.prod_db"
