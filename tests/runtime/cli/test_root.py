"""What every command has in common: help that teaches, errors in one sentence, exit codes, plain pipes."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner
from strongroom.cli import main, root
from strongroom.cli.teaching import LazyGroup, Teaching


def pages(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=" ".join(path))
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from pages(found, (*path, name))


PAGES = list(pages())
IDS = [" ".join(path) or "strongroom" for path, _ in PAGES]


def page_of(path: tuple[str, ...]) -> str:
    return CliRunner().invoke(main, [*path, "--help"], terminal_width=80).stdout


def test_the_help_names_every_command(strongroom):
    shown = strongroom("--help").stdout
    for name in ("demo", "init", "run", "runs", "block", "labels", "audit", "verify", "exec"):
        assert f"\n  {name} " in shown
    assert strongroom("-h").stdout == shown


def test_no_command_without_arguments_shows_the_help_as_a_usage_error(strongroom):
    shown = strongroom(code=2)
    assert (shown.stdout, shown.stderr) == ("", strongroom("--help").stdout)


@pytest.mark.parametrize(("path", "command"), PAGES, ids=IDS)
def test_every_page_teaches_by_example(path, command):
    page = page_of(path)
    assert isinstance(command, Teaching)
    assert "\nExamples:\n" in page
    assert f"strongroom {' '.join(path)}".strip() in command.examples or path == ("block", "labels")
    assert command.get_short_help_str(200)


@pytest.mark.parametrize("path", [path for path, _ in PAGES], ids=IDS)
def test_every_page_fits_a_terminal_of_80_columns(path):
    assert not [line for line in page_of(path).splitlines() if len(line) > 80]


def example_lines() -> list[str]:
    lines = []
    for _, command in PAGES:
        assert isinstance(command, Teaching)
        lines += command.examples.replace("\\\n", " ").splitlines()
    return sorted({line.strip() for line in lines if "strongroom " in line and not line.strip().startswith("#")})


@pytest.mark.parametrize("line", example_lines())
def test_every_example_parses(line):
    command_line = line[re.search(r"(?<!/)\bstrongroom ", line).start() :] if "eval" not in line else "strongroom -h"
    lexer = shlex.shlex(command_line, posix=True, punctuation_chars="|&;<>")
    lexer.commenters, lexer.whitespace_split = "#", True
    words = list(lexer)
    ends = [i for i, word in enumerate(words) if word in ("|", "||", "&&", ";", ">", "<")]
    words = words[1 : ends[0] if ends else None]
    command: click.Command = main
    context = click.Context(main, info_name="strongroom")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
    if not isinstance(command, click.Group):
        command.make_context(command.name, words, parent=context)


def test_the_short_help_of_the_front_page_is_that_of_the_commands():
    for name, entry in root.ENTRIES.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert command.get_short_help_str(200).rstrip(".") == entry.help.rstrip("."), name


def test_aliases_lead_to_commands():
    for path, command in PAGES:
        if isinstance(command, LazyGroup) or hasattr(command, "aliases"):
            for alias, target in command.aliases.items():
                context = click.Context(command)
                assert command.get_command(context, alias) is command.get_command(context, target), (path, alias)


def test_singular_and_plural_are_the_same(strongroom):
    assert (
        strongroom("blocks", "types").stdout
        == strongroom("block", "types").stdout
        == strongroom("block", "type").stdout
    )


def test_the_version_is_told(strongroom):
    from strongroom import __version__

    assert strongroom("--version").stdout.strip() == f"strongroom {__version__}"


@pytest.mark.parametrize("args", [["--help"], ["block", "--help"], ["runs", "show", "--help"], ["nonsense"]])
def test_help_and_usage_errors_load_next_to_nothing(args):
    call = (
        "from strongroom.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: print(json.dumps([*sys.modules]))"
    )
    code = f"import sys, json\n{call}"
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {
        "pydantic",
        "rich",
        "cryptography",
        "sqlite3",
        "strongroom_blocks",
        "strongroom_registry",
        "asyncio",
    }


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["blok", "ls"], "Did you mean block"),
        (["zzzz"], "See 'strongroom --help'"),
        (["block", "sho", "x"], "There is no command 'sho'. Did you mean show"),
        (["block", "zzzz"], "There is no command 'zzzz'. See 'strongroom block --help'."),
        (["policy", "whi"], "There is no command 'whi'. Did you mean why"),
        (["block", "ls", "--jsn"], "--json"),
        (["runs", "show"], "ID"),
        (["runs", "ls", "--limit", "0"], "limit"),
        (["runs", "ls", "--state", "tired"], "completed"),
    ],
)
def test_a_usage_error_says_what_was_meant(strongroom, args, told):
    result = strongroom(*args, code=2)
    assert told in result.stderr
    assert not result.stdout


@pytest.fixture
def broken(monkeypatch):
    """A command that raises what it is told to."""

    def install(error: BaseException) -> None:
        @click.command("broken", cls=Teaching, examples="strongroom broken")
        def command() -> None:
            raise error

        monkeypatch.setattr("strongroom.cli.verify.verify", command)

    return install


def test_what_we_did_not_foresee_is_one_sentence(strongroom, broken):
    broken(RuntimeError("a cog\x1b[31m broke"))
    result = strongroom("verify", code=70)
    assert "a cog\\x1b[31m broke" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("args", [["--debug", "verify"], ["verify", "--debug"]])
def test_debug_shows_the_traceback_and_no_secret(strongroom, broken, canary, args):
    from strongroom_blocks.redaction import redactor

    secret = canary()
    redactor.register(secret)
    broken(RuntimeError(f"the key {secret} broke"))
    result = strongroom(*args, code=70)
    assert "Traceback" in result.stderr
    assert "the key" in result.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_ends_quietly(strongroom, broken, error):
    broken(error)
    assert strongroom("verify", code=130).stderr.strip() == "Error: Interrupted."


def test_a_file_that_is_not_there_is_named(strongroom, broken):
    broken(FileNotFoundError(2, "No such file or directory", "/nowhere/at/all"))
    assert "'/nowhere/at/all': No such file or directory" in strongroom("verify", code=1).stderr


def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "strongroom", "block", "types"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_terminal_that_knows_ascii_alone_is_no_reason_to_fail(process, strongroom, crm):
    strongroom("block", "set", "prod-crm", "--set", "page_size=1", "-m", "für später")
    assert "für später" in process("block", "history", "prod-crm", env={"PYTHONIOENCODING": "ascii"}).stdout


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
@pytest.mark.parametrize("args", [["block", "ls"], ["block", "show", "prod-crm"], ["block", "show", "nothing"]])
def test_colours_are_for_terminals_that_want_them(crm, env, coloured, args):
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", **env}
    subprocess.run(
        [sys.executable, "-m", "strongroom", *args], stdout=child, stderr=child, env=environment, check=False
    )
    os.close(child)
    shown = os.read(parent, 65536)
    os.close(parent)
    assert b"prod-crm" in shown or b"nothing" in shown
    assert (b"\x1b[" in shown) is coloured


def test_an_argument_that_is_no_text_is_told():
    command = [sys.executable, "-m", "strongroom", "block", "show", b"\xff\xfe"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 7)
    assert done.stderr.startswith("Error: ")


def test_types_are_found_in_modules_beside_the_command(tmp_path):
    (tmp_path / "own_types.py").write_text("from strongroom import Block\nclass Mine(Block):\n    word: str\n")
    env = {
        **os.environ,
        "STRONGROOM_BLOCK_MODULES": "own_types",
        "PATH": f"{os.path.dirname(sys.executable)}:/bin:/usr/bin",
    }
    command = ["strongroom", "block", "new", "mine", "a", "--set", "word=hello"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env)
    assert done.stdout == "Saved a, version 1 (mine).\n", done.stderr


def test_completion_knows_commands_types_and_names(process, strongroom, crm):
    def offered(words: str, index: int) -> str:
        env = {"_STRONGROOM_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
        done = subprocess.run(["strongroom"], env={**os.environ, **env}, capture_output=True, text=True, check=False)
        return done.stdout

    assert "block" in offered("strongroom bl", 1)
    assert "duckdb" in offered("strongroom block new duc", 3)
    assert "prod-crm" in offered("strongroom block show pro", 3)


def test_completion_never_creates_a_registry(process, strongroom_home):
    env = {"_STRONGROOM_COMPLETE": "bash_complete", "COMP_WORDS": "strongroom block show x", "COMP_CWORD": "3"}
    subprocess.run(["strongroom"], env={**os.environ, **env}, capture_output=True, check=False)
    assert not strongroom_home.exists()


def test_completion_asks_no_keyring_for_the_key(strongroom, crm, os_keyring, monkeypatch, tmp_path):
    import keyring
    from strongroom.cli.completion import block_names

    [key] = (tmp_path / "config").glob("strongroom/keys/*.key")
    keyring.set_password("strongroom", "main", key.read_text())
    os_keyring.questions = 0
    assert block_names(None, None, "prod") == ["prod-crm"]
    monkeypatch.setenv("STRONGROOM_KEY", "keyring:strongroom/main")
    assert block_names(None, None, "prod") == []
    assert os_keyring.questions == 0
    assert "prod-crm" in strongroom("block", "ls").stdout
    assert os_keyring.questions == 1
