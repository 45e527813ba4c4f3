"""The demonstration: what it shows, what it leaves, and that it leaves the user's own things alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from strongroom.cli import main

pytest.importorskip("duckdb")
pytest.importorskip("dbt.adapters.duckdb")


def environment(folder: Path) -> dict[str, str]:
    """That of a user whose home is ``folder``, with settings of his own that must not matter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "DBT_"))}
    return {**kept, "HOME": str(folder), "STRONGROOM_HOME": str(folder / "own"), "STRONGROOM_REGISTRY": "nonsense:"}


def run(folder: Path, *args: str, script: str = "") -> subprocess.CompletedProcess[str]:
    command = ["sh", "-euc", script] if script else [sys.executable, "-m", "strongroom", *args]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(folder, "demo", "--keep", "shop")


def test_it_plays_to_its_end(played):
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "✓ nightly" in done.stdout
    assert "dbt build" in done.stdout
    assert "orders: kept" in done.stdout


def test_it_fits_a_terminal_of_80_columns(played):
    assert not [line for line in played[1].stdout.splitlines() if len(line) > 80]


def table_after(text: str, step: str) -> list[list[str]]:
    lines = text[text.index(step) :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["country", "orders"])
    return [line.split() for line in lines[start + 1 : start + 6]]


def test_the_same_flow_gives_other_figures_where_the_block_points_elsewhere(played):
    out = played[1].stdout
    berlin, lisbon = table_after(out, "The flow"), table_after(out, "The same flow")
    assert (berlin[0][0], lisbon[0][0]) == ("DE", "PT")
    assert berlin != lisbon
    assert "lake@1  basepath=berlin" in out
    assert "lake@2  basepath=lisbon" in out


def test_its_figures_are_those_that_the_files_give(played):
    """Counted again, without the flow's code, from what lies in the lake."""
    import csv
    import json

    raw = played[0] / "shop" / "lisbon" / "raw"
    countries = {
        r["customer_id"]: r["country"] for r in csv.DictReader((raw / "customers.csv").open()) if r["customer_id"]
    }
    orders = {}
    for line in (raw / "orders.jsonl").open():
        row = json.loads(line)
        day = row["ordered_at"]
        if row["customer_id"] in countries and day and day != "0000-00-00":
            orders[row["order_id"]] = row
    items = {}
    for item in csv.DictReader((raw / "items.csv").open()):
        if (
            item["quantity"] not in ("-1", "0", "n/a")
            and orders.get(item["order_id"], {}).get("status", "returned") != "returned"
        ):
            items[item["order_id"], item["product"]] = int(item["quantity"]) * float(item["unit_price"])
    revenue: dict[str, float] = {}
    for (order_id, _), amount in items.items():
        country = countries[orders[order_id]["customer_id"]]
        revenue[country] = revenue.get(country, 0) + amount
    shown = {row[0]: float(row[3].replace(",", "")) for row in table_after(played[1].stdout, "The same flow")}
    assert shown == pytest.approx(revenue)


def test_the_next_commands_work_in_the_folder_that_it_kept(played):
    folder, done = played
    hints = [
        line.split("   ")[1].strip()
        for line in done.stdout[done.stdout.index("What next") :].splitlines()
        if "   " in line
    ][1:]
    assert hints[0] == ". shop/activate"
    assert len(hints) >= 5
    again = run(folder, script="\n".join(hints))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "✓ nightly" in again.stdout


def test_no_secret_shows(played):
    folder, done = played
    revealed = run(folder, script=". ./shop/activate; strongroom block reveal shop-api").stdout.strip()
    assert len(revealed) > 20
    files = [path for path in (folder / "shop").rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if revealed.encode() in path.read_bytes()]
    assert revealed not in done.stdout


def test_the_users_own_home_is_left_alone(played):
    folder, _ = played
    assert not (folder / "own").exists()
    assert not (folder / ".strongroom").exists()
    assert not (folder / ".config").exists()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    done = run(tmp_path, "demo", "--keep", "full")
    assert (done.returncode, done.stderr) == (2, "Error: full is not empty. Name a folder that does not exist yet.\n")
    assert list((tmp_path / "full").iterdir()) == [tmp_path / "full" / "thesis.tex"]


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == 1
    assert 'pip install "strongroom[duckdb]"' in done.stderr
