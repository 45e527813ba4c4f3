"""Commands whose help pages teach by example.

Modules of the command line import click alone when they are loaded, so that a help page and a completion stay quick:
what a command needs is imported where it runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from inspect import cleandoc
from typing import Any, NamedTuple

import click

HELP = {"help_option_names": ["-h", "--help"]}


def _note_debug(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().meta["strongroom.debug"] = True


def debug_option() -> click.Option:
    """``--debug``, understood before and after the name of any command."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_note_debug,
        help="Show the traceback of an error; secrets are starred.",
    )


class Teaching(click.Command):
    """A command with a section of examples at the end of its help."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {}).update(HELP)
        super().__init__(*args, **kwargs)
        self.examples = cleandoc(examples)
        self.params.append(debug_option())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}".rstrip() + "\n")
        super().format_epilog(ctx, formatter)


class TeachingGroup(Teaching, click.Group):
    """A group of such commands. ``aliases`` are other words for a sub-command: ``{"list": "ls"}``."""

    command_class = Teaching

    def __init__(self, *args: Any, aliases: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.aliases = aliases or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; a name that is unknown is told in words of Strongroom's own, in each group alike."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            known = [*self.list_commands(ctx), *self.aliases]
            ctx.fail(no_such("command", args[0], known, f"{ctx.command_path} --help"))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The whole first sentence of each, over as many lines as it takes; click would cut it."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.get_short_help_str(500)) for name, found in commands if found])


class Entry(NamedTuple):
    """Where a sub-command is found, and what the help says of it without loading it."""

    module: str
    attribute: str
    section: str
    help: str


class LazyGroup(TeachingGroup):
    """A group that imports a sub-command when it is called, and none for its own help."""

    def __init__(self, *args: Any, entries: dict[str, Entry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(self.aliases.get(cmd_name, cmd_name))
        if entry is None:
            return None
        command: click.Command = getattr(import_module(entry.module), entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections = dict.fromkeys(entry.section for entry in self.entries.values())
        width = max(map(len, self.entries))
        for section in sections:
            with formatter.section(section):
                rows = [(f"{name:{width}}", e.help) for name, e in self.entries.items() if e.section == section]
                formatter.write_dl(rows)


def no_such(what: str, name: str, known: list[str], listing: str) -> str:
    """The sentence for a name that is unknown: the nearest ones, and where all of them are listed."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"See '{listing}'."
    return f"There is no {what} {name!r:.80}. {hint}"


def command(name: str, *, examples: str, **kwargs: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """``@command("ls", examples=…)``: a command that stands alone."""
    return functools.partial(click.command, cls=Teaching)(name, examples=examples, **kwargs)


def group(name: str, *, examples: str, **kwargs: Any) -> Callable[[Callable[..., Any]], TeachingGroup]:
    """``@group("block", examples=…)``; its ``.command(…)`` takes ``examples`` too."""
    return click.group(name, cls=TeachingGroup, examples=examples, **kwargs)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
