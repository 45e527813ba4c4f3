"""Values are found in every form they travel in, wherever a chunk ends, and nothing else is."""

from __future__ import annotations

import base64
import io
import json
import secrets
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom.errors import ScanProblem
from strongroom.scanning import FingerprintMatcher, Sought, ValueMatcher, matcher, read_index, write_index
from strongroom.scanning.fingerprints import make_index, strength
from strongroom.scanning.matcher import Found, Matcher, Owner, search
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import IntegrityError, StrongroomError

OWNER = Owner("prod-crm@1", "token")
ODD = "p@ss w\"o'rd\\/+&<é€>%20" + secrets.token_urlsafe(12)
PEM = "-----BEGIN KEY-----\n" + "\n".join(secrets.token_urlsafe(48) for _ in range(4)) + "\n-----END KEY-----\n"
VALUES = [secrets.token_urlsafe(24), secrets.token_hex(16), ODD, PEM]
Make = Callable[..., Matcher]


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with open_registry("memory:") as registry:
        yield registry


@pytest.fixture(params=["values", "fingerprints"])
def make(request: pytest.FixtureRequest, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """What makes a matcher of values: both kinds have to find the same."""

    def made(*values: str | bytes) -> Matcher:
        sought = [Sought(value, (OWNER,)) for value in values]
        if request.param == "values":
            return ValueMatcher(sought)
        path = tmp_path_factory.mktemp("index") / "out.idx"
        content, left_out = make_index(registry, sought, weak=True)
        assert not left_out
        write_index(path, content)
        return read_index(path)

    return made


def found(content: bytes, by: Matcher) -> list[Found]:
    return list(search(io.BytesIO(content), by))


FORMS = {
    "raw": lambda value: value.encode(),
    "url": lambda value: quote(value, safe="").encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "json": lambda value: json.dumps(value).encode(),
    "utf-16": lambda value: value.encode("utf-16-le"),
}


@pytest.mark.parametrize("value", VALUES, ids=["token", "hex", "odd", "pem"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_at_its_line(make: Make, form: str, value: str) -> None:
    content = b"first line\nsecond: [" + FORMS[form](value) + b"] and more\n"
    places = found(content, make(value))
    assert places
    assert (places[0].line, places[0].owners) == (2, (OWNER,))
    same = FORMS[form](value).strip(b'"') == value.encode()
    assert places[0].form == ("raw" if same else form)


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc", b"user:"])
@pytest.mark.parametrize("after", [b"", b"!", b"!!"])
@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_found_at_every_alignment(
    make: Make, before: bytes, after: bytes, alphabet: Callable[[bytes], bytes]
) -> None:
    value = VALUES[0]
    content = b'Authorization: "Basic ' + alphabet(before + value.encode() + after) + b'"'
    assert [(place.line, place.form) for place in found(content, make(value))] == [(1, "base64")]


def test_bytes_that_are_no_text_are_found(make: Make) -> None:
    value = secrets.token_bytes(24) + b"\xff"
    for content, form in ((value, "raw"), (value.hex().encode(), "hex"), (base64.b64encode(value), "base64")):
        assert [place.form for place in found(b"\0\1\n" + content, make(value))] == [form]


@pytest.mark.parametrize("width", [1, 7, 16, 64, 1 << 20])
def test_it_does_not_matter_where_chunks_end(make: Make, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "CHUNK", width)
    value = VALUES[0]
    content = b"x\n" * 20 + value.encode() + b"\nyy\n" + value.encode() * 2 + b"\n" + value.encode().hex().encode()
    places = found(content, make(value))
    assert [(place.line, place.form) for place in places] == [(21, "raw"), (23, "raw"), (23, "raw"), (24, "hex")]


def test_memory_does_not_grow_with_the_stream() -> None:
    longest = 0

    class Endless(io.RawIOBase):
        left = 64

        def read(self, size: int = -1) -> bytes:
            nonlocal longest
            longest = max(longest, size)
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    by = ValueMatcher([Sought(VALUES[0], (OWNER,))])
    assert list(search(Endless(), by)) == []  # type: ignore[arg-type]
    assert longest <= matcher.CHUNK


def test_a_key_of_several_lines_is_told_once_also_where_it_is_indented(make: Make) -> None:
    indented = "".join(f"    {line}\n" for line in PEM.splitlines()).encode()
    assert [(place.line, place.form) for place in found(b"key: |\n" + indented, make(PEM))] == [(3, "line")]
    assert [place.form for place in found(PEM.encode(), make(PEM))] == ["raw"]


def test_a_value_that_two_fields_hold_is_told_for_both() -> None:
    both = (OWNER, Owner("staging@2", "token"))
    by = ValueMatcher([Sought(VALUES[0], both)])
    assert [place.owners for place in found(VALUES[0].encode(), by)] == [both]


def test_a_value_that_is_another_ones_form_is_told_for_both() -> None:
    value, other = VALUES[0], Owner("other@1", "value")
    by = ValueMatcher([Sought(value, (OWNER,)), Sought(value.encode().hex(), (other,))])
    assert [place.owners for place in found(value.encode().hex().encode(), by)] == [(other, OWNER)]


def test_a_short_value_counts_where_it_stands_alone() -> None:
    by = ValueMatcher([Sought("abc123", (OWNER,))])
    assert found(b"xabc123 abc123x", by) == []
    assert len(found(b"password=abc123\nabc123", by)) == 2


def test_nothing_is_found_of_nothing(make: Make) -> None:
    assert found(b"anything", make()) == []
    assert found(b"", make(VALUES[0])) == []


@settings(max_examples=60)
@given(
    value=st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60),
    noise=st.binary(max_size=80),
    form=st.sampled_from(list(FORMS)),
)
def test_whatever_the_value_it_is_found_among_whatever_there_is(value: str, noise: bytes, form: str) -> None:
    noise = noise.replace(b"\\", b"").replace(b"%", b"")  # or what stands before is part of an escape
    content = noise + b" " + FORMS[form](value) + b" " + noise
    assert any(OWNER in place.owners for place in found(content, ValueMatcher([Sought(value, (OWNER,))])))


@given(st.binary(max_size=400))
def test_fingerprints_are_found_in_no_other_bytes(content: bytes) -> None:
    with open_registry("memory:") as registry:
        index, _ = make_index(registry, [Sought(value, (OWNER,)) for value in VALUES])
    from strongroom.scanning.fingerprints import _Index

    by = FingerprintMatcher(_Index.model_validate_json(index))
    assert list(by.hits(content)) == []


def test_a_hostile_file_is_searched_in_time_that_grows_with_its_size(make: Make) -> None:
    """Words, lines and runs that would have a backtracking expression go over them again and again."""
    by = make(*VALUES)
    for content in (
        b"a" * 300_000,
        b"%" * 100_000,
        b"\\" * 100_000,
        b'\\u0041"' * 20_000,
        b"%25" * 60_000,
        b"\0" * 200_000,
    ):
        assert found(content, by) == []


def test_an_index_holds_no_value_and_no_guessable_one(registry: Registry) -> None:
    weak = ["hunter2hunter2", "Summer-2026!", "0123456789012345"]
    sought = [Sought(value, (Owner(f"b{i}@1", "value"),)) for i, value in enumerate([*VALUES, *weak])]
    index, left_out = make_index(registry, sought)
    assert [skipped.what for skipped in left_out] == ["b4@1#value", "b5@1#value", "b6@1#value"]
    assert all(skipped.expected for skipped in left_out)
    for value in VALUES:
        assert value.encode() not in index
        assert value[:8].encode() not in index
    everything, none_left_out = make_index(registry, sought, weak=True)
    assert len(everything) > len(index)
    assert none_left_out == []


def test_lines_that_could_be_guessed_are_left_out_too(registry: Registry) -> None:
    index, _ = make_index(registry, [Sought(PEM + "\nuser = administrator\n", (OWNER,))])
    assert len(json.loads(index)["fingerprints"]) == 1 + 4


def test_two_workspaces_have_nothing_in_common() -> None:
    indexes = []
    for _ in range(2):
        with open_registry("memory:") as registry:
            indexes.append(json.loads(make_index(registry, [Sought(VALUES[0], (OWNER,))])[0]))
    assert indexes[0]["key"] != indexes[1]["key"]
    assert indexes[0]["fingerprints"][0]["mac"] != indexes[1]["fingerprints"][0]["mac"]


@pytest.mark.parametrize("alphabet", [string.hexdigits.lower()[:16], string.ascii_letters + string.digits])
def test_random_tokens_are_strong_and_patterns_are_not(alphabet: str) -> None:
    assert strength("".join(secrets.choice(alphabet) for _ in range(40))) > 80
    assert strength("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") == 0
    assert strength(b"abababababababababababababababab") < 40


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b'{"strongroom_scan_index": 2}', b"[" * 100_000, b'{"a":' * 5000, b"SRCX"],
)
def test_what_is_no_index_is_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("index") / "out.idx"
    path.write_bytes(content)
    with pytest.raises(ScanProblem, match="is no index"):
        read_index(path)


def test_a_sealed_index_opens_with_its_key_alone(
    registry: Registry, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_FILE_PASSPHRASE", secrets.token_urlsafe(16))
    path = tmp_path_factory.mktemp("index") / "out.idx"
    index, _ = make_index(registry, [Sought(VALUES[0], (OWNER,))])
    write_index(path, index, ["passphrase:"])
    assert b"prod-crm" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ScanProblem, match="is sealed"):
        read_index(path)
    assert found(VALUES[0].encode(), read_index(path, ["passphrase:"]))
    cut = path.read_bytes()[:-1]
    path.write_bytes(cut)
    with pytest.raises(IntegrityError):
        read_index(path, ["passphrase:"])
    monkeypatch.setenv("STRONGROOM_FILE_PASSPHRASE", "another one")
    with pytest.raises(StrongroomError):
        read_index(path, ["passphrase:"])
