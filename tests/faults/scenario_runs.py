"""What a day of flows comes to: every feature of the runtime that keeps something, given secrets. Nothing may show one.

A part of :mod:`faults.scenario`. Secrets are those of blocks, which are loaded where the task runs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence

from click.testing import CliRunner
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from pydantic import SecretStr
from strongroom import Block, flow, get_run_logger, tags, task
from strongroom.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from strongroom.cache_policies import INPUTS
from strongroom.cli import main as command_line
from strongroom.events import emit_event
from strongroom.flow_runs import resume_flow_run, suspend_flow_run
from strongroom.input import RunInput, send_input
from strongroom.journal import current_journal
from strongroom.task_runners import ProcessPoolTaskRunner
from strongroom.task_worker import TaskWorker
from strongroom.telemetry import instrument
from strongroom.telemetry.prometheus import prometheus_text
from strongroom.transactions import transaction
from strongroom.variables import Variable

MOST = 4
"""So many of the secrets go through what is the same for each of them."""


class Vault(Block, slug="evidence-vault"):
    """One secret."""

    token: SecretStr


class Answer(RunInput):
    """What a run asks for."""

    token: SecretStr


def token_of(name: str) -> str:
    return Vault.load(name).token.get_secret_value()


class Odd(Exception):
    """One that no pickle makes again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one}: {two}")
        self.two = {"deep": [two]}


@task(log_prints=True, retries=1, retry_delay_seconds=0)
def fails(name: str, how: str) -> None:
    """Nobody but the worker has loaded the block."""
    secret = token_of(name)
    get_run_logger().warning("about to fail with %s", secret)
    print("printed", secret, file=sys.stderr)
    print("printed", secret)
    if how == "odd":
        raise Odd("odd", secret)
    if how == "group":
        raise ExceptionGroup(f"group of {secret}", [ValueError(secret), Odd("in it", secret)])
    if how == "chained":
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise RuntimeError("later") from error
    error = ValueError(f"plain {secret}")
    error.add_note(f"a note on {secret}")
    raise error


@task(persist_result=True, cache_policy=INPUTS, task_run_name="named {word}", tags=["scenario"])
def shows(name: str, word: str) -> str:
    secret = token_of(name)
    said(lambda: create_markdown_artifact(f"# {secret}", key="markdown", description=f"of {secret}"))
    said(lambda: create_table_artifact([{"token": secret, secret[:40]: 1}]))
    said(lambda: create_link_artifact(f"https://example.com/?token={secret}", link_text=secret))
    said(lambda: emit_event(f"told.{secret}", {"prefect.resource.id": secret}, payload={"deep": [secret]}))
    said(lambda: Variable.set("a-variable", secret, overwrite=True))
    with transaction(key=f"key of {secret}"[:200]) as its:
        its.set("token", secret)
    return secret


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1), log_prints=True)
def elsewhere(names: list[str]) -> None:
    for name in names:
        for how in ("plain", "odd", "group", "chained"):
            said(fails.submit(name, how).result)
        with tags(name):
            shows.submit(name, "a word").result()


@flow(flow_run_name="given {token}", log_prints=True)
def given(token: SecretStr, in_clear: str, name: str) -> int:
    """Parameters in clear are the user's; those of blocks are masked wherever they are seen."""
    secret = token_of(name)
    print(token, secret, in_clear)
    with tags(secret[:60]):
        shows(name, secret[:100])
    suspend_flow_run(wait_for_input=Answer, timeout=600)
    raise ValueError(f"after the answer: {secret}")


@task
def in_background(token: SecretStr, text: str) -> str:
    return token.get_secret_value() + text


@flow
def deployed(token: SecretStr, text: str = "") -> str:
    return token.get_secret_value()


def said(call: Callable[[], object]) -> None:
    """Do it, and print whatever error comes of it, as Python does."""
    try:
        call()
    except Exception:
        traceback.print_exc()


def runs(secrets: Sequence[str]) -> None:
    """All of it."""
    names = [f"vault-{number}" for number in range(len(secrets))]
    if (child := os.fork()) == 0:  # whoever saves a secret knows it, and the flow's process is not to
        for name, secret in zip(names, secrets, strict=True):
            Vault(token=SecretStr(secret)).save(name)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spans = TracerProvider()
    spans.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    instrument(tracer_provider=spans)
    elsewhere(names)
    for name, secret in list(zip(names, secrets, strict=True))[:MOST]:
        token_of(name)
        state = given(SecretStr(secret), secret, name, return_state=True)
        run_id = state.state_details.flow_run_id
        send_input(Answer(token=SecretStr(secret)), flow_run_id=run_id)
        said(lambda run_id=run_id, secret=secret: resume_flow_run(run_id, {"token": secret}))  # type: ignore[misc]
        future = in_background.delay(SecretStr(secret), secret)
        deployment = deployed.to_deployment(
            f"of-{name}",
            parameters={"token": SecretStr(secret), "text": secret},
            description=f"with {secret}",
            tags=[secret],
        )
        said(deployment.apply)
        assert future is not None
    TaskWorker(in_background).start(run_once=True)
    print(prometheus_text(current_journal()))
    looked_at()


def looked_at() -> None:
    """What the command line shows of it."""
    runner = CliRunner()
    commands = ["runs ls", "runs ls --json", "runs metrics", "artifact ls", "artifact ls --json", "variable ls"]
    commands += ["event ls", "event ls --json", "deployment ls", "deployment ls --json"]
    for run in current_journal().flow_runs(limit=6):
        for command in ("show", "show --json", "logs", "graph", "graph --svg -", "logs --json"):
            verb, *rest = command.split()
            commands.append(" ".join(["runs", verb, str(run.id), *rest]))
    for command in commands:
        result = runner.invoke(command_line, command.split())
        print(f"$ strongroom {command}\n{result.output}\nexit {result.exit_code}")
