"""How a command ends: its exit code, and the one sentence that an error is told in."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import Any

import click


class Exit(IntEnum):
    """The exit codes, as ``docs/reference/command-line.md`` lists them."""

    DONE = 0
    FAILED = 1  # a flow that failed, or an error without a code of its own
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    KEY = 5
    INTEGRITY = 6
    STORE = 7
    DEFECT = 70
    EXEC_FAILED = 125
    EXEC_NOT_EXECUTABLE = 126
    EXEC_NOT_FOUND = 127
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CommandError(click.ClickException):
    """An error that the command line itself finds: what is wrong, then the remedy."""

    def __init__(self, problem: str, remedy: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.code = code


def exit_code(error: BaseException) -> Exit:
    """The code for an error."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, click.ClickException):
        return Exit(error.exit_code)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return Exit.INTERRUPTED
    if _is_ours(error):
        return _code_of_ours(error)
    return Exit.FAILED if isinstance(error, OSError) else Exit.DEFECT


def sentence(error: BaseException) -> str:
    """What is told of an error: one sentence and a remedy, no traceback, no secret."""
    if isinstance(error, click.ClickException):
        return redacted(error.format_message())
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "Interrupted."
    if _is_ours(error):
        return redacted(str(error))
    if isinstance(error, OSError):
        where = f" {error.filename!r}" if error.filename else ""
        return redacted(f"The system refused{where}: {error.strerror or error}.")
    if type(error).__module__.startswith("pydantic"):
        return redacted(_of_validation(error))
    return redacted(f"Strongroom failed in a way that it does not know: {type(error).__name__}: {error}")


def tell(error: BaseException, *, debug: bool) -> None:
    """Tell an error on standard error; a command group that was called alone shows its help there."""
    from strongroom.cli.output import colour, printable

    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    if isinstance(error, click.UsageError) and error.ctx:
        click.echo(f"Try '{error.ctx.command_path} --help' for help.", err=True)
    if debug:
        import traceback

        click.echo(redacted("".join(traceback.format_exception(error))), err=True, nl=False)
    hint = " Run it again with --debug to see where." if exit_code(error) is Exit.DEFECT and not debug else ""
    click.echo(
        f"{click.style('Error:', fg='red', bold=True)} {printable(sentence(error))}{hint}", err=True, color=colour()
    )


def silence_broken_pipe() -> None:
    """Let the interpreter end without a complaint about a reader that went away."""
    with open(os.devnull, "w") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            try:
                os.dup2(nowhere.fileno(), stream.fileno())
            except (OSError, ValueError):
                continue


def redacted(text: str) -> str:
    """``text`` without any secret that this process has seen; where none was, nothing is imported for it."""
    redaction = sys.modules.get("strongroom_blocks.redaction")
    if redaction is None:
        return text
    try:
        return str(redaction.redactor.redact(text))
    except Exception:
        return "An error whose text could not be searched for secrets, and is not shown for that."


def _is_ours(error: BaseException) -> bool:
    errors = sys.modules.get("strongroom_registry.errors")
    return errors is not None and isinstance(error, errors.StrongroomError)


def _code_of_ours(error: BaseException) -> Exit:
    from strongroom_registry import errors

    if isinstance(error, errors.KeyProblem):
        return Exit.KEY
    if isinstance(error, errors.IntegrityError):
        return Exit.INTEGRITY
    if isinstance(error, errors.StoreProblem):
        return Exit.STORE
    if isinstance(error, errors.InvalidReference | TypeError):  # TypeError: parameters that a flow does not take
        return Exit.USAGE
    if isinstance(error, LookupError):
        return Exit.NOT_FOUND
    if isinstance(error, errors.RegistryRefusal):
        return Exit.REFUSED
    return Exit.FAILED


def _of_validation(error: BaseException) -> str:
    """A pydantic error without its inputs, which may be secret."""
    try:
        details = error.errors(include_url=False, include_input=False, include_context=False)  # type: ignore[attr-defined]
    except Exception:
        return f"A value does not fit ({type(error).__name__})."
    causes = [item for item in details if not _is_consequence(item, details)]
    lines = [f"{'.'.join(map(str, item['loc'])) or 'value'}: {item['msg']}" for item in causes]
    return f"Not valid: {'; '.join(lines)}."


def _is_consequence(item: dict[str, Any], others: list[dict[str, Any]]) -> bool:
    """Whether something is too short for no other reason than that what is in it was refused."""
    place = item["loc"]
    return item["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in others
    )
