"""Policies in HCL and JSON."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.acl.capability import Capability as C  # noqa: N817
from strongroom_service.vault_api.acl.policy_text import parse_policy

HCL = """
# a comment
path "secret/data/*" {
  capabilities = ["create", "update"]  // another
  allowed_parameters = {
    "Data" = []
    "ttl" = ["1h", "2*"]
  }
  denied_parameters = { "x" = [] }
  required_parameters = ["data"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = 90
}
/* old words */
path "sys" {
  policy = "deny"
}
"""


def test_hcl_is_read() -> None:
    (path, rule), (other, deny) = parse_policy(HCL)
    assert (path, other) == ("secret/data/*", "sys")
    assert rule.capabilities == {C.CREATE, C.UPDATE}
    assert dict(rule.allowed) == {"data": (), "ttl": ("1h", "2*")}
    assert dict(rule.denied) == {"x": ()}
    assert rule.required == {"data"}
    assert (rule.least_wrapping, rule.most_wrapping) == (timedelta(seconds=1), timedelta(seconds=90))
    assert deny.denies


def test_json_is_read() -> None:
    text = json.dumps({"path": {"a/*": {"capabilities": ["read"]}, "b": {"policy": "write"}}})
    assert [(path, sorted(rule.capabilities)) for path, rule in parse_policy(text)] == [
        ("a/*", ["read"]),
        ("b", ["create", "delete", "list", "read", "update"]),
    ]


def test_a_path_that_stands_twice_has_both_rules() -> None:
    found = parse_policy('path "a" { capabilities = ["deny"] }\npath "a" { capabilities = ["read"] }')
    assert [path for path, _ in found] == ["a", "a"]
    assert found[0][1].denies


@pytest.mark.parametrize("word", ["deny", "read", "write", "sudo"])
def test_the_old_words_are_known(word: str) -> None:
    assert parse_policy(f'path "a" {{ policy = "{word}" }}')[0][1].capabilities


def test_an_empty_policy_has_no_rules() -> None:
    assert parse_policy("") == parse_policy("# nothing") == parse_policy("{}") == ()


@pytest.mark.parametrize(
    "text",
    [
        'path "a" {',
        'path "a" { capabilities = ["reed"] }',
        'path "a" { capabilities = "read" }',
        'path "a" { capability = ["read"] }',
        'path "a" { policy = "all" }',
        'path "a" { policy = "read"\n capabilities = ["read"] }',
        'path "a" { capabilities = [1] }',
        'path "" { capabilities = ["read"] }',
        'path "a/*/b" { capabilities = ["read"] }',
        'path "a" { min_wrapping_ttl = "soon" }',
        'path "a" { min_wrapping_ttl = "2s"\n max_wrapping_ttl = "1s" }',
        'path "a" { allowed_parameters = ["x"] }',
        'path "a" { allowed_parameters = { "x" = "y" } }',
        'path "a" "b" { capabilities = ["read"] }',
        'rule "a" { capabilities = ["read"] }',
        'path = "a"',
        "[]",
        '"text"',
        "1",
        '{"path": []}x',
        '{"path": {"a": []}}',
        '{"path": {"a": 1}}',
        '{"path": 3}',
        "{" * 100,
        "[" * 100000,
        'path "a" { x = ' + "{" * 30 + "}" * 30 + " }",
        "x" * 70000,
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_policy(text)


def test_a_refusal_quotes_no_value(canary: Plant) -> None:
    for text in (
        f'path "a" {{ capabilities = ["{canary()}"] }}',
        f'path "a" {{ policy = "{canary()}" }}',
        f'path "a" {{ {canary().replace("-", "_")} = 1 }}',
        f'path "a" {{ allowed_parameters = {{ "x" = "{canary()}" }} }}',
        f'{canary()} "',
        f'path "a" {{ min_wrapping_ttl = "{canary()}" }}',
    ):
        with pytest.raises(InvalidRequest) as refused:
            parse_policy(text)
        assert "canary" not in str(refused.value)


@given(
    st.lists(
        st.sampled_from(
            [
                'path "a" ',
                "{",
                "}",
                "[",
                "]",
                "capabilities",
                "=",
                '"read"',
                ",",
                "\n",
                "#",
                "<<E\n",
                "E",
                "${",
                "%{",
                '"',
            ]
        ),
        max_size=14,
    ).map("".join)
    | st.text(max_size=60)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        parse_policy(text)
