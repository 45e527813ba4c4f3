"""``strongroom exec``: run a command with the fields of blocks in its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import NoReturn

import click

from strongroom.cli.completion import block_names
from strongroom.cli.outcome import CommandError, Exit, tell
from strongroom.cli.teaching import Teaching


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
        strongroom exec prod-aws -- sh -c 'env | sort'    # shows which there are
    """,
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=block_names)
@click.pass_context
def exec_(context: click.Context, names: tuple[str, ...]) -> NoReturn:
    """Run a command with blocks in its environment.

    Each field is a variable, NAME_FIELD in upper case, unless the block's type follows its tools, as with AWS_PROFILE.
    The command replaces this process. Exit codes: the command's own; 125 where Strongroom failed before it ran, 126
    where it cannot be executed, 127 where there is no such command.
    """
    command: list[str] = context.meta["strongroom.command"]
    if not command:
        raise CommandError("No command is given.", "Write: strongroom exec prod-crm -- env", Exit.EXEC_FAILED)
    try:
        environment = gather(names)
    except (Exception, KeyboardInterrupt) as error:
        tell(error, debug=bool(context.find_root().meta.get("strongroom.debug")))
        raise SystemExit(Exit.EXEC_FAILED) from None
    replace_process(command, {**os.environ, **environment})


def gather(names: Iterable[str]) -> dict[str, str]:
    """The variables of all blocks together; two blocks that differ about one are refused, both named."""
    from strongroom_blocks import Block

    from strongroom.cli.session import opened_registry

    environment: dict[str, str] = {}
    owners: dict[str, str] = {}
    with opened_registry():  # closed before this process is replaced, since that writes the audit's last entries
        for name in dict.fromkeys(names):
            for variable, value in Block.load(name).environment().items():
                if variable in owners:
                    raise CommandError(
                        f"The blocks {owners[variable]!r} and {name!r} both set {variable}.",
                        "Run the command with one of them.",
                        Exit.EXEC_FAILED,
                    )
                if "\0" in value:
                    raise CommandError(
                        f"The field of {name!r} for {variable} holds a NUL byte, which no variable can.",
                        "Store it in another form, such as base64.",
                        Exit.EXEC_FAILED,
                    )
                owners[variable], environment[variable] = name, value
    return environment


def replace_process(command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Become ``command``."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], command, dict(environment))  # noqa: S606  the user's own command
    except FileNotFoundError:
        raise CommandError(
            f"There is no command {command[0]!r}.", "Check its name and $PATH.", Exit.EXEC_NOT_FOUND
        ) from None
    except OSError as error:
        raise CommandError(
            f"The command {command[0]!r} cannot be executed: {error.strerror}.", "", Exit.EXEC_NOT_EXECUTABLE
        ) from None
