"""From the text that names a flow to the flow."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from strongroom.entrypoints import load_flow
from strongroom.errors import FlowUnloadable, UnknownFlow

ONE = "from strongroom import flow, task\n@flow\ndef only(): return 7\n@task\ndef chore(): ...\n"
TWO = "from strongroom import flow\n@flow\ndef load_orders(): ...\n@flow(name='Nice Name')\ndef other(): ...\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _forget(tmp_path: Path):
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_flow_of_a_file(folder):
    (folder / "two.py").write_text(TWO)
    assert load_flow("two.py:load_orders").fn.__name__ == "load_orders"
    assert load_flow(f"{folder}/two.py:load_orders") is load_flow("two.py:load_orders")


def test_a_flow_by_its_own_name(folder):
    (folder / "two.py").write_text(TWO)
    assert load_flow("two.py:Nice Name").fn.__name__ == "other"
    assert load_flow("two.py:load-orders").fn.__name__ == "load_orders"


def test_a_flow_of_a_module_below_the_current_folder(folder):
    (folder / "pack").mkdir()
    (folder / "pack" / "flows.py").write_text(ONE)
    assert load_flow("pack.flows:only")() == 7


def test_the_only_flow_of_a_file_needs_no_name(folder):
    (folder / "one.py").write_text(ONE)
    assert load_flow("one.py").name == "only"
    (folder / "uses.py").write_text("from one import only\nfrom strongroom import flow\n@flow\ndef own(): ...\n")
    assert load_flow("uses.py").name == "own"  # one that it imported does not count


def test_a_file_finds_its_neighbours_and_is_a_neighbour(folder):
    (folder / "beside.py").write_text("WORD = 'hello'\n")
    (folder / "flows.py").write_text(
        "from dataclasses import dataclass\nimport beside\nfrom strongroom import flow\n"
        "@dataclass\nclass Row:\n    word: str\n@flow\ndef greet(): return Row(beside.WORD)\n"
    )
    row = load_flow("flows.py:greet")()
    assert row.word == "hello"
    assert pickle.loads(pickle.dumps(row)) == row


@pytest.mark.parametrize("name", ["json.py", "with-dash.py", "2nd.py"])
def test_the_name_of_a_file_takes_no_other_modules_place(folder, name):
    (folder / name).write_text(ONE)
    flow = load_flow(f"{name}:only")
    assert flow() == 7
    import json

    assert json.loads("1") == 1
    code = f"from strongroom.entrypoints import load_flow; print(load_flow({name!r}).fn.__module__)"
    elsewhere = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert elsewhere.stdout.strip() == flow.fn.__module__  # so that another process can read what this one pickled


def test_two_files_of_one_name_are_two_modules(folder):
    for place, number in (("a", 1), ("b", 2)):
        (folder / place).mkdir()
        (folder / place / "same.py").write_text(f"from strongroom import flow\n@flow\ndef f(): return {number}\n")
    assert [load_flow("a/same.py:f")(), load_flow("b/same.py:f")()] == [1, 2]


@pytest.mark.parametrize(
    ("entrypoint", "told"),
    [
        ("nowhere.py:f", "There is no file"),
        ("no_such_module:f", "no_such_module"),
        ("", "names no module"),
        (":f", "names no module"),
        ("..:f", "names no module"),
        ("two.py", "has 2 flows: load_orders, other"),
        ("two.py:load_order", "It has load_orders."),
        ("two.py:flow", "is no flow"),
        ("empty.py", "has no flow"),
        ("empty.py:f", "Decorate a function with @flow."),
        ("./data.txt:f", "no Python file"),
        (".:f", "There is no file"),
    ],
)
def test_what_leads_to_no_flow_says_so(folder, entrypoint, told):
    (folder / "two.py").write_text(TWO)
    (folder / "empty.py").write_text("")
    (folder / "data.txt").write_text("")
    with pytest.raises(UnknownFlow) as caught:
        load_flow(entrypoint if entrypoint != ".:f" else f"{folder}/:f")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("import nothing_like_that\n", "ModuleNotFoundError: No module named 'nothing_like_that' (bad.py, line 1)"),
        ("x = 1\nraise KeyError('x')\n", "KeyError: 'x' (bad.py, line 2)"),
        ("def f(:\n", "SyntaxError"),
        ("import strongroom.no_such\n", "bad.py, line 1"),
    ],
)
@pytest.mark.parametrize("entrypoint", ["bad.py:f", "bad:f"])
def test_a_file_that_raises_is_told_with_its_line_and_can_be_loaded_once_it_is_mended(
    folder, content, told, entrypoint
):
    (folder / "bad.py").write_text(content)
    with pytest.raises(FlowUnloadable) as caught:
        load_flow(entrypoint)
    assert told in str(caught.value)
    assert caught.value.__cause__ is None
    (folder / "bad.py").write_text("from strongroom import flow\n\n\n@flow\ndef f(): return 'mended'\n")
    assert load_flow(entrypoint)() == "mended"


def test_a_file_that_interrupts_is_an_interruption(folder):
    (folder / "stop.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_flow("stop.py:f")
    assert "stop" not in sys.modules
