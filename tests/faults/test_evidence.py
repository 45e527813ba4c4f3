"""The command that makes the evidence in full, and the page that it writes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import evidence
import pytest

from faults.figure import Work
from faults.places import Places


@pytest.mark.parametrize("row", evidence.ROWS)
def test_each_row_can_be_run(row: int) -> None:
    module = importlib.import_module(evidence.ROWS[row].module)
    assert callable(module.run)
    assert (module.__doc__ or "").startswith(f"Row {row}: ")


def test_what_a_run_finds_becomes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "KEPT", tmp_path)
    figures = evidence.make(10, 1.0, 1, Places())
    kept = json.loads((tmp_path / "10.json").read_text())
    assert [figure["tried"] for figure in kept["figures"]] == [figure.tried for figure in figures]
    page = evidence.page()
    assert "`uv run python tests/evidence.py 10 --seed 1`" in page
    assert f"| HMAC-SHA256 | cryptography-vectors | {figures[3].tried} | 0 |" in page


def test_the_published_page_has_every_row_and_none_that_fails() -> None:
    page = evidence.PAGE.read_text()
    overview = [line.split("|") for line in page.splitlines() if line.startswith("| [")]
    assert [int(cells[1].split("[")[1].split("]")[0]) for cells in overview] == list(evidence.ROWS)
    assert all(int(cells[4].replace(",", "")) > 0 == int(cells[5].replace(",", "")) for cells in overview)


def test_a_row_whose_try_fails_does_not_hold(work_in_memory: Work) -> None:
    figure = evidence.Figure(1, "what")
    assert not figure.holds
    figure.add("fine")
    assert figure.holds
    figure.add("not fine", "it was not")
    assert (figure.tried, figure.failed, figure.failures, figure.holds) == (2, 1, ["it was not"], False)
