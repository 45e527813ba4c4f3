"""Runs the fences of a page of the documentation, top to bottom: ``python page.py PAGE``, in the folder to work in.

========================  ==========================================================================================
fence                     what is done with it
========================  ==========================================================================================
``python``                executed; all of a page share one namespace
``LANG title="NAME"``     written to the file NAME in the page's folder
``console``               each line behind ``$`` runs in a shell in the page's folder and has to succeed (with
                          ``# exit N`` behind it: to exit with N); the lines below are its output, ``…`` is anything
anything else             shown only
========================  ==========================================================================================

A page that speaks of ``LAKE_ENDPOINT`` finds an S3 server there, with a bucket ``lake``. One that speaks of
``awskms:``, ``aws-sm:`` or ``aws-ssm:`` finds an account of AWS, as ``account.py`` furnishes it. One that speaks of
``PGHOST`` finds an empty PostgreSQL database, and one that sets ``STRONGROOM_REGISTRY=postgresql…`` has its registry
there. Each finds a keyring.

``no-run`` behind the language leaves a fence out; the text has to say why it cannot run everywhere.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token


def fences(page: Path) -> Iterator[tuple[str, str, Token]]:
    """Each fence as its language, the rest of its info string and its token."""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence":
            language, _, rest = token.info.strip().partition(" ")
            yield language, rest, token


def matches(expected: str, actual: str) -> bool:
    """Whether ``actual`` fits ``expected``, where ``…`` stands for any text and white space is folded."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("…")]
    return re.fullmatch(r"\s?.*?\s?".join(parts), " ".join(actual.split())) is not None


def commands(content: str) -> Iterator[tuple[str, int, str]]:
    """The commands of a console fence: the command, its exit code, its expected output."""
    for block in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        command, _, output = block.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more.removeprefix("> ")
        code = re.search(r"  # exit (\d+)$", command)
        yield command, int(code[1]) if code else 0, output


def run_console(content: str, folder: Path) -> None:
    environment = os.environ | {"COLUMNS": "120", "PYTHONUNBUFFERED": "1"}
    for command, code, output in commands(content):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=150,
        )
        shown = done.stdout
        exited = done.returncode if done.returncode >= 0 else 128 - done.returncode
        assert exited == code, f"$ {command}\n{shown}"
        assert not output.strip() or matches(output, shown), f"$ {command}\nexpected:\n{output}\ngot:\n{shown}"


def run_page(page: Path, folder: Path) -> None:
    """Run every fence of ``page`` in ``folder``, the folder that this process works in."""
    namespace: dict[str, object] = {"__name__": "__page__"}
    for language, rest, token in fences(page):
        title = re.search(r'title="([^"]+)"', rest)
        if "no-run" in rest:
            continue
        if title:
            (folder / title[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / title[1]).write_text(token.content)
        elif language == "python":
            line = token.map[0] + 1 if token.map else 0
            exec(compile("\n" * line + token.content, str(page), "exec", dont_inherit=True), namespace)
        elif language == "console":
            run_console(token.content, folder)


if __name__ == "__main__":
    run_page(Path(sys.argv[1]), Path.cwd())
