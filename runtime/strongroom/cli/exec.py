"""``strongroom exec``: run a command with the fields of blocks in its environment."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn

import click

from strongroom.cli.completion import block_names
from strongroom.cli.outcome import CommandError, Exit, tell
from strongroom.cli.teaching import Teaching

if TYPE_CHECKING:
    from strongroom_blocks import Block
    from strongroom_blocks.field_reference import FieldReference

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEERING = re.compile(
    r"(LD|DYLD|GLIBC|MALLOC)_.*|PATH|HOME|SHELL|IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|PYTHON(PATH|HOME|STARTUP)|"
    r"PERL5(LIB|OPT)|RUBY(LIB|OPT)|NODE_(OPTIONS|PATH)|JAVA_TOOL_OPTIONS|GIT_(SSH|SSH_COMMAND|EXEC_PATH)"
)
"""Variables that decide what code is run, and where it is found: no name of a block or field sets one in passing."""


class _SplitAtDashes(Teaching):
    """Takes the words before the first ``--`` as its own and leaves all after it to the command.

    What goes wrong before the command runs has Docker's exit codes, since all others may be the command's own.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta["strongroom.command"] = args[at + 1 :]
        try:
            return super().parse_args(ctx, args[:at])
        except click.UsageError as error:
            raise CommandError(error.format_message(), "See: strongroom exec --help", Exit.EXEC_FAILED) from None

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND [ARG]..."]


@click.command(
    "exec",
    cls=_SplitAtDashes,
    examples="""
        strongroom exec prod-crm -- ./sync.sh             # $PROD_CRM_TOKEN, ...
        strongroom exec prod-aws warehouse@stable -- make load
        strongroom exec 'prod-crm#token' -- ./sync.sh     # $PROD_CRM_TOKEN alone
        strongroom exec -e 'PGPASSWORD=warehouse#password' -- psql
        strongroom exec prod-crm --prefix CRM -- ./sync   # $CRM_TOKEN, ...
        strongroom exec prod-crm --pristine -- ./sync     # and nothing else
        strongroom exec prod-aws -- sh -c 'env | sort'    # shows which there are
    """,
)
@click.argument("names", nargs=-1, metavar="[NAME[#FIELD]]...", shell_complete=block_names)
@click.option(
    "-e", "--env", "assignments", multiple=True, metavar="VARIABLE=NAME#FIELD", help="One field as one variable."
)
@click.option("--prefix", metavar="TEXT", help="Instead of the blocks' names; an empty one leaves the fields' names.")
@click.option("--pristine", is_flag=True, help="Pass nothing of the surrounding environment on, not even PATH.")
@click.pass_context
def exec_(
    context: click.Context, names: tuple[str, ...], assignments: tuple[str, ...], prefix: str | None, pristine: bool
) -> NoReturn:
    """Run a command with blocks in its environment.

    Each field is a variable, NAME_FIELD in upper case, unless the block's type follows its tools, as with
    AWS_PROFILE: those keep their names under --prefix too. Two blocks that set one variable are refused, and so is a
    field that would set what decides which code is run, such as PATH, unless --env says so.

    The command replaces this process, so that signals reach it. Exit codes: the command's own; 125 where Strongroom
    failed before it ran, 126 where it cannot be executed, 127 where there is no such command.
    """
    command: list[str] = context.meta["strongroom.command"]
    try:
        _check(names, assignments, prefix, command)
        environment = gather(names, assignments, prefix)
    except (Exception, KeyboardInterrupt) as error:
        tell(error, debug=bool(context.find_root().meta.get("strongroom.debug")))
        raise SystemExit(Exit.EXEC_FAILED) from None
    replace_process(command, {**({} if pristine else os.environ), **environment})


def _check(names: Iterable[str], assignments: Iterable[str], prefix: str | None, command: list[str]) -> None:
    if not command:
        raise CommandError("No command is given.", "Write: strongroom exec prod-crm -- env")
    if not names and not assignments:
        raise CommandError("No block is named.", "Write: strongroom exec NAME -- COMMAND")
    if prefix and not _VARIABLE.fullmatch(prefix):
        raise CommandError(f"No variable can start with {prefix!r}.", "Use letters, digits and _.")


