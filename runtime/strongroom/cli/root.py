"""The command ``strongroom``: what there is, found without loading it, and how every command ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from strongroom import __version__
from strongroom.cli.outcome import Exit, exit_code, silence_broken_pipe, tell
from strongroom.cli.output import colour
from strongroom.cli.teaching import Entry, LazyGroup

START, BLOCKS, FLOWS, REGISTRY, TEAM = "Start here", "Blocks", "Flows", "Registry", "For a team"

ENTRIES = {
    "demo": Entry("strongroom_demo.command", "demo", START, "See it all at work in a minute, with nothing to set up."),
    "init": Entry("strongroom.cli.init", "init", START, "Create the registry and its key, and say what to back up."),
    "block": Entry("strongroom.cli.block", "block", BLOCKS, "Create, show, compare, label and delete blocks."),
    "labels": Entry("strongroom.cli.block_reading", "labels", BLOCKS, "List the labels of all blocks, or of one."),
    "collection": Entry(
        "strongroom.cli.collection", "collection", BLOCKS, "See which blocks and tasks packages bring along."
    ),
    "exec": Entry("strongroom.cli.exec", "exec_", BLOCKS, "Run a command with blocks in its environment."),
    "render": Entry("strongroom.cli.render", "render", BLOCKS, "Write a file from a template that takes from blocks."),
    "scan": Entry("strongroom.cli.scan", "scan", BLOCKS, "Find values of stored secrets in files and git history."),
    "typegen": Entry("strongroom.cli.typegen", "typegen", BLOCKS, "Tell mypy and pyright which blocks there are."),
    "apply": Entry("strongroom.cli.apply", "apply", BLOCKS, "Have the registry be as files under version control say."),
    "import": Entry("strongroom.cli.import_", "import_", BLOCKS, "Take over what Airflow, Prefect and others keep."),
    "export": Entry("strongroom.cli.export", "export", BLOCKS, "Write blocks to a new file, sealed to a key or more."),
    "run": Entry("strongroom.cli.run", "run", FLOWS, "Run a flow."),
    "runs": Entry("strongroom.cli.runs", "runs", FLOWS, "See, follow, resume, replay, end and remove runs."),
    "deploy": Entry("strongroom.cli.deploy", "deploy", FLOWS, "Have a flow run by itself, carried out by workers."),
    "deployment": Entry(
        "strongroom.cli.deployment", "deployment", FLOWS, "See flows that run by themselves, run and pause them."
    ),
    "pool": Entry("strongroom.cli.pool", "pool", FLOWS, "Make work pools, limit them, see their workers."),
    "worker": Entry("strongroom.cli.worker", "worker", FLOWS, "Carry out the runs of a work pool."),
    "task": Entry("strongroom.cli.task", "task", FLOWS, "Carry out calls that task.delay sends."),
    "artifact": Entry("strongroom.cli.artifact", "artifact", FLOWS, "Read the tables, reports and links of runs."),
    "variable": Entry("strongroom.cli.variable", "variable", FLOWS, "Set and read values that flows share."),
    "event": Entry("strongroom.cli.event", "event", FLOWS, "Read what flows told, and which assets they made."),
    "concurrency": Entry("strongroom.cli.concurrency", "concurrency", FLOWS, "Limit how much happens at once."),
    "keys": Entry("strongroom.cli.keys", "keys", REGISTRY, "See who can open the registry, and give it new keys."),
    "audit": Entry("strongroom.cli.audit", "audit", REGISTRY, "Read the audit trail and prove it whole."),
    "verify": Entry("strongroom.cli.verify", "verify", REGISTRY, "Open every version there is and name what is wrong."),
    "workspace": Entry("strongroom.cli.workspace", "workspace", REGISTRY, "Keep the blocks of teams or stages apart."),
    "backup": Entry("strongroom.cli.backup", "backup", REGISTRY, "Back up the whole registry, and prove backups."),
    "restore": Entry("strongroom.cli.restore", "restore", REGISTRY, "Make an empty place what a backup holds."),
    "anchor": Entry("strongroom.cli.anchor", "anchor", REGISTRY, "Find a registry that was put back to an older copy."),
    "login": Entry("strongroom_service.cli.login", "login", TEAM, "Be known to the server that keeps the registry."),
    "logout": Entry("strongroom_service.cli.login", "logout", TEAM, "Be known to it no more."),
    "identity": Entry("strongroom_service.cli.identity", "identity", TEAM, "Say who is known, and how they log in."),
    "token": Entry("strongroom_service.cli.token", "token", TEAM, "Make, see, renew and revoke tokens."),
    "policy": Entry("strongroom_service.cli.policy", "policy", TEAM, "Say who may do what, and ask why."),
    "approval": Entry(
        "strongroom_service.cli.approval", "approval", TEAM, "See what waits for a second person; approve or refuse it."
    ),
    "wrap": Entry("strongroom_service.cli.wrap", "wrap", TEAM, "Hand a value over by a token that opens it once."),
    "unwrap": Entry("strongroom_service.cli.wrap", "unwrap", TEAM, "Open what somebody wrapped."),
    "lease": Entry("strongroom_service.cli.lease", "lease", TEAM, "Have short-lived credentials made on demand."),
    "server": Entry("strongroom_service.cli.server", "server", TEAM, "Serve the registry to a team, over HTTP."),
    "seal": Entry("strongroom_service.cli.seal", "seal", TEAM, "Open a server whose key comes from shares."),
}
ALIASES = {
    "blocks": "block",
    "collections": "collection",
    "label": "labels",
    "deployments": "deployment",
    "flow-run": "runs",
    "flow-runs": "runs",
    "artifacts": "artifact",
    "variables": "variable",
    "events": "event",
    "work-pool": "pool",
    "work-pools": "pool",
    "gcl": "concurrency",
    "global-concurrency-limit": "concurrency",
    "audits": "audit",
    "anchors": "anchor",
    "workspaces": "workspace",
    "policies": "policy",
    "approvals": "approval",
    "key": "keys",
    "identities": "identity",
    "tokens": "token",
}


def _prepare() -> None:
    """What the terminal cannot show, or is no text at all, is escaped, no error; a user's own block types are found
    in the folder where the command is called, as the modules of a program are."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if os.environ.get("STRONGROOM_BLOCK_MODULES") and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


