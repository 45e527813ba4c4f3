"""The graph of a run, in characters and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

FLOWS = """
from strongroom import flow, task
from strongroom.nodes import report
from strongroom.states import Completed, Failed

@task
def extract(n):
    if n == 3:
        raise ValueError("three is <bad> & worse")
    return n

@task
def join(*rows):
    return len(rows)

@task
def build():
    before = ()
    for number in range(4):
        before = (report(f"model_{number}", key=f"model.{number}", state=Completed(), upstream=before),)

@flow
def inner(n):
    return join(extract(n))

@flow
def nightly():
    first, second = extract.submit(1), extract.submit(2)
    joined = join.submit(first, second)
    inner(joined)
    extract.map(range(10)).wait()
    build()
    join("last", wait_for=[joined])

@task
def one(n):
    return n

@task
def other(n):
    return n

@flow
def looped():
    n = 0
    for _ in range(8):
        n = other.submit(one.submit(n))
    n.wait()

@flow
def project():
    models()

@task
def models():
    above = []
    for number in range(400):
        state = Failed() if number == 250 else Completed()
        above.append(report(f"model_{number}", key=f"m{number}", state=state, upstream=above[-1 - number % 40:][:1]))
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def graph(strongroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``graph("nightly", "--json")``: runs the flow and draws it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graph_flows.py").write_text(FLOWS)

    def draw(flow: str, *options: str) -> Any:
        run = json.loads(strongroom("run", f"graph_flows.py:{flow}", "--json").stdout)
        return strongroom("runs", "graph", run["id"], *options)

    return draw


def told(vertex: dict[str, Any]) -> dict[str, list[str]]:
    names = {child["id"]: child["name"] for child in vertex["children"]}
    return {child["name"]: [names[id_] for id_ in child["after"]] for child in vertex["children"]}


def test_the_graph_knows_what_waited_for_what_and_draws_many_as_one(graph):
    root = json.loads(graph("nightly", "--json").stdout)
    assert (root["kind"], root["name"]) == ("flow", "nightly")
    assert told(root) == {
        "extract": [],
        "join-0": ["extract"],
        "inner": [],
        "build-0": [],
        "join-1": ["join-0"],
    }
    [many] = [child for child in root["children"] if child["name"] == "extract"]
    assert (many["runs"], many["states"]) == (12, {"COMPLETED": 11, "FAILED": 1})
    [build] = [child for child in root["children"] if child["name"] == "build-0"]
    assert told(build) == {"model_0": [], "model_1": ["model_0"], "model_2": ["model_1"], "model_3": ["model_2"]}
    [below] = [child for child in root["children"] if child["name"] == "inner"]
    assert [child["name"] for child in below["children"]] == ["extract-0", "join-0"]


def test_every_run_is_drawn_for_itself_where_that_is_wanted(graph):
    root = json.loads(graph("nightly", "--all", "--json").stdout)
    assert [child["name"] for child in root["children"]].count("extract-5") == 1
    assert {child["runs"] for child in root["children"]} == {1}


def test_the_text_is_a_tree_with_bars(graph):
    lines = graph("nightly", "--width", "80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].lstrip().startswith("0┄┄")
    assert lines[1].startswith("nightly  ")
    assert "█████" in lines[1]
    [many] = [line for line in lines if line.startswith("├─ extract × 12")]
    assert "✗1 ✓11" in many or "✓11 ✗1" in many
    assert any(line == "│    ← extract × 12" for line in lines)
    assert any(line.startswith("│  ├─ model_0") for line in lines)
    wide = graph("nightly", "--width", "160").stdout.splitlines()
    assert 140 <= max(map(len, wide)) <= 160


def test_the_picture_stands_alone_and_escapes_what_runs_say(graph, tmp_path):
    done = graph("nightly", "--svg", "run.svg")
    assert done.stdout == ""
    assert "Wrote run.svg" in done.stderr
    text = (tmp_path / "run.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.find(f"{SVG}title").text == "nightly"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"extract × 12", "join-0", "model_3", "inner"} <= set(texts)
    tooltips = "\n".join(element.text or "" for element in root.iter(f"{SVG}title"))
    assert "three is <bad> & worse" in tooltips
    assert "prefers-color-scheme: dark" in text
    assert not [name for name in ("<script", "href", "url(", "@import") if name in text]
    assert float(root.get("width")) < 2000


def test_boxes_beside_each_other_do_not_overlap(graph):
    from strongroom.graphs import read_graph
    from strongroom.graphs.layout import Box, lay_out
    from strongroom.journal import current_journal

    graph("project")
    graph("nightly", "--all")

    def check(box: Box) -> None:
        for one in box.inside:
            assert one.x >= 0
            assert one.y >= 0
            assert one.x + one.width <= box.width
            assert one.y + one.height <= box.height
            check(one)
            for other in box.inside:
                apart = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert one is other or apart or one.y + one.height <= other.y or other.y + other.height <= one.y

    journal = current_journal()
    for run in journal.flow_runs():
        for every in (True, False):
            check(lay_out(read_graph(journal, run, every=every)))


def test_the_picture_can_go_to_a_pipe_with_the_text_beside_it(graph):
    done = graph("looped", "--svg", "-")
    ElementTree.fromstring(done.stdout)
    both = graph("looped", "--svg", "both.svg", "--text").stdout
    assert "one × 8" in both


def test_groups_that_wait_for_each_other_are_drawn_all_the_same(graph):
    root = json.loads(graph("looped", "--json").stdout)
    assert told(root) == {"one": ["other"], "other": ["one"]}


def test_of_hundreds_of_models_what_completed_is_drawn_by_depth(graph):
    root = json.loads(graph("project", "--json").stdout)
    [models] = root["children"]
    assert len(models["children"]) < 150
    assert sum(child["runs"] for child in models["children"]) == 400
    assert "model_250" in [child["name"] for child in models["children"]]