class _Environment:
    """The variables of all blocks together, and which block each one comes from."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def add(self, variables: Mapping[str, str], owner: str, *, by_name: bool = False) -> None:
        """Take the variables of a block; ``by_name`` says that somebody wrote them down himself."""
        for variable, value in variables.items():
            former = self._owners.get(variable, owner)
            if former != owner or self.values.get(variable, value) != value:
                raise CommandError(
                    f"The blocks {former!r} and {owner!r} both set {variable}.",
                    "Run the command with one of them, or name single fields: --env VARIABLE=NAME#FIELD",
                )
            if not by_name and _STEERING.fullmatch(variable):
                raise CommandError(
                    f"The block {owner!r} would set {variable}, which decides what code is run.",
                    f"Give it a --prefix, or say so: --env {variable}=NAME#FIELD",
                )
            if "\0" in value:
                raise CommandError(
                    f"The field of {owner!r} for {variable} holds a NUL byte, which no variable can.",
                    "Store it in another form, such as base64.",
                )
            self._owners[variable], self.values[variable] = owner, value


def gather(names: Iterable[str], assignments: Iterable[str] = (), prefix: str | None = None) -> dict[str, str]:
    """The variables of all blocks together; two blocks that differ about one are refused, both named."""
    from strongroom_blocks import Block
    from strongroom_blocks.field_reference import FieldReference
    from strongroom_registry.document import Reference

    from strongroom.cli.session import opened_registry

    environment = _Environment()
    loaded: dict[Reference, Block] = {}

    def block(reference: Reference) -> Block:
        if reference not in loaded:
            loaded[reference] = Block.load(str(reference))
        return loaded[reference]

    with opened_registry():  # closed before this process is replaced, since that writes the audit's last entries
        for name in dict.fromkeys(names):
            source = FieldReference.parse(name if "#" in name else f"{name}#")
            environment.add(_variables(block(source.block), source, prefix), str(source.block))
        for text in assignments:
            variable, source = _assignment(text)
            environment.add(_variable(variable, block(source.block), source), str(source.block), by_name=True)
    return environment.values


def _assignment(text: str) -> tuple[str, FieldReference]:
    from strongroom_blocks.field_reference import FieldReference

    variable, equals, name = text.partition("=")
    if not equals or not _VARIABLE.fullmatch(variable):
        raise CommandError(f"{text!r:.140} names no variable.", "Write: --env VARIABLE=NAME#FIELD")
    source = FieldReference.parse(name)
    if not source.path:
        raise CommandError(f"{name!r} names no field.", f"Write: --env {variable}={name}#FIELD")
    return variable, source


def _variables(block: Block, source: FieldReference, prefix: str | None) -> dict[str, str]:
    from strongroom_blocks import Block as AnyBlock
    from strongroom_blocks.environment import variables_of
    from strongroom_blocks.field_reference import value_at

    if not source.path:
        follows_tools = type(block).environment is not AnyBlock.environment
        return block.environment() if follows_tools or prefix is None else variables_of(block, prefix)
    start = source.block.name if prefix is None else prefix
    variables = variables_of(
        value_at(block, source.path, str(source.block)), "_".join(filter(None, (start, *source.path)))
    )
    if not variables:
        raise CommandError(f"{source} has no value.", "Leave it out, or save one.")
    return variables


def _variable(variable: str, block: Block, source: FieldReference) -> dict[str, str]:
    from strongroom_blocks.environment import variables_of
    from strongroom_blocks.field_reference import value_at

    values = list(variables_of(value_at(block, source.path, str(source.block)), "_").values())
    if len(values) != 1:
        found = "has no value" if not values else "has several fields"
        raise CommandError(f"{source} {found}, and {variable} can hold one.", "Name a single field.")
    return {variable: values[0]}


def replace_process(command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Become ``command``, found where this process finds commands."""
    sys.stdout.flush()
    sys.stderr.flush()
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python; the command would inherit that
        signal.signal(ignored, signal.SIG_DFL)
    name = command[0]
    places = [name] if os.path.dirname(name) else [os.path.join(folder, name) for folder in os.get_exec_path()]
    refusal: OSError | None = None
    for place in places if name else ():
        try:
            os.execve(place, command, dict(environment))  # noqa: S606  the user's own command
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refusal = refusal or error
    if refusal is None:
        raise CommandError(f"There is no command {name!r}.", "Check its name and $PATH.", Exit.EXEC_NOT_FOUND)
    raise CommandError(f"The command {name!r} cannot be executed: {refusal.strerror}.", "", Exit.EXEC_NOT_EXECUTABLE)