class _ReaderGone(Exception):
    """Whoever read standard output went away; no OSError, which click would end the process for in its own way."""


@contextmanager
def _noticing_readers() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        raise _ReaderGone from None


class Root(LazyGroup):
    """The group that turns every error into one sentence and an exit code."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        extra.pop("standalone_mode", None)
        _prepare()
        given = list(sys.argv[1:] if args is None else args)
        try:
            extra.setdefault("color", colour())
            code = super().main(args=given, prog_name=prog_name or "strongroom", standalone_mode=False, **extra)
            with _noticing_readers():
                sys.stdout.flush()
        except BaseException as error:
            code = _end(error, given)
        sys.exit(code if isinstance(code, int) else Exit.DONE)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _noticing_readers():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _noticing_readers():
            return super().invoke(ctx)


def _end(error: BaseException, args: list[str]) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    if isinstance(error, GeneratorExit):
        raise error
    if isinstance(error, _ReaderGone):
        silence_broken_pipe()
        return Exit.BROKEN_PIPE
    own, _, _ = "\0".join(args).partition("\0--\0")
    tell(error, debug="--debug" in own.split("\0"))
    return exit_code(error)


@click.command(
    "strongroom",
    cls=Root,
    entries=ENTRIES,
    aliases=ALIASES,
    examples="""
        strongroom demo                             # blocks, a flow and dbt at work
        strongroom init                             # your own registry
        strongroom block new secret api-token       # asks, and hides what is secret
        strongroom run flow.py:nightly -p day=2026-01-01
        strongroom exec api-token -- ./deploy.sh    # fields as environment variables

        # complete commands and names in bash; zsh_source and fish_source exist too
        eval "$(_STRONGROOM_COMPLETE=bash_source strongroom)"
    """,
)
@click.version_option(__version__, message="strongroom %(version)s")
def main() -> None:
    """Credentials and connections as typed, encrypted, versioned blocks, and the flows that load them by name.

    Data lies in $STRONGROOM_HOME (default ~/.strongroom), the key elsewhere. Every listing takes --json.
    """
