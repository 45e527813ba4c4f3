"""A run is run again from the shell: all of it, from a task on, or what failed."""

from __future__ import annotations

import json

import pytest
from strongroom import Secret

FLOW = """
from pathlib import Path
from strongroom import Secret, flow, task

HERE = Path(__file__).parent

def ran(what):
    with (HERE / "ran.txt").open("a") as file:
        file.write(what + "\\n")

@task
def extract(n):
    ran("extract")
    return n

@task
def load(n):
    ran("load")
    if (HERE / "broken").exists():
        raise ValueError("the store is closed")
    return n

@flow
def etl(n: int = 3):
    Secret.load("key")
    return load(extract(n))
"""


@pytest.fixture
def shop(tmp_path):
    """The folder of a flow; the block that it loads is there."""
    (tmp_path / "shop.py").write_text(FLOW)
    Secret(value="a-value-of-some-length").save("key")
    return tmp_path


def runs(strongroom):
    return json.loads(strongroom("runs", "ls", "--json").stdout)


def ran(shop):
    log = shop / "ran.txt"
    lines = log.read_text().split()
    log.unlink()
    return lines


def test_a_run_is_replayed_with_the_versions_that_it_had(strongroom, shop):
    strongroom("run", f"{shop}/shop.py:etl", "-p", "n=5")
    ran(shop)
    [first] = runs(strongroom)
    Secret(value="another-value-of-some-length").save("key", overwrite=True)
    done = strongroom("runs", "replay", first["id"][:8])
    assert "Completed" in done.stdout
    again, _ = runs(strongroom)
    assert (again["replay_of"], again["parameters"], again["blocks"]) == (first["id"], {"n": 5}, ["key@1"])
    assert ran(shop) == ["extract", "load"]
    shown = strongroom("runs", "show", again["id"]).stdout
    assert first["id"] in shown
    assert "key@1" in shown


def test_from_a_task_on_and_as_json(strongroom, shop):
    strongroom("run", f"{shop}/shop.py:etl")
    ran(shop)
    [first] = runs(strongroom)
    done = strongroom("runs", "replay", first["id"], "--from", "load", "--json")
    assert json.loads(done.stdout)["replay_of"] == first["id"]
    assert ran(shop) == ["load"]
    wrong = strongroom("runs", "replay", first["id"], "--from", "lod", code=1)
    assert "No task of the run" in wrong.stderr
    assert "extract, load" in wrong.stderr


def test_what_failed_is_retried(strongroom, shop):
    (shop / "broken").touch()
    strongroom("run", f"{shop}/shop.py:etl", code=1)
    [failed] = runs(strongroom)
    strongroom("runs", "retry", failed["id"], code=1)
    (shop / "broken").unlink()
    done = strongroom("runs", "retry", failed["id"], "--json")
    assert json.loads(done.stdout)["state"] == "COMPLETED"
    assert ran(shop) == ["extract", "load", "load", "load"]
    assert len(runs(strongroom)) == 1
    over = strongroom("runs", "retry", failed["id"], code=2)
    assert f"strongroom runs replay {failed['id'][:8]}" in over.stderr


def test_a_replay_that_fails_says_so(strongroom, shop):
    strongroom("run", f"{shop}/shop.py:etl")
    [first] = runs(strongroom)
    (shop / "broken").touch()
    done = strongroom("runs", "replay", first["id"], "--from", "load", code=1)
    assert "the store is closed" in done.stderr


def test_a_run_that_is_not_there_is_said_to_be_unknown(strongroom):
    for verb in ("replay", "retry"):
        done = strongroom("runs", verb, "abcdef", code=3)
        assert "No run has the id" in done.stderr
