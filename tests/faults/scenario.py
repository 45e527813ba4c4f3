"""What a day with Strongroom comes to, in a process that is given secrets on stdin. Nothing of it may show one.

Run by :mod:`faults.planted`, with a home, a temporary folder and a registry of its own.
"""

from __future__ import annotations

import base64
import json
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from click.testing import CliRunner
from pydantic import BaseModel, SecretStr
from strongroom import Block, Secret, SecretDict, flow, get_run_logger, task
from strongroom.cache_policies import INPUTS
from strongroom.cli import main as command_line
from strongroom_registry import current, open_registry
from strongroom_registry.errors import StrongroomError

from faults.scenario_runs import runs

LONG = 2_000
"""Longer secrets take long to look for, and go through less."""


class Login(BaseModel):
    user: str
    password: SecretStr


class Service(Block, slug="evidence-service"):
    """Where something answers, and several ways to log in."""

    url: str
    token: SecretStr
    login: Login
    headers: SecretDict


def name_of(number: int) -> str:
    return f"lake-{number}"


def service(secret: str) -> Service:
    return Service(
        url="https://service.example.com",
        token=SecretStr(secret),
        login=Login(user="ada", password=SecretStr(secret)),
        headers=SecretDict({"Authorization": secret}),
    )


def saved(secrets: Sequence[str]) -> None:
    """Several of each; what is in clear, the message and a public field, repeats the secret, and is masked."""
    for number, secret in enumerate(secrets):
        service(secret).save(name_of(number), message="first")
        service(secret).save(name_of(number), message=f"now with {secret}"[:4_000], overwrite=True)
        in_public = service(secret)
        in_public.url = f"https://service.example.com/{secret}"
        in_public.save(f"public-{number}", message="its address repeats its token")
        Secret(value=SecretStr(secret)).save(f"secret-{number}")


@task(log_prints=True, persist_result=True)
def use(block: Service) -> str:
    token = block.token.get_secret_value()
    get_run_logger().info("asking %s with %s", block.url, token)
    get_run_logger().warning("header: %r", block.headers.get_secret_value())
    logging.getLogger("a.library").error("as json %s", json.dumps({"token": token}))
    logging.getLogger("a.library").error("as base64 %s", base64.b64encode(token.encode()).decode())
    print("token", token, "and hex", token.encode().hex())
    return token


@task(cache_policy=INPUTS, persist_result=True)
def measured(token: str) -> int:
    return len(token)


@task(retries=1)
def refused(block: Service) -> None:
    raise PermissionError(f"401 for {block.token.get_secret_value()}")


@flow(log_prints=True)
def nightly(names: list[str], first: str) -> int:
    total = 0
    for name in names:
        block = Service.load(name)
        total += measured(use(block))
        state = refused(block, return_state=True)
        print(state, state.message)
    return total


@flow
def broken(name: str) -> None:
    block = Service.load(f"{name}@1")
    raise ValueError(f"cannot log in with {block.token.get_secret_value()}")


def flows(secrets: Sequence[str]) -> None:
    """Flows whose tasks log, print, return and fail with the secrets."""
    names = [name_of(number) for number in range(len(secrets))]
    for name in names:
        Service.load(name)  # a secret is masked from the moment that it is loaded
    nightly(names, secrets[0])
    for name in names:
        state = broken(name, return_state=True)
        print(state, repr(state.message))


def failures(secrets: Sequence[str]) -> None:
    """What Strongroom says, with the variables of its own frames, where something is wrong."""
    for number, secret in enumerate(secrets):
        name = name_of(number)
        said(lambda secret=secret, name=name: service(secret).save(name))
        said(lambda secret=secret: Service(url="x", token=[secret], login={}, headers={"a": secret}))  # type: ignore
        said(lambda secret=secret: Service.model_validate({"token": secret, "url": secret}))
        said(lambda secret=secret: Service.model_validate_json('{"token": ' + json.dumps(secret) + "}"))
        said(lambda name=name: Secret.load(name))
        said(lambda name=name: Service.load(f"{name}@7"))
        said(lambda name=name: setattr(Service.load(name), "token", ["no text"]))
        said(lambda secret=secret: pickle.dumps(service(secret)))
        said(lambda secret=secret, name=name: service(secret).save(name, message="x" * 5_000, overwrite=True))
        Path(f"{name}.pickle").write_bytes(pickle.dumps(Service.load(name)))
        print(Service.load(name), repr(Service.load(name).model_dump()), Service.load(name).model_dump_json())
        print(current().get(name), list(current().history(name)))
    said(lambda: open_registry(key="env:ABSENT"))


def said(call: Callable[[], object]) -> None:
    """Print the error as the most talkative of tools would, from the first frame that is not of this file."""
    try:
        call()
    except StrongroomError as exc:
        frames: TracebackType | None = exc.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        shown = traceback.TracebackException(type(exc), exc, frames, capture_locals=True)
        print("".join(shown.format()), repr(exc), exc.args, vars(exc), file=sys.stderr)
        with Path("errors.pickle").open("ab") as pickles:
            pickles.write(pickle.dumps(exc))
        return
    raise AssertionError("this should have failed")


COMMANDS = (
    "block ls --json", "block show lake-0", "block show lake-0 --json", "block show secret-0", "block history lake-0",
    "block diff lake-0@1 lake-0@2", "block label lake-0@1 stable", "labels", "block check lake-0", "block due",
    "block used-by lake-0", "block types", "audit ls", "audit ls --json", "audit verify", "verify", "runs ls",
    "keys ls", "keys check", "keys rotate --level workspace", "keys rotate --level data", "typegen",
    "export --to passphrase -o all.export", "export --to passphrase --history -o history.export",
    "backup all.backup", "backup verify all.backup", "scan --index fingerprints --weak", "scan .",
    "block show nowhere", "block diff lake-0@1 lake-0@9", "block set lake-0 colour=red", "--debug block reveal nowhere",
    "block new evidence-service broken url=x", "block delete lake-1", "block undelete lake-1",
    "block destroy lake-2@1 --yes",
)  # fmt: skip


def commands() -> None:
    """The command line, commands that fail among them."""
    runner = CliRunner(env={"STRONGROOM_FILE_PASSPHRASE": "a long enough pass phrase"})
    for command in COMMANDS:
        result = runner.invoke(command_line, command.split())
        print(f"$ strongroom {command}\n{result.output}\nexit {result.exit_code}")
        if result.exception and not isinstance(result.exception, SystemExit):
            traceback.print_exception(result.exception)
    program = [sys.executable, "-c", "from strongroom.cli import main; main()"]
    script = [*program, "exec", "lake-0", "--", "sh", "-c", "env | cut -d= -f1; exit 3"]
    done = subprocess.run(script, capture_output=True, check=False)
    print(done.stdout, done.stderr, done.returncode)


def main() -> None:
    secrets: list[str] = json.load(sys.stdin)
    logging.basicConfig(filename="everything.log", level=logging.DEBUG)
    runs([secret for secret in secrets if len(secret) <= LONG])
    saved(secrets)
    flows(secrets)
    failures(secrets)
    commands()
    print("Strongroom has done its day")


if __name__ == "__main__":
    main()
