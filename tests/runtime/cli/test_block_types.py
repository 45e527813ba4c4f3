"""What the command line says of block types: all of them, and one."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

SDKS = ("boto3", "botocore", "google", "snowflake", "dbt", "hvac", "duckdb", "psycopg", "sqlalchemy")


@pytest.mark.parametrize(
    "arguments",
    [
        ["block", "types"],
        ["block", "types", "s3-bucket"],
        ["block", "types", "dbt-project", "--json"],
        ["collection", "ls"],
        *(["collection", "show", name, "--json"] for name in ("core", "aws", "dbt", "gcp", "vault", "snowflake")),
    ],
    ids=" ".join,
)
def test_nothing_that_is_told_of_types_and_tasks_imports_an_sdk(arguments):
    loaded = f"[name for name in sys.modules if name.partition('.')[0] in {SDKS}]"
    code = (
        "import sys\nfrom strongroom.cli import main\n"
        f"try: main({arguments})\nfinally: print({loaded}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout


def test_types_are_listed_with_what_they_are_and_where_they_come_from(strongroom):
    rows = {row["slug"]: row for row in json.loads(strongroom("block", "types", "--json").stdout)}
    folder = rows["local-folder"]
    assert (folder["collection"], folder["package"], folder["installed"]) == ("core", "strongroom", True)
    assert {"ObjectStore", "Checkable"} <= set(folder["capabilities"])
    assert "ObjectStore" in rows["s3-bucket"]["capabilities"]
    assert "Database" in rows["duckdb"]["capabilities"]
    assert rows["duckdb"]["extra"] == "duckdb"
    assert rows["crm-api"]["collection"] is None
    assert not any(row["problem"] for row in rows.values())


def test_what_is_not_installed_is_told_with_what_to_run(strongroom, monkeypatch):
    monkeypatch.setattr(
        "strongroom.collections.requirements.missing", lambda _, extra: ("boto3>=1.35",) if extra else ()
    )
    shown = strongroom("blocks", "types", "aws-credentials").stdout
    assert 'boto3>=1.35 not installed. Run: pip install "strongroom[aws]"' in shown
    assert 'Run: pip install "strongroom[vault]"' in strongroom("blocks", "types").stdout


def test_a_type_whose_class_does_not_load_is_listed_with_the_reason(strongroom, monkeypatch):
    def fail(self):
        raise ImportError("no module named acme_sdk")

    monkeypatch.setattr("strongroom_blocks.catalog.BlockType.load", fail)
    rows = json.loads(strongroom("block", "types", "--json").stdout)
    assert {row["problem"] for row in rows} == {"ImportError: no module named acme_sdk"}


def test_a_type_shows_its_fields(strongroom):
    fields = {
        row["field"]: row for row in json.loads(strongroom("block", "types", "crm-api", "--json").stdout)["fields"]
    }
    assert fields["token"] == {
        "field": "token", "type": "SecretStr", "required": True, "secret": True, "default": None, "description": "",
    }  # fmt: skip
    assert fields["page_size"]["default"] == "100"
    assert fields["tags"]["type"] == "list[str]"
    assert fields["login"]["type"] == "Login"
    shown = strongroom("block", "types", "crm-api").stdout
    assert shown.startswith("crm-api  CRM API\n\nWhere the CRM answers, and how SecretStr keeps its token.\n")
    assert "Example" not in shown


def test_a_type_shows_where_it_comes_from_what_it_can_do_and_an_example(strongroom):
    shown = strongroom("block", "types", "s3-bucket").stdout
    for fact in ("Class +strongroom_aws.S3Bucket", "Collection +aws", "Extra +aws, installed"):
        assert re.search(f"^{fact}$", shown, re.MULTILINE)
    assert "\nCan be used as: ObjectStore, Checkable" in shown
    assert "from strongroom_aws import AwsCredentials, S3Bucket\n" in shown
    assert '.save("my-s3-bucket")' in shown
    assert "required" in shown


def test_types_of_the_users_own_are_listed_where_settings_name_their_module(process, tmp_path):
    (tmp_path / "my_types.py").write_text(
        "from strongroom import Block\n\nclass MyQueue(Block):\n    'A queue of mine.'\n    queue: str\n"
    )
    named = {"PYTHONPATH": str(tmp_path), "STRONGROOM_BLOCK_MODULES": "my_types"}
    [row] = [r for r in json.loads(process("block", "types", "--json", env=named).stdout) if r["slug"] == "my-queue"]
    assert (row["class"], row["summary"], row["collection"]) == ("my_types.MyQueue", "A queue of mine.", None)
    wrong = process("block", "types", code=3, env={**named, "STRONGROOM_BLOCK_MODULES": "no_such_module"})
    assert 'names the module "no_such_module", which cannot be found' in wrong.stderr


def test_an_unknown_type_names_what_looks_alike(strongroom):
    assert "Did you mean s3-bucket" in strongroom("block", "types", "s3-buckt", code=3).stderr


@pytest.mark.parametrize(
    "arguments",
    [["block", "types"], ["block", "types", "s3-bucket"], ["collection", "ls"], ["collection", "show", "aws"]],
    ids=" ".join,
)
def test_a_terminal_of_80_columns_is_wide_enough(strongroom, monkeypatch, arguments):
    for module in ("output", "block_types", "collection"):
        monkeypatch.setattr(f"strongroom.cli.{module}.on_terminal", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    shown = strongroom(*arguments).stdout
    assert max(map(len, shown.splitlines())) <= 80


def test_classes_that_a_collection_keeps_to_itself_are_no_types(strongroom, monkeypatch):
    from strongroom import Block

    class Hidden(Block, slug="test-hidden-base"):
        """A base class of a collection's blocks."""

    assert '"test-hidden-base"' in strongroom("block", "types", "--json").stdout
    monkeypatch.setattr(Hidden, "__module__", "strongroom_aws.base")
    assert '"test-hidden-base"' not in strongroom("block", "types", "--json").stdout
