"""What the command line says of collections."""

from __future__ import annotations

import json
import re

import pytest
from strongroom.collections import collections

OURS = ["core", "airflow", "aws", "dbt", "gcp", "snowflake", "sqlalchemy", "vault"]


def test_all_of_ours_are_listed_the_core_first(strongroom):
    rows = json.loads(strongroom("collection", "ls", "--json").stdout)
    assert [row["name"] for row in rows if row["distribution"] == "strongroom"] == OURS
    assert not [row for row in rows if row["problem"]]
    shown = strongroom("collections", "ls").stdout.splitlines()
    assert shown[1].startswith("core  ")
    assert shown[0].split() == ["NAME", "WHAT", "IT", "IS", "FOR", "BLOCKS"]


def test_every_part_that_is_declared_belongs_to_a_collection():
    from importlib.metadata import entry_points

    found = collections()
    for group, part in {
        "strongroom.blocks": "block_types",
        "strongroom.key_providers": "key_providers",
        "strongroom.secret_sources": "secret_sources",
        "strongroom.importers": "importers",
    }.items():
        points = entry_points(group=group)
        declared = {point.name for point in points if not point.value.startswith("strongroom_service.")}
        assert declared <= {name for one in found for name in getattr(one, part)}, group


def test_the_core_knows_the_keys_that_are_built_in():
    from strongroom_registry.keys import resolve

    assert set(collections()[0].key_providers) >= set(resolve.__globals__["_BUILT_IN"])


def test_a_collection_shows_its_blocks_and_tasks(strongroom):
    shown = strongroom("collection", "show", "aws").stdout
    assert shown.startswith("aws  AWS\n")
    for told in ("Extra", "aws, installed", "awskms:", "aws-sm:, aws-ssm:", "s3-bucket", "Tasks in strongroom_aws.s3"):
        assert told in shown
    assert re.search(r"^download_from_bucket +\S", shown, re.MULTILINE)
    assert "adownload_from_bucket" not in shown


@pytest.mark.parametrize("name", OURS)
def test_every_task_says_what_it_does_and_what_it_takes(strongroom, name):
    sheet = json.loads(strongroom("collection", "show", name, "--json").stdout)
    assert not [task["name"] for task in sheet["tasks"] if not task["summary"]]
    assert not [task["name"] for task in sheet["tasks"] if not task["returns"]]
    assert not [task["name"] for task in sheet["tasks"] if not all(p["type"] for p in task["parameters"])]


@pytest.mark.parametrize("task", ["read_object", "aread_object"])
def test_a_task_shows_its_parameters(strongroom, task):
    shown = strongroom("collection", "show", "core", task).stdout
    assert shown.startswith("read_object -> bytes\n\nThe content of an object.\n")
    assert "from strongroom.objects import read_object, aread_object" in shown
    assert re.search(r"^store +ObjectStore +required", shown, re.MULTILINE)
    sheet = json.loads(strongroom("collection", "show", "core", task, "--json").stdout)
    assert sheet["parameters"][1] == {
        "parameter": "path", "type": "str", "required": True, "default": None, "description": "",
    }  # fmt: skip


def test_unknown_names_are_told_with_what_looks_alike(strongroom):
    assert "Did you mean aws?" in strongroom("collection", "show", "awss", code=3).stderr
    assert "Installed are airflow, aws, core," in strongroom("collection", "show", "qqqq", code=3).stderr
    assert "Did you mean read_object" in strongroom("collection", "show", "core", "read_objct", code=3).stderr


def test_a_card_that_does_not_load_is_told_and_spoils_nothing(strongroom, tmp_path, monkeypatch):
    declared = tmp_path / "acme_strongroom-2.1.dist-info"
    declared.mkdir()
    (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-strongroom\nVersion: 2.1\n")
    (declared / "entry_points.txt").write_text("[strongroom.collections]\nacme = acme_strongroom.card:CARD\n")
    monkeypatch.syspath_prepend(tmp_path)
    rows = {row["name"]: row for row in json.loads(strongroom("collection", "ls", "--json").stdout)}
    assert rows["acme"]["problem"] == "ModuleNotFoundError: No module named 'acme_strongroom'"
    assert (rows["acme"]["installed"], rows["acme"]["version"]) == (False, "2.1")
    assert "No module named 'acme_strongroom'" in strongroom("collection", "ls").stdout
    shown = strongroom("collection", "show", "acme")
    assert "Its card cannot be had: ModuleNotFoundError" in shown.stderr
    assert "acme-strongroom 2.1" in shown.stdout


def test_task_modules_that_are_not_there_are_an_error_with_a_remedy(strongroom, monkeypatch):
    from strongroom.collections.core import CARD

    monkeypatch.setattr("strongroom.collections.found_task.import_module", lambda name: __import__("no_such_module"))
    assert CARD.task_modules
    told = strongroom("collection", "show", "core", code=1).stderr
    assert "The tasks of core cannot be loaded: No module named 'no_such_module'. Correct task_modules" in told
