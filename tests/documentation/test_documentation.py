"""Documentation runs: every fence of the README and of ``docs/`` is executed, page by page, top to bottom.

========================  ==========================================================================================
fence                     what is done with it
========================  ==========================================================================================
``python``                executed; all of a page share one namespace
``LANG title="NAME"``     written to the file NAME in the page's folder
``console``               each line behind ``$`` runs in a shell in the page's folder and has to succeed (with
                          ``# exit N`` behind it: to exit with N); the lines below are its output, ``…`` is anything
anything else             shown only
========================  ==========================================================================================

A page that speaks of ``LAKE_ENDPOINT`` finds an S3 server there, with a bucket ``lake``.

``no-run`` behind the language leaves a fence out; the text has to say why it cannot run everywhere.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


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
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "120", "PYTHONUNBUFFERED": "1"}
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


@pytest.fixture
def lake(request: pytest.FixtureRequest, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a page that asks for it: an S3 server."""
    if "LAKE_ENDPOINT" in page.read_text():
        server = request.getfixturevalue("rclone")
        server.client().create_bucket(Bucket="lake")
        monkeypatch.setenv("LAKE_ENDPOINT", server.endpoint_url)
        monkeypatch.setenv("LAKE_KEY_ID", server.access_key)
        monkeypatch.setenv("LAKE_KEY", server.secret_key)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("lake")
def test_every_fence_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
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
            exec(compile("\n" * line + token.content, str(page), "exec"), namespace)
        elif language == "console":
            run_console(token.content, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    kept = {"LICENSE", "CHANGELOG.md", "benchmarks"}
    assert not [target for target in broken if Path(target).name not in kept]


def test_the_matcher_can_say_no() -> None:
    assert matches("a …\nb", "a 1 2 3\nb\n")
    assert not matches("a …\nb", "a 1 2 3\nc\n")
    assert not matches("a", "b")
