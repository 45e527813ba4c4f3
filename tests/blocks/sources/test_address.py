"""The grammar of references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_blocks.errors import InvalidSecretReference
from strongroom_blocks.sources.address import LONGEST, Address


@given(st.text())
def test_any_text_is_a_reference_or_refused_in_peace(text: str) -> None:
    try:
        address = Address.parse(text)
    except InvalidSecretReference as refusal:
        scheme = text.partition(":")[0]
        shown = str(refusal).replace(f'"{scheme}', "")
        assert len(text) < 12 or text not in shown, "what is no reference may be a secret"
    else:
        assert f"{address.scheme}:{address.rest}" == text
        assert text.isprintable()
        assert len(text) <= LONGEST


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=200),
)
def test_a_scheme_and_anything_printable_is_one(scheme: str, rest: str) -> None:
    assert Address.parse(f"{scheme}:{rest}") == (scheme, rest)


@pytest.mark.parametrize("size", [LONGEST - 4, LONGEST - 3])
def test_it_has_a_longest(size: int) -> None:
    text = "env:" + "A" * size
    if len(text) <= LONGEST:
        assert Address.parse(text).rest == "A" * size
    else:
        with pytest.raises(InvalidSecretReference, match="2049 characters"):
            Address.parse(text)
