"""The fields of a block, gathered from arguments, files, the environment, and the person at the terminal.

A secret comes in by every one of these ways and is shown by none. One given as an argument draws a warning, since
arguments stand in the shell's history and in the list of processes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.field_prompts import prompt_for
from strongroom.cli.field_types import annotation_at, block_class, is_secret, takes_text
from strongroom.cli.given_text import read_stdin, read_text
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.teaching import no_such

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from strongroom_blocks import Block
    from strongroom_blocks.errors import BlockValidationError

_ATTEMPTS = 3
_SOURCE = ":source"


class Values:
    """The values of a block to be; what is taken later wins.

    :param start: the type of the block, or the block whose values hold where none is given.
    """

    def __init__(self, start: Block | type[Block]) -> None:
        self.cls: type[Block] = start if isinstance(start, type) else type(start)
        self.fields: dict[str, FieldInfo] = self.cls.model_fields
        self.former: dict[str, Any] = {} if isinstance(start, type) else _parts(start)
        self.given: dict[str, Any] = {}
        self._stdin_used = False

    def from_environment(self, prefix: str, environment: Mapping[str, str] = os.environ) -> None:
        """Take ``PREFIX_FIELD`` for every field that has such a variable."""
        names = {name: f"{prefix.rstrip('_')}_{name}".upper().lstrip("_") for name in self.fields}
        found = {name: environment[variable] for name, variable in names.items() if variable in environment}
        if not found:
            raise CommandError("No field has a variable that is set.", f"Set {', '.join(names.values())}.", Exit.USAGE)
        for name, text in found.items():
            self.given[name] = self._convert(self.fields[name].annotation, text)

    def from_file(self, path: str) -> None:
        """Take all fields of a JSON or TOML file; ``-`` is JSON on standard input."""
        from strongroom_blocks.nesting import resolve

        content = _parsed(self._read(path), path)
        if not isinstance(content, dict):
            raise CommandError(f"{path} holds no fields.", 'Write an object: {"field": "value"}', Exit.USAGE)
        if unknown := [name for name in content if name not in self.fields]:
            raise CommandError(*_of_unknown_keys(path, unknown, self.cls), Exit.USAGE)
        self.given |= resolve(content)

    def from_argument(self, text: str) -> None:
        """Take ``field=value``, ``field=@file``, ``field=-`` (stdin), ``field:=json`` or ``field:source=env:NAME``,
        which points at a secret; ``a.b=…`` goes deeper.
        """
        path, equals, value = text.partition("=")
        keys = path.removesuffix(":").removesuffix(_SOURCE).split(".")
        if not equals or not all(keys):
            raise CommandError("A --set without a field or a value.", "Write --set field=value", Exit.USAGE)
        self._check(keys[0])
        annotation = self.fields[keys[0]].annotation
        if path.endswith(_SOURCE):
            self._put(keys, _reference(value))
            return
        if value == "-" or value.startswith("@"):
            value = self._read(value.removeprefix("@")).removesuffix("\n")
        elif is_secret(annotation, keys[1:]):
            _warn_of_argument(".".join(keys))
        if path.endswith(":"):
            self._put(keys, _json(value, ".".join(keys)))
        else:
            self._put(keys, self._convert(annotation_at(annotation, keys[1:]), value))

    def build(self, *, ask: bool) -> Block:
        """The block. With ``ask``, each field is asked for where none is given, else what is required and missing; and
        again what does not fit.
        """
        from strongroom_blocks.errors import BlockValidationError

        if ask and not self.given:
            self._ask(list(self.fields))
        elif ask:
            here = {*self.given, *self.former}
            self._ask([name for name, field in self.fields.items() if field.is_required() and name not in here])
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self.cls(**{**self.former, **self.given})
            except BlockValidationError as error:
                wrong = self._fields_of(error)
                if not ask or not wrong or attempt == _ATTEMPTS:
                    raise self._refusal(error) from None
                click.secho(error.problem, fg="yellow", err=True)
                self._ask(wrong)
        raise AssertionError("unreachable")

    def _fields_of(self, error: BlockValidationError) -> list[str]:
        named = {problem.field.partition(".")[0] for problem in error.problems}
        return [name for name in self.fields if name in named]

    def _refusal(self, error: BlockValidationError) -> CommandError:
        missing = [problem.field for problem in error.problems if problem.kind == "missing"]
        known = [name for name in missing if name in self.fields]
        hints = [f"--set {name}={'-' if is_secret(self.fields[name].annotation) else '…'}" for name in known]
        return CommandError(error.problem, f"Give {' '.join(hints)}" if hints else error.remedy, Exit.USAGE)

    def _check(self, name: str) -> None:
        if name not in self.fields:
            slug = self.cls.__block__.slug
            unknown = no_such(f"field of {slug} called", name, list(self.fields), f"strongroom block types {slug}")
            raise CommandError(unknown, code=Exit.USAGE)

    def _put(self, keys: Sequence[str], value: Any) -> None:
        target, former = self.given, self.former
        for key in keys[:-1]:
            former = _parts(former.get(key), key)
            target = target.setdefault(key, former)
            if not isinstance(target, dict):
                raise CommandError(f"{'.'.join(keys)} lies inside another value.", "Set one of the two.", Exit.USAGE)
        target[keys[-1]] = value

    def _read(self, path: str) -> str:
        if path != "-":
            return read_text(Path(path))
        if self._stdin_used:
            raise CommandError("Standard input can be read once.", "Use @file for the others.", Exit.USAGE)
        self._stdin_used = True
        return read_stdin()

    def _convert(self, annotation: Any, text: str) -> Any:
        """A text as what the type makes of it: texts stay texts, a block is its name, all else is JSON if it can be."""
        block = block_class(annotation)
        if block is not None and not text.lstrip().startswith("{"):
            return block.load(text)
        if takes_text(annotation):
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    def _ask(self, names: Sequence[str]) -> None:
        for name in names:
            answer = prompt_for(name, self.fields[name], kept=name in self.former)
            if answer is None:
                self.given.pop(name, None)
            else:
                self.given[name] = (
                    answer if isinstance(answer, dict) else self._convert(self.fields[name].annotation, answer)
                )


def _reference(text: str) -> Any:
    from strongroom_blocks import secret_from

    return secret_from(text)


def _parts(value: Any, path: str = "") -> dict[str, Any]:
    """What a value consists of, so that one part of it can be changed: fields of a model, entries of a mapping."""
    from strongroom_blocks.secrets import SecretDict, held

    if isinstance(value, SecretDict):
        entries = held(value)
        if entries is value:
            raise CommandError(f"{path} is fetched whole from {value!r}.", "Set all of it, or none.", Exit.USAGE)
        return dict(entries)
    if isinstance(value, Mapping):
        return dict(value)
    return {name: getattr(value, name) for name in getattr(type(value), "model_fields", ())}


def _of_unknown_keys(path: str, keys: Sequence[str], cls: type[Block]) -> tuple[str, str]:
    """The problem and remedy for keys of a file that are no fields. A slip may make a secret a key: none is quoted."""
    near = [found for key in keys for found in get_close_matches(key, cls.model_fields, n=1)]
    what = f"{len(keys)} names that are no field" if len(keys) > 1 else "a name that is no field"
    hint = (
        f"Did you mean {', '.join(dict.fromkeys(near))}?" if near else f"The fields are {', '.join(cls.model_fields)}."
    )
    return f"{path} has {what} of {cls.__block__.slug}.", hint


def at_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


def _parsed(text: str, path: str) -> Any:
    """The content of a file. Its parser's own error is not told, since it may quote a secret."""
    is_toml = path.endswith(".toml")
    try:
        if is_toml:
            import tomllib

            return tomllib.loads(text)
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
    raise CommandError(f"{path} is not valid {'TOML' if is_toml else 'JSON'}{where}.", "Correct it.", Exit.USAGE)


def _json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    raise CommandError(f"The value of {path} is not valid JSON.", "For a plain text write = instead of :=", Exit.USAGE)


def _warn_of_argument(path: str) -> None:
    click.echo(
        f"{click.style('Warning:', fg='yellow', bold=True)} the secret {path} stood on the command line, where the "
        "shell's history and other users' process lists show it. "
        f"Next time: --set {path}=- (standard input) or --set {path}=@file",
        err=True,
    )
