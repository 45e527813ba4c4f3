"""Arguments of dbt's command line, taken apart."""

from __future__ import annotations

import pytest
from strongroom_dbt import DbtUsageError
from strongroom_dbt.core.arguments import taken_apart

PLACES = ("--project-dir", "--target", "-t")


@pytest.mark.parametrize(
    ("line", "command", "rest", "said"),
    [
        ("build", "build", (), {}),
        ("--debug build --select a b", "build", ("--debug", "--select", "a", "b"), {}),
        ("run --target prod -s a", "run", ("-s", "a"), {"--target": "prod"}),
        ("--project-dir=x docs generate --static", "docs generate", ("--static",), {"--project-dir": "x"}),
        ("source freshness -t dev", "source freshness", (), {"-t": "dev"}),
    ],
)
def test_command_options_and_places(line: str, command: str, rest: tuple[str, ...], said: dict[str, str]) -> None:
    found = taken_apart(line.split(), PLACES)
    assert (found.command, found.rest, found.said) == (command, rest, said)
    assert found.line() == [*command.split(), *rest]


def test_the_options_of_a_selection_come_with_their_values() -> None:
    found = taken_apart(["build", "--full-refresh", "-s", "a+", "b", "--fail-fast", "--exclude", "c"], PLACES)
    assert found.selection() == ["-s", "a+", "b", "--exclude", "c"]


@pytest.mark.parametrize("line", [["--debug"], [], ["build", "--target"]])
def test_what_is_missing_is_told(line: list[str]) -> None:
    with pytest.raises(DbtUsageError, match=r"no command of dbt|has no value"):
        taken_apart(line, PLACES)
