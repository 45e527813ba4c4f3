"""The grammar of ``vault:`` references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom.sources import InvalidSecretReference
from strongroom_vault import VaultReference

PART = st.text(st.characters(exclude_characters="/", exclude_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda part: part.isprintable() and part not in {".", ".."}
)


@given(st.lists(PART, min_size=2, max_size=5), st.none() | st.integers(1, 999_999_999), st.none() | PART)
def test_a_reference_means_the_same_when_it_is_read_again(
    parts: list[str], version: int | None, field: str | None
) -> None:
    reference = VaultReference("/".join(parts), version, field)
    assert VaultReference.parse(str(reference)) == reference


@given(st.text("ab/@#%.12\n é", max_size=20) | st.text(max_size=40))
def test_any_text_is_a_reference_or_refused_without_being_repeated(text: str) -> None:
    try:
        reference = VaultReference.parse(text)
    except InvalidSecretReference as exc:
        problem = exc.problem
    else:
        assert VaultReference.parse(str(reference)) == reference
        return
    assert problem.startswith("A reference that starts with 'vault:' ")
    assert problem.removeprefix("A reference that starts with 'vault:' ") in {
        "is malformed.",
        "names no field behind its '#'.",
        "has no version number behind its '@'.",
        "names no path below a mount.",
        "holds escapes of no text.",
    }


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("secret/crm#token", VaultReference("secret/crm", None, "token")),
        ("secret/team/crm@3#token", VaultReference("secret/team/crm", 3, "token")),
        ("kv/crm", VaultReference("kv/crm")),
        ("kv/me%40example.com@12", VaultReference("kv/me@example.com", 12)),
        ("kv/a#user@host", VaultReference("kv/a", None, "user@host")),
        ("kv/a#b/c", VaultReference("kv/a", None, "b/c")),
    ],
)
def test_what_references_mean(text: str, parsed: VaultReference) -> None:
    assert VaultReference.parse(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "", "secret", "secret/", "/crm", "secret//crm", "secret/../crm", "secret/./crm", "secret/%2e%2e/crm",
        "secret/a%2Fb", "secret/crm#", "secret/crm#a#b", "secret/crm@", "secret/crm@0", "secret/crm@latest",
        "secret/crm@1@2", "secret/crm@3/more", "secret/crm%", "secret/crm%zz", "secret/crm%ff", "secret/crm\n",
        "secret/crm#%0a", "secret/" + "x" * 1024,
    ],
)  # fmt: skip
def test_malformed_references_are_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(InvalidSecretReference, match="Write vault:MOUNT/PATH#FIELD"):
        VaultReference.parse(text)
