from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from canaries import Plant
from strongroom import JSON, Block, Connection, LocalFolder, Secret, reference_of
from strongroom.errors import UnreadableFile
from strongroom.interchange.plan import Step, carried_out, planned
from strongroom.interchange.prefect import from_files
from strongroom_aws import AwsCredentials, MinIOCredentials, S3Bucket
from strongroom_registry.registry import Registry

from .conftest import Crm


def document(slug: str, name: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A block document as Prefect's API gives it."""
    return {
        "id": str(uuid4()),
        "created": "2026-01-01T00:00:00Z",
        "name": name,
        "data": data,
        "block_schema_id": str(uuid4()),
        "block_schema": {"checksum": "sha256:0", "fields": {}, "capabilities": [], "version": "3.4.0"},
        "block_type_id": str(uuid4()),
        "block_type_name": slug.replace("-", " ").title(),
        "block_type": {"name": slug.replace("-", " ").title(), "slug": slug, "is_protected": False},
        "block_document_references": {},
        "is_anonymous": False,
        **more,
    }


def imported(tmp_path: Path, registry: Registry, content: Any, **options: Any) -> list[Step]:
    path = tmp_path.parent / f"{tmp_path.name}.json"  # where secrets may stand
    path.write_text(json.dumps(content))
    try:
        return list(carried_out(registry, planned(registry, from_files([str(path)]), **options)))
    finally:
        path.unlink()


def told(steps: list[Step]) -> list[tuple[str | None, str | None, str]]:
    return [(step.name, step.type, str(step.action)) for step in steps]


def aws(name: str = "prod", **more: Any) -> dict[str, Any]:
    data = {
        "block_type_slug": "aws-credentials", "aws_access_key_id": "AKIA", "aws_secret_access_key": "k",
        "aws_session_token": None, "profile_name": None, "region_name": "eu-west-1",
        "aws_client_parameters": {"api_version": None, "use_ssl": True, "verify": True, "verify_cert_path": None,
                                  "endpoint_url": "http://minio.test:9000", "config": None},
    }  # fmt: skip
    return document("aws-credentials", name, data, **more)


def test_types_that_exist_here_become_those(tmp_path: Path, registry: Registry) -> None:
    steps = imported(
        tmp_path,
        registry,
        [
            document("secret", "token", {"value": "12345"}),
            document("secret", "object", {"value": {"a": [1]}}),
            document("json", "config", {"value": {"rows": 3}}),
            document("string", "text", {"value": "words"}),
            document("local-file-system", "lake", {"basepath": "/srv/lake", "block_type_slug": "local-file-system"}),
            aws(),
            document("minio-credentials", "minio", {"minio_root_user": "u", "minio_root_password": "p"}),
        ],
    )
    assert {step.action for step in steps} == {"create"}
    assert Secret.load("token").get() == "12345"
    assert Secret.load("object").get() == {"a": [1]}
    assert JSON.load("config").value == {"rows": 3}
    assert JSON.load("text").value == "words"
    assert LocalFolder.load("lake").basepath == Path("/srv/lake")
    assert AwsCredentials.load("prod").aws_client_parameters.endpoint_url == "http://minio.test:9000"
    assert MinIOCredentials.load("minio").minio_root_user == "u"


def test_a_nested_document_is_referred_to(tmp_path: Path, registry: Registry) -> None:
    credentials = aws()
    bucket = document(
        "s3-bucket", "lake", {"bucket_name": "b", "credentials": {"$ref": {"block_document_id": credentials["id"]}}}
    )
    steps = imported(tmp_path, registry, {"results": [bucket, credentials]})
    assert told(steps) == [("prod", "aws-credentials", "create"), ("lake", "s3-bucket", "create")]
    loaded = S3Bucket.load("lake")
    assert loaded.credentials == AwsCredentials.load("prod")
    AwsCredentials(region_name="eu-north-1").save("prod", overwrite=True)
    assert S3Bucket.load("lake").credentials.region_name == "eu-north-1"


def test_a_nested_document_that_is_repeated_inside_is_found_there(tmp_path: Path, registry: Registry) -> None:
    credentials = aws()
    reference = {
        key: credentials[key] for key in ("id", "name", "block_type", "is_anonymous", "block_document_references")
    }
    bucket = document(
        "s3-bucket", "lake", {"bucket_name": "b", "credentials": credentials["data"]},
        block_document_references={"credentials": {"block_document": reference}},
    )  # fmt: skip
    steps = imported(tmp_path, registry, bucket)
    assert told(steps) == [("prod", "aws-credentials", "create"), ("lake", "s3-bucket", "create")]
    assert {step.action for step in imported(tmp_path, registry, [credentials, bucket])} == {"same"}


def test_an_anonymous_document_stays_inside(tmp_path: Path, registry: Registry) -> None:
    hidden = aws("anonymous-1", is_anonymous=True)
    bucket = document(
        "s3-bucket", "lake", {"bucket_name": "b", "credentials": {"$ref": {"block_document_id": hidden["id"]}}}
    )
    assert told(imported(tmp_path, registry, [hidden, bucket])) == [("lake", "s3-bucket", "create")]
    assert S3Bucket.load("lake").credentials.region_name == "eu-west-1"


def test_blocks_in_a_list_are_referred_to_where_prefect_copies_them(tmp_path: Path, registry: Registry) -> None:
    def copy(identity: str, name: str | None, value: Any) -> dict[str, Any]:
        return {
            "value": value, "block_type_slug": "secret", "_block_document_id": identity, "_block_document_name": name,
            "_is_anonymous": name is None,
        }  # fmt: skip

    part = document("secret", "part", {"value": "now"})
    many = [copy(part["id"], "part", "then"), copy("else", "absent", "alone"), copy("x", None, "inline")]
    crm = document(
        "moved-crm",
        "crm",
        {"url": "u", "token": "t", "many": many, "inner": {"value": "i", "block_type_slug": "secret"}},
    )
    steps = imported(tmp_path, registry, [crm, part])
    assert told(steps) == [("part", "secret", "create"), ("absent", "secret", "create"), ("crm", "moved-crm", "create")]
    loaded = Crm.load("crm")
    assert [inner.get() for inner in loaded.many] == ["now", "alone", "inline"]
    assert [str(reference_of(inner)) for inner in loaded.many] == ["part@1", "absent@1", "None"]
    assert loaded.inner == Secret(value="i")


def test_types_that_are_not_known_become_connections(tmp_path: Path, registry: Registry) -> None:
    info = {
        "driver": "postgresql+psycopg2",
        "database": "db",
        "username": "u",
        "password": "p",
        "host": "h",
        "port": 5432,
    }
    steps = imported(
        tmp_path,
        registry,
        [
            document("github-credentials", "github", {"token": "t", "block_type_slug": "github-credentials"}),
            document("sqlalchemy-connector", "warehouse", {"connection_info": info, "fetch_size": 9}),
            document("slack-webhook", "slack", {"url": "https://slack.test"}, block_type=None),
        ],
    )  # fmt: skip
    assert {step.type for step in steps} == {"connection"}
    assert Connection.load("github").extra.get_secret_value() == {"token": "t"}
    assert Connection.load("github").conn_type == "github_credentials"
    assert Connection.load("slack").conn_type == "slack_webhook"
    warehouse = Connection.load("warehouse")
    assert warehouse.get_uri().startswith("postgres://u:p@h:5432/db?")
    assert warehouse.extra.get_secret_value() == {"fetch_size": 9, "driver": "postgresql+psycopg2"}


@pytest.mark.parametrize("stars", ["********", "**********"])
def test_stars_in_the_place_of_secrets_are_refused(stars: str, tmp_path: Path, registry: Registry) -> None:
    nested = aws()
    nested["data"]["aws_secret_access_key"] = stars
    bucket = document(
        "s3-bucket", "lake", {"bucket_name": "b", "credentials": {"$ref": {"block_document_id": nested["id"]}}}
    )
    steps = imported(tmp_path, registry, [document("secret", "token", {"value": stars}), nested, bucket])
    assert [str(step.action) for step in steps] == ["skip"] * 3
    assert "include_secrets" in steps[-1].reason
    assert registry.list() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (document("secret", "x", {"valeu": "v"}), "value: Field required"),
        (document("s3-bucket", "x", {"bucket_name": "b", "credentials": {"$ref": "gone"}}), "not there"),
        (document("dbt-cli", "x", {"creds": {"$ref": {"block_document_id": "gone"}}}), "cannot hold"),
        (document("secret", "日本", {"value": "v"}), "name"),
        ({"name": "x", "data": {}}, "neither"),
        ({"data": {}, "block_type_slug": "secret"}, "neither"),
        (document("json", "x", {"value": {"$ref": "gone"}}), "not there"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_left_with_its_reason(
    content: Any, reason: str, tmp_path: Path, registry: Registry
) -> None:
    (step,) = imported(tmp_path, registry, content)
    assert step.action == "skip"
    assert reason in step.reason


def test_documents_that_hold_each_other_are_left(tmp_path: Path, registry: Registry) -> None:
    one, other = document("json", "one", {}), document("json", "other", {}, is_anonymous=True)
    one["data"] = {"value": {"$ref": {"block_document_id": other["id"]}}}
    other["data"] = {"value": {"$ref": {"block_document_id": other["id"]}}}
    third = document("json", "third", {"value": {"$ref": {"block_document_id": one["id"]}}})
    itself = document("json", "itself", {})
    itself["data"] = {"value": [{"$ref": {"block_document_id": itself["id"]}}]}
    steps = imported(tmp_path, registry, [third, one, other, itself])
    assert [step.action for step in steps] == ["skip"] * 3


def test_two_types_with_one_name_are_told(tmp_path: Path, registry: Registry) -> None:
    content = [document("secret", "prod", {"value": "v"}), document("json", "prod", {"value": 1})]
    steps = imported(tmp_path, registry, content)
    assert [(str(step.action), step.reason) for step in steps] == [
        ("conflict", "json/prod becomes prod as well"),
        ("conflict", "secret/prod becomes prod as well"),
    ]


@pytest.mark.parametrize("content", [7, [7], {"data": 7}, [{"id": "x", "name": "n", "slug": "secret/n"}], "x"])
def test_what_is_no_block_document_is_refused(content: Any, tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(UnreadableFile):
        imported(tmp_path, registry, content)


def test_no_secret_is_told(tmp_path: Path, registry: Registry, canary: Plant) -> None:
    secret = canary()
    content = [
        document("secret", "a", {"value": secret, "more": secret}),
        document("aws-credentials", "b", {"aws_access_key_id": "AKIA", "aws_secret_access_key": [secret]}),
        document("minio-credentials", "c", {"minio_root_user": "u", "minio_root_password": secret}),
        document("secret", "d", {secret: 1}),
    ]
    steps = imported(tmp_path, registry, content)
    assert [str(step.action) for step in steps] == ["skip", "skip", "create", "skip"]
    assert secret not in repr(steps)
    assert Block.exists("c")
