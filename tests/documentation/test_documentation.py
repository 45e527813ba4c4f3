"""Documentation runs: every fence of the README and of ``docs/`` is executed, each page in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from documentation import account
from documentation import page as runner
from documentation.clouds import google_of_the_pages, google_storage_of_the_pages, vault_of_the_pages
from servers.service import serve

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
def database(request: pytest.FixtureRequest, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a page about PostgreSQL: a database, in which the registry lies if the page says so."""
    text = page.read_text()
    if "PGHOST" not in text and "STRONGROOM_REGISTRY=postgresql" not in text:
        return
    database = request.getfixturevalue("postgres")
    variables = {
        "PGHOST": database.server.host,
        "PGPORT": str(database.server.port),
        "PGDATABASE": database.name,
        "PGUSER": database.user,
        "PGPASSWORD": database.password,
    }
    if "STRONGROOM_REGISTRY=postgresql" in text:
        variables["STRONGROOM_REGISTRY"] = "postgresql://"
    if "CREATEROLE" in text:
        database.administer(f"alter role {database.user} createrole")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def shared_registry(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For the page about registries of a server: one, as root."""
    if "STRONGROOM_REGISTRY=https://strongroom.example.com" not in page.read_text():
        yield
        return
    server = serve({"STRONGROOM_HOME": str(tmp_path / "server")})
    monkeypatch.setenv("STRONGROOM_REGISTRY", server.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", server.token)
    yield
    server.stop()


@pytest.fixture
def snowflake_database(request: pytest.FixtureRequest, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a page about Snowflake: an empty database in a fake one."""
    if "SNOWFLAKE_HOST" in page.read_text():
        account = request.getfixturevalue("snowflake")
        monkeypatch.setenv("SNOWFLAKE_HOST", account.login["host"])
        monkeypatch.setenv("SNOWFLAKE_PORT", str(account.login["port"]))
        monkeypatch.setenv("SNOWFLAKE_USER", account.user)
        monkeypatch.setenv("SNOWFLAKE_PASSWORD", account.password)
        monkeypatch.setenv("SNOWFLAKE_DATABASE", account.database)


@pytest.fixture
def clouds(page: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For a page about Vault or Google Cloud: one that has a key and secrets."""
    text = page.read_text()
    with ExitStack() as stack:
        for scheme, running in {
            r"(init --key vault-transit|secret_from\(\"vault):": vault_of_the_pages,
            r"(init --key gcpkms|secret_from\(\"gcp-sm):": google_of_the_pages,
            r"STORAGE_EMULATOR_HOST": google_storage_of_the_pages,
        }.items():
            if re.search(scheme, text):
                for name, value in stack.enter_context(running()).items():
                    monkeypatch.setenv(name, value)
        yield


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring of a desktop."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "documentation.desk_keyring.DeskKeyring")
    monkeypatch.setenv("PYTHONPATH", str(Path(runner.__file__).parents[1]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("lake", "aws", "database", "shared_registry", "snowflake_database", "clouds", "desk")
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
