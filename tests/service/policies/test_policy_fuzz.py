"""Whatever JSON is sent as a policy is taken as one, or refused by a validation error that quotes nothing of it."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from properties import policy_material
from properties.policy_model import is_pattern, is_rule
from pydantic import ValidationError
from servers.service import Clock
from starlette.testclient import TestClient
from strongroom_service.policies.glob import MalformedPattern
from strongroom_service.policies.path_pattern import PathPattern
from strongroom_service.policies.policy import Policy

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
PARTS = st.sampled_from(
    ["a", "B", "*", "**", "/", "/", ":", ":service", "tokens", "@", "3", "0", "stable", ".", "..", "-", " ",
     "{{identity.name}}", "{{identity.metadata.team}}", "{{", "}}", "\n", "%2e", "é"]
)  # fmt: skip


def taken(document: Any) -> bool:
    try:
        Policy.model_validate_json(json.dumps(document))
    except ValidationError:
        return False
    return True


@given(JSON)
def test_any_json(document: Any) -> None:
    taken(document)
    taken({"rules": [document]})
    taken({"rules": [{"effect": "allow", "paths": document, "verbs": ["view"], "when": document}]})


@given(st.lists(PARTS, max_size=12).map("".join))
def test_paths_are_those_of_the_grammar_on_the_reference_page(text: str) -> None:
    try:
        PathPattern.parse(text)
    except MalformedPattern:
        assert not is_pattern(text)
    else:
        assert is_pattern(text)


@given(st.integers(0, 2**32))
def test_documents_are_those_of_the_grammar_on_the_reference_page(seed: int) -> None:
    document = policy_material.garbled(random.Random(seed))
    assert taken(document) == all(map(is_rule, document["rules"]))


def test_a_refusal_quotes_nothing(client: TestClient, clock: Clock) -> None:
    secret = "typed" + "-here"
    rule = {"effect": "allow", "paths": ["a/b"], "verbs": ["view"]}
    for place in ({"paths": [secret]}, {"verbs": [secret]}, {"effect": secret}, {"when": {"addresses": [secret]}},
                  {"when": secret}, {secret: 1}, {"paths": {secret: 1}}):  # fmt: skip
        answer = client.put("/api/v1/policies/p", json={"rules": [{**rule, **place}]})
        assert answer.status_code == 400
        assert secret not in answer.text
