"""Arguments as people write them for dbt's command line, taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strongroom_dbt.errors import DbtUsageError

COMMANDS = frozenset({
    "build", "clean", "clone", "compile", "debug", "deps", "docs", "init", "list", "ls", "parse", "retry", "run",
    "run-operation", "seed", "show", "snapshot", "source", "test",
})  # fmt: skip
_SELECTING = (
    "--select", "-s", "--models", "--model", "-m", "--exclude", "--selector", "--resource-type", "--resource-types",
    "--exclude-resource-type", "--exclude-resource-types", "--indirect-selection", "--vars", "--state",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command, its options without those that say where things are, and these by their names."""

    command: str
    rest: tuple[str, ...]
    said: dict[str, str]

    def line(self) -> list[str]:
        """The command with its options."""
        return [*self.command.split(), *self.rest]

    def selection(self) -> list[str]:
        """The options that say which nodes."""
        kept: list[str] = []
        keeping = False
        for argument in self.rest:
            if argument.startswith("-"):
                keeping = argument.partition("=")[0] in _SELECTING
            if keeping:
                kept.append(argument)
        return kept


def taken_apart(arguments: Sequence[str], places: Iterable[str]) -> Arguments:
    """Find the command, which options may stand before, and take out the options ``places`` with their values.

    :raises DbtUsageError: there is no command among them, or a value is missing.
    """
    arguments = [argument for argument in arguments if argument]
    index = next((i for i, argument in enumerate(arguments) if argument in COMMANDS), None)
    if index is None:
        raise DbtUsageError(f"There is no command of dbt in {' '.join(arguments)!r:.80}.", 'Write ["build"], for one.')
    command, after = arguments[index], arguments[index + 1 :]
    if command in ("docs", "source") and after and not after[0].startswith("-"):
        command, after = f"{command} {after[0]}", after[1:]
    rest: list[str] = []
    said: dict[str, str] = {}
    pending = iter([*arguments[:index], *after])
    for argument in pending:
        name, equals, value = argument.partition("=")
        if name in places:
            if not equals and (value := next(pending, "")) == "":
                raise DbtUsageError(f"{name} has no value.", f"Write it behind: {name} VALUE.")
            said[name] = value
        else:
            rest.append(argument)
    return Arguments(command, tuple(rest), said)
