"""A new collection: what ``strongroom collection new`` writes is built, tested, linted and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from strongroom.collections.scaffold import Scaffold
from strongroom.errors import UnfitCollection

ROOT = Path(__file__).parents[3]
LONG = "a-name-as-long-as-it-can"
Ran = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Written:
    """A collection that was written, built and installed in a folder of its own, so that no environment changes."""

    scaffold: Scaffold
    folder: Path
    site: Path

    def run(self, *command: str, **options: object) -> Ran:
        """Run a module where the collection is installed, in its folder."""
        environment = {**os.environ, "PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=170, check=False, **options,
        )  # fmt: skip


@pytest.fixture(scope="module", params=["acme", LONG])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    scaffold = Scaffold.of(request.param, title="Acme & Co" if request.param == "acme" else None)
    place = tmp_path_factory.mktemp("collection")
    folder = place / scaffold.distribution
    scaffold.write(folder)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=folder, capture_output=True, check=True)
    [wheel] = place.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(place / "site")
    return Written(scaffold, folder, place / "site")


def test_its_tests_pass_at_once(written: Written) -> None:
    done = written.run("pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("command", [["check", "--no-cache"], ["format", "--no-cache", "--check", "--diff"]])
def test_the_linter_finds_nothing(written: Written, command: list[str]) -> None:
    done = written.run("ruff", *command, ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_type_checker_finds_nothing(written: Written) -> None:
    if written.scaffold.name == LONG:
        return  # types do not depend on how long names are
    cache = ROOT / "build" / "types-of-new-collections"
    done = written.run("mypy", f"--cache-dir={cache}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_line_knows_it(written: Written, canary: Callable[..., str]) -> None:
    name = written.scaffold.name
    listed = json.loads(written.run("strongroom", "collection", "ls", "--json").stdout)
    [row] = [row for row in listed if row["name"] == name]
    assert (row["distribution"], row["installed"], row["problem"]) == (written.scaffold.distribution, True, None)
    shown = written.run("strongroom", "collection", "show", name).stdout
    assert f"{name}-records" in shown
    assert "write_records" in shown
    made = written.run(
        "strongroom", "block", "new", f"{name}-credentials", "prod", "--set", "url=https://api.test",
        "--set", "token=-", input=canary(),
    )  # fmt: skip
    assert made.stdout == f"Saved prod, version 1 ({name}-credentials).\n", made.stderr
    assert "Where" in written.run("strongroom", "block", "types", f"{name}-credentials").stdout


def test_the_title_stands_where_people_read_it(written: Written) -> None:
    title = written.scaffold.title
    assert title in (written.folder / "README.md").read_text()
    assert title in written.run("strongroom", "collection", "show", written.scaffold.name).stdout
    assert not [file for file in written.folder.rglob("*") if file.is_file() and "{{" in file.read_text()]


@pytest.mark.parametrize("name", ["", "Acme", "acme_crm", "-acme", "acme-", "a--b", "1acme", "x" * 25, "../acme"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(UnfitCollection, match="cannot be named"):
        Scaffold.of(name)


@pytest.mark.parametrize("package", ["Acme", "acme-crm", "1acme", "a.b", "class", "_", "_a", "a_"])
def test_packages_that_cannot_be_are_refused(package: str) -> None:
    with pytest.raises(UnfitCollection, match="package cannot be named"):
        Scaffold.of("acme", package)


@pytest.mark.parametrize("package", ["json", "strongroom", "strongroom_blocks", "strongroom_aws", "pytest", "tests"])
def test_packages_that_are_there_already_are_refused(package: str) -> None:
    with pytest.raises(UnfitCollection, match=f"package cannot be named '{package}': there is one"):
        Scaffold.of("acme", package)


def test_a_name_whose_package_is_there_already_is_refused() -> None:
    with pytest.raises(UnfitCollection, match=r"'strongroom_aws'.*another name"):
        Scaffold.of("aws")


@pytest.mark.parametrize("title", ["", "two\nlines", 'a "quote"', "back\\slash", "{{name}}", "x" * 41])
def test_titles_that_would_break_what_is_written_are_refused(title: str) -> None:
    with pytest.raises(UnfitCollection, match="cannot be titled"):
        Scaffold.of("acme", title=title)


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(UnfitCollection, match="is there already"):
        Scaffold.of("acme").write(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["note"]


def test_a_package_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    scaffold = Scaffold.of("acme-crm", "acme_for_strongroom")
    assert (scaffold.distribution, scaffold.class_prefix, scaffold.title) == (
        "acme-for-strongroom", "AcmeCrm", "Acme Crm",
    )  # fmt: skip
    scaffold.write(tmp_path / "it")
    assert (tmp_path / "it" / "src" / "acme_for_strongroom" / "card.py").exists()
    assert (tmp_path / "it" / ".gitignore").exists()
