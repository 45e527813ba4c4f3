"""``strongroom variable``, ``artifact`` and ``concurrency``: what runs share, on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from strongroom.artifacts import (
    Artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
)
from strongroom.cli import artifact_view
from strongroom.cli.artifact_view import bar, rows_of
from strongroom.concurrency.limits import create_limit, read_limit
from strongroom.concurrency.sync import concurrency, rate_limit
from strongroom.variables import Variable


def test_a_variable_is_set_shown_and_removed(strongroom: Any) -> None:
    assert strongroom("variable", "set", "regions", '["eu", "us"]', "--tag", "geo").output.startswith("The variable")
    assert strongroom("variable", "get", "regions").output == '["eu", "us"]\n'
    assert json.loads(strongroom("variable", "get", "regions", "--json").output) == ["eu", "us"]
    assert json.loads(strongroom("variables", "ls", "--json").output)[0]["tags"] == ["geo"]
    shown = json.loads(strongroom("variable", "inspect", "regions", "--json").output)
    assert (shown["name"], shown["value"]) == ("regions", ["eu", "us"])
    assert "geo" in strongroom("variable", "inspect", "regions").output
    assert strongroom("variable", "set", "regions", "all", code=1).output.endswith(
        "Say overwrite to replace its value.\n"
    )
    strongroom("variable", "set", "regions", "all", "--overwrite")
    assert strongroom("variable", "get", "regions").output == "all\n"
    strongroom("variable", "unset", "regions", "--yes")
    for command in ("get", "inspect", "unset"):
        assert "no variable 'regions'" in strongroom("variable", command, "regions", code=3).output
    assert strongroom("variable", "ls").stdout == ""


def test_a_value_is_json_where_it_is_json_unless_told_otherwise(strongroom: Any) -> None:
    for text, as_text, value in [
        ("1.10", False, 1.1),
        ("1.10", True, "1.10"),
        ("x y", False, "x y"),
        ("null", False, None),
    ]:
        strongroom("variable", "set", "v", text, "--overwrite", *(["--text"] if as_text else []))
        assert Variable.get("v", default="absent") == value


def test_a_variable_is_not_removed_without_a_word(strongroom: Any) -> None:
    Variable.set("v", 1)
    assert "Add --yes" in strongroom("variable", "unset", "v", code=2).output
    assert Variable.get("v") == 1


def test_limits_are_made_shown_changed_and_removed(strongroom: Any) -> None:
    assert strongroom("concurrency", "create", "database", "5").output == "The limit database has 5 slots.\n"
    strongroom("gcl", "create", "api", "--limit", "10", "--slot-decay-per-second", "0.5", "--disable")
    strongroom("concurrency", "create", "tag:heavy", "0")
    rows = json.loads(strongroom("concurrency", "ls", "--json").output)
    assert [(row["name"], row["limit"], row["active"]) for row in rows] == [
        ("api", 10, False), ("database", 5, True), ("tag:heavy", 0, True),
    ]  # fmt: skip
    assert "is switched off" in strongroom("concurrency", "update", "database", "--disable").output
    strongroom("concurrency", "update", "database", "--enable", "--limit", "1", "--slot-decay-per-second", "2")
    changed = read_limit("database")
    assert (changed.limit, changed.active, changed.slot_decay_per_second) == (1, True, 2)
    strongroom("concurrency", "delete", "database", "--yes")
    for command in (["inspect"], ["delete"], ["reset"], ["update", "--limit", "1"]):
        assert "no limit 'database'" in strongroom("concurrency", *command, "database", code=3).output
    assert "already" in strongroom("concurrency", "create", "api", "1", code=1).output


def test_who_has_slots_is_shown_and_may_lose_them(strongroom: Any) -> None:
    create_limit("database", 5, slot_decay_per_second=1e-9)
    rate_limit("database")
    with concurrency("database", occupy=2, holder={"type": "deployment", "id": "nightly"}):
        shown = json.loads(strongroom("concurrency", "inspect", "database", "--json").output)
        assert shown["active_slots"] == 3
        [lease] = shown["leases"]
        assert (lease["slots"], lease["holder_type"], lease["holder_id"]) == (2, "deployment", "nightly")
        assert "nightly" in strongroom("concurrency", "inspect", "database").output
        assert "Add --yes" in strongroom("concurrency", "reset", "database", code=2).output
        assert "1 lease ended" in strongroom("concurrency", "reset", "database", "--yes").output
    assert read_limit("database").active_slots == 0


@pytest.mark.parametrize(
    "wrong",
    [["create", "a"], ["create", "a", "1", "--limit", "2"], ["create", "a", "-1"], ["update", "a"],
     ["update", "a", "--enable", "--disable"]],
)  # fmt: skip
def test_half_a_command_is_refused(wrong: list[str], strongroom: Any) -> None:
    strongroom("concurrency", *wrong, code=2)


@pytest.fixture
def shown() -> None:
    create_markdown_artifact("# Old", key="report")
    create_markdown_artifact("# Sales\n\n| a | b |\n|---|---|\n| 1 | 2 |", key="report", description="*Quarterly*")
    create_table_artifact([{"name": "Ada", "churn": 0.85}, {"name": "Bob"}], key="churn")
    create_link_artifact("https://x.test/a.csv", "the data", key="data")
    create_progress_artifact(42, key="done")
    create_image_artifact("https://x.test/i.png", key="picture")
    Artifact(type="mine", key="mine", data={"a": 1}).create()


@pytest.mark.usefixtures("shown")
def test_artifacts_are_listed_shown_and_removed(strongroom: Any) -> None:
    rows = json.loads(strongroom("artifact", "ls", "--json").output)
    assert {row["key"] for row in rows} == {"report", "churn", "data", "done", "picture", "mine"}
    assert len(json.loads(strongroom("artifact", "ls", "--all", "--json").output)) == 7
    assert len(json.loads(strongroom("artifacts", "ls", "--limit", "2", "--json").output)) == 2
    versions = json.loads(strongroom("artifact", "inspect", "report", "--json").output)
    assert [version["data"].partition("\n")[0] for version in versions] == ["# Sales", "# Old"]
    assert len(json.loads(strongroom("artifact", "inspect", "report", "--limit", "1", "--json").output)) == 1
    [one] = json.loads(strongroom("artifact", "inspect", versions[1]["id"], "--json").output)
    assert one["data"] == "# Old"
    assert json.loads(strongroom("artifact", "inspect", "churn", "--json").output)[0]["data"][1] == {"name": "Bob"}
    assert strongroom("artifact", "delete", "--id", one["id"], "--yes").output.endswith("1 version removed.\n")
    strongroom("artifact", "delete", "report", "--yes")
    for command in (["inspect", "report"], ["delete", "report"], ["delete", "--id", one["id"]]):
        assert "no artifact" in strongroom("artifact", *command, code=3).output
    strongroom("artifact", "delete", code=2)
    assert "Add --yes" in strongroom("artifact", "delete", "churn", code=2).output


@pytest.mark.usefixtures("shown")
def test_artifacts_are_plain_in_a_pipe(strongroom: Any) -> None:
    table = strongroom("artifact", "inspect", "churn").output.split("\n\n")[1]
    assert [line.split() for line in table.splitlines()] == [["NAME", "CHURN"], ["Ada", "0.85"], ["Bob"]]
    report = strongroom("artifact", "inspect", "report").output
    assert report.index("*Quarterly*") < report.index("| 1 | 2 |") < report.index("# Old")
    assert "[the data](https://x.test/a.csv)" in strongroom("artifact", "inspect", "data").output
    assert " 42 %" in strongroom("artifact", "inspect", "done").output
    assert "https://x.test/i.png" in strongroom("artifact", "inspect", "picture").output
    assert '{"a": 1}' in strongroom("artifact", "inspect", "mine").output


@pytest.mark.usefixtures("shown")
def test_artifacts_are_drawn_on_a_terminal(strongroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_view, "on_terminal", lambda: True)
    report = strongroom("artifact", "inspect", "report", "--limit", "1").output
    assert "Quarterly" in report
    assert "*Quarterly*" not in report
    assert "# Sales" not in report
    assert "─" in report


def test_artifacts_of_a_run(strongroom: Any) -> None:
    from strongroom import flow
    from strongroom.runtime import flow_run

    @flow
    def nightly() -> Any:
        create_markdown_artifact("x", key="of-the-run")
        return flow_run.id

    create_markdown_artifact("y", key="other")
    run_id = nightly()
    rows = json.loads(strongroom("artifact", "ls", "--run", run_id[:8], "--json").output)
    assert [row["key"] for row in rows] == ["of-the-run"]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ('{"a": [1, 2], "b": ["x"]}', [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        ("[[1, 2], [3]]", [{"1": 1, "2": 2}, {"1": 3}]),
        ('[{"a": 1}, 5]', [{"a": 1}, {"1": 5}]),
        ("[]", []),
        ("5", [{"1": 5}]),
    ],
)
def test_tables_of_every_shape(data: str, rows: list[dict[str, Any]]) -> None:
    assert rows_of(data) == rows


def test_a_bar() -> None:
    assert bar(0).startswith("░" * 40)
    assert bar(100).startswith("█" * 40)
    assert bar(50) == "█" * 20 + "░" * 20 + " 50 %"
