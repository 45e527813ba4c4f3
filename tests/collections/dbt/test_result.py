"""What an invocation hands back."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_dbt import DbtNode, DbtResult

times = st.none() | st.datetimes(timezones=st.just(UTC))
nodes = st.builds(
    DbtNode,
    unique_id=st.text(),
    name=st.text(),
    resource_type=st.sampled_from(["model", "test", "seed"]),
    status=st.sampled_from(["success", "fail", "skipped"]),
    message=st.text(),
    failures=st.none() | st.integers(min_value=0),
    rows_affected=st.none() | st.integers(min_value=0),
    started_at=times,
    finished_at=times,
    execution_time=st.floats(min_value=0, allow_infinity=False),
    path=st.none() | st.text(),
    compiled_path=st.none() | st.text(),
    depends_on=st.lists(st.text()).map(tuple),
)


@given(nodes)
def test_a_node_survives_the_pipe_between_the_processes(node: DbtNode) -> None:
    assert DbtNode.from_json(json.loads(json.dumps(node.to_json()))) == node


@given(st.lists(nodes))
def test_a_result_is_a_value_that_can_be_stored(found: list[DbtNode]) -> None:
    result = DbtResult(success=True, command="build", nodes=tuple(found), elapsed=1.5)
    assert pickle.loads(pickle.dumps(result)) == result


def test_a_result_tells_what_failed_and_finds_nodes_by_name() -> None:
    good = DbtNode("model.shop.good", "good", "model", "success", started_at=datetime.now(UTC))
    bad = DbtNode("test.shop.bad", "bad", "test", "fail", failures=3)
    result = DbtResult(success=False, command="build", nodes=(good, bad), elapsed=0.0)
    assert result.failed == (bad,)
    assert result.count("success") == 1
    assert result.node("good") is result.node("model.shop.good") is good
    with pytest.raises(LookupError, match="'other' was part of this dbt build"):
        result.node("other")
