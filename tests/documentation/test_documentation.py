"""Documentation runs: every fence of the README and of ``docs/`` is executed, each page in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from documentation import account
from documentation import page as runner

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.fixture
def lake(request: pytest.FixtureRequest, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a page that asks for it: an S3 server."""
    if "LAKE_ENDPOINT" in page.read_text():
        server = request.getfixturevalue("rclone")
        server.client().create_bucket(Bucket="lake")
        monkeypatch.setenv("LAKE_ENDPOINT", server.endpoint_url)
        monkeypatch.setenv("LAKE_KEY_ID", server.access_key)
        monkeypatch.setenv("LAKE_KEY", server.secret_key)


@pytest.fixture
def aws(request: pytest.FixtureRequest, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a page about AWS: an account, with a key and secrets."""
    if re.search(r"\baws(kms|-sm|-ssm):", page.read_text()):
        server = request.getfixturevalue("moto")
        variables = {
            "AWS_ENDPOINT_URL": server.endpoint_url,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        account.furnish()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring of a desktop."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "documentation.desk_keyring.DeskKeyring")
    monkeypatch.setenv("PYTHONPATH", str(Path(runner.__file__).parents[1]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("lake", "aws", "desk")
def test_every_fence_runs(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    command = [sys.executable, str(runner.__file__), str(page)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    kept = {"LICENSE", "CHANGELOG.md", "benchmarks"}
    assert not [target for target in broken if Path(target).name not in kept]


def test_the_matcher_can_say_no() -> None:
    assert runner.matches("a …\nb", "a 1 2 3\nb\n")
    assert not runner.matches("a …\nb", "a 1 2 3\nc\n")
    assert not runner.matches("a", "b")
