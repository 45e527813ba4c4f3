"""What a flow looks like that does not run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from strongroom import flow, task, unmapped
from strongroom.errors import FlowVisualizationError
from strongroom.futures import wait
from strongroom.graphs.sketch import sketch
from strongroom.graphs.vertex import Vertex
from strongroom.journal import current_journal


@task
def extract(day: str) -> Any:
    raise AssertionError("it ran")


@task
def clean(rows: Any, *, strict: bool = True) -> Any:
    raise AssertionError("it ran")


@task
async def load(rows: Any) -> Any:
    raise AssertionError("it ran")


@task(viz_return_value=[4, 5])
def days() -> list[int]:
    raise AssertionError("it ran")


@flow
def inner(rows: Any) -> Any:
    raise AssertionError("it ran")


def told(root: Vertex) -> dict[str, list[str]]:
    return {vertex.label: [source.label for source in vertex.after] for vertex in root.inside}


def drawn(function: Any, *args: Any) -> dict[str, list[str]]:
    return told(sketch(flow(function), args, {}))


def test_what_is_handed_on_is_drawn_and_nothing_runs():
    def etl(day: str = "monday"):
        raw = extract(day)
        tidy = clean(rows=[raw, {"other": extract("sunday")}])
        inner(tidy)
        return tidy

    assert drawn(etl) == {
        "extract-0": [],
        "extract-1": [],
        "clean-0": ["extract-0", "extract-1"],
        "inner-0": ["clean-0"],
    }
    assert current_journal().flow_runs() == []


def test_futures_states_and_wait_for_are_dependencies_too():
    def etl():
        raw = extract.submit("monday")
        state = clean(raw, return_state=True)
        done = clean.submit(state, wait_for=[raw])
        wait([done])
        return clean(done.result(), wait_for=[extract.submit("x")])

    assert drawn(etl) == {
        "extract-0": [],
        "clean-0": ["extract-0"],
        "clean-1": ["extract-0", "clean-0"],
        "extract-1": [],
        "clean-2": ["clean-1", "extract-1"],
    }


def test_a_mapped_task_is_one_box_that_says_how_many_there_are():
    def etl():
        rows = extract.map(["a", "b", "c"])
        tidy = clean.map(rows, strict=unmapped(True))
        clean(tidy.result())
        clean.map(extract("all"))

    assert drawn(etl) == {
        "extract × 3": [],
        "clean × 3": ["extract × 3"],
        "clean-1": ["clean × 3"],
        "extract-1": [],
        "clean-2": ["extract-1"],
    }


def test_a_flow_that_looks_into_a_result_needs_one_to_be_drawn_with():
    def counting():
        for day in days():
            extract(f"day {day}")

    def looking():
        if extract("monday") > 3:
            clean(1)

    assert drawn(counting) == {"days-0": [], "extract-0": [], "extract-1": []}
    with pytest.raises(FlowVisualizationError, match=r"'extract', which did not run\. .*viz_return_value"):
        drawn(looking)


def test_a_flow_that_fails_without_its_tasks_says_so():
    def failing():
        raise ValueError("no such day")

    with pytest.raises(FlowVisualizationError, match="ValueError: no such day"):
        drawn(failing)


def test_asynchronous_flows_are_drawn_as_well():
    async def etl():
        return await asyncio.gather(load(await load(1)), load(days()))

    expected = {"load-0": [], "days-0": [], "load-1": ["load-0"], "load-2": ["days-0"]}
    assert drawn(etl) == expected

    async def in_a_notebook():
        return drawn(etl)

    assert asyncio.run(in_a_notebook()) == expected


def test_a_result_is_known_again_when_the_flow_changed_it():
    @task
    def append_one(numbers: list[int]) -> Any:
        raise AssertionError("it ran")

    def growing():
        numbers = days()
        for _ in range(3):
            numbers.append(5)
            append_one(numbers)

    assert drawn(growing) == {
        "days-0": [],
        "append_one-0": ["days-0"],
        "append_one-1": ["days-0"],
        "append_one-2": ["days-0"],
    }
    assert days.viz_return_value == [4, 5]

    def twice():
        first, second = days(), days()
        clean(first)
        clean(second)

    assert drawn(twice) == {"days-0": [], "days-1": [], "clean-0": ["days-0"], "clean-1": ["days-1"]}


def test_the_picture_is_a_file_here_and_shows_itself_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    @flow(name="Nightly: ETL")
    def etl(day: str):
        clean(extract(day))

    picture = etl.visualize("monday")
    assert picture.path == tmp_path / "Nightly-ETL.svg"
    texts = [element.text for element in ElementTree.parse(picture.path).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Nightly: ETL", "extract-0", "clean-0"} <= set(texts)
    assert picture._repr_svg_() == picture.path.read_text()
    assert asyncio.run(etl.avisualize(day="monday")).svg == picture.svg


def test_mermaid_is_told_the_same():
    @flow
    def etl():
        inner(clean(extract('a "quoted" day')))

    assert etl.generate_mermaid_graph() == (
        "flowchart TD\n"
        '    n1["extract-0"]\n    n2["clean-0"]\n    n3(["inner-0"])\n'
        "    n1 --> n2\n    n2 --> n3\n"
    )  # fmt: skip


def test_after_a_sketch_tasks_run_again():
    @task
    def one() -> int:
        return 1

    @flow
    def counting():
        return one()

    sketch(counting, (), {})
    assert counting() == 1
