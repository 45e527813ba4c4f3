"""Runs that wait for an answer get it from the shell, from options or by being asked."""

from __future__ import annotations

import json

import pytest
from strongroom.cli import answer_prompts

FLOW = """
from enum import Enum
from typing import Literal

from pydantic import Field, SecretStr
from strongroom import flow, suspend_flow_run, task
from strongroom.input import RunInput


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Order(RunInput):
    name: str = Field(description="Who orders?")
    count: int = 1
    size: Size = Size.SMALL
    gift: bool | None = None
    token: SecretStr


@flow
def order():
    asked = Order.with_initial_data(description="**An order**", count=2)
    given = suspend_flow_run(wait_for_input=asked)
    print(given.name, given.count, given.size.value, given.gift, len(given.token.get_secret_value()))


@flow
def waits():
    suspend_flow_run()
"""


@pytest.fixture
def run_id(strongroom, tmp_path):
    """A run of ``order`` that waits."""
    (tmp_path / "shop.py").write_text(FLOW)
    done = strongroom("run", str(tmp_path / "shop.py:order"))
    assert "Suspended. Resume it: strongroom runs resume" in done.stdout
    return newest(strongroom)["id"]


def newest(strongroom):
    return json.loads(strongroom("runs", "ls", "--json").stdout)[0]


def test_fields_are_given_as_options(strongroom, run_id, canary):
    secret = canary("a token")
    given = ["name=12", "size=large", "gift=true", f"token={secret}"]
    done = strongroom("runs", "resume", run_id, *[part for text in given for part in ("--input", text)])
    assert f"12 2 large True {len(secret)}" in done.stdout
    assert newest(strongroom)["state"] == "COMPLETED"


def test_fields_are_asked_for_on_a_terminal_and_what_is_secret_is_hidden(strongroom, run_id, canary, monkeypatch):
    monkeypatch.setattr(answer_prompts, "at_terminal", lambda: True)
    secret = canary("a token")
    done = strongroom("runs", "resume", run_id, "--input", "count=3", input=f"Ada\n\n\n{secret}\n")
    assert f"Ada 3 small None {len(secret)}" in done.stdout
    for asked in ("**An order**", "Who orders?", "name: ", "size (small or large, Enter for", "token (hidden): "):
        assert asked in done.stderr
    assert "count" not in done.stderr


@pytest.mark.parametrize(
    ("given", "said", "code"),
    [
        ([], "name, token is missing", 1),
        (["--input", "name=Ada", "--input", "token=x", "--input", "count=many"], "count is no integer", 1),
        (["--input", "name=Ada", "--input", "token=x", "--input", "size=huge"], "size is none of small, large", 1),
        (["--input", "nmae=Ada"], "asks for no 'nmae'. It asks for name, count, size, gift, token", 2),
        (["--input", "Ada"], "An --input is no NAME=VALUE", 2),
    ],
)
def test_an_answer_that_does_not_fit_is_said_and_the_run_goes_on_waiting(strongroom, run_id, given, said, code):
    assert said in strongroom("runs", "resume", run_id, *given, code=code).stderr
    assert newest(strongroom)["state_name"] == "Suspended"


def test_a_run_that_asks_for_nothing_is_just_resumed(strongroom, tmp_path):
    (tmp_path / "shop.py").write_text(FLOW)
    strongroom("run", str(tmp_path / "shop.py:waits"))
    run_id = newest(strongroom)["id"]
    assert "asks for nothing" in strongroom("runs", "resume", run_id, "--input", "a=1", code=2).stderr
    shown = json.loads(strongroom("runs", "resume", run_id, "--json").stdout)
    assert shown["state"] == "COMPLETED"
    assert "waits for no input" in strongroom("runs", "resume", run_id, "--input", "a=1", code=2).stderr


def test_a_run_of_a_deployment_goes_on_where_that_is_served(strongroom, tmp_path):
    from strongroom.deployments.flow_runs import run_deployment
    from strongroom.entrypoints import load_flow
    from strongroom.runner.runner import Runner

    (tmp_path / "shop.py").write_text(FLOW)
    runner = Runner()
    runner.add_flow(load_flow(f"{tmp_path}/shop.py:waits"), "here")
    asked = run_deployment("waits/here", timeout=0)
    runner.start(run_once=True)
    assert "goes on when whatever serves waits/here takes it" in strongroom("runs", "resume", str(asked.id)).stdout
    runner.start(run_once=True)
    assert newest(strongroom)["state"] == "COMPLETED"
