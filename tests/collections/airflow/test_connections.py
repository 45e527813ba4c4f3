"""Blocks as Airflow's connections: each field where Airflow's own providers look for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom import JSON, Block, Connection, DuckDB, Secret
from strongroom_airflow import NotForAirflow, connection_json
from strongroom_aws import AwsClientParameters, AwsCredentials, MinIOCredentials
from strongroom_aws.assume_role_parameters import AssumeRoleParameters
from strongroom_blocks.errors import BlockValidationError
from strongroom_blocks.types.postgresql import PostgreSQL
from strongroom_gcp import GcpCredentials


def written(block: Block) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(connection_json(block, "it"))
    return shape


def test_aws(canary: Any) -> None:
    block = AwsCredentials(
        aws_access_key_id="AKIA", aws_secret_access_key=(key := canary()), aws_session_token=(token := canary()),
        region_name="eu-central-1", assume_role_arn="arn:aws:iam::1:role/x",
        assume_role_kwargs=AssumeRoleParameters(RoleSessionName="etl"),
        aws_client_parameters=AwsClientParameters(endpoint_url="https://s3.test", config={"proxies": {"https": "p"}}),
    )  # fmt: skip
    assert written(block) == {
        "conn_type": "aws",
        "login": "AKIA",
        "password": key,
        "extra": {
            "aws_session_token": token,
            "region_name": "eu-central-1",
            "role_arn": "arn:aws:iam::1:role/x",
            "assume_role_kwargs": {"RoleSessionName": "etl"},
            "endpoint_url": "https://s3.test",
            "config_kwargs": {"proxies": {"https": "p"}},
        },
    }
    assert written(AwsCredentials()) == {"conn_type": "aws"}


def test_minio(canary: Any) -> None:
    parameters = AwsClientParameters(endpoint_url="http://minio:9000", verify_cert_path=Path("/ca.pem"))
    block = MinIOCredentials(
        minio_root_user="root", minio_root_password=(key := canary()), aws_client_parameters=parameters
    )
    assert written(block) == {
        "conn_type": "aws", "login": "root", "password": key,
        "extra": {"endpoint_url": "http://minio:9000", "verify": "/ca.pem"},
    }  # fmt: skip


def test_gcp(canary: Any) -> None:
    info = {"type": "service_account", "private_key": canary()}
    block = GcpCredentials(
        service_account_info=info, project="p", impersonate_service_account="b@x.test", delegates=["a@x.test"]
    )
    shape = written(block)
    assert shape["conn_type"] == "google_cloud_platform"
    assert json.loads(shape["extra"].pop("keyfile_dict")) == info
    assert shape["extra"] == {
        "project": "p", "scope": ",".join(block.scopes), "impersonation_chain": ["a@x.test", "b@x.test"],
    }  # fmt: skip


def test_postgresql(canary: Any) -> None:
    block = PostgreSQL(
        host="db", database="shop", user="ada", password=(key := canary()), sslmode="require",
        options={"search_path": "a, b", "jit": False},
    )  # fmt: skip
    assert written(block) == {
        "conn_type": "postgres", "host": "db", "port": 5432, "schema": "shop", "login": "ada", "password": key,
        "extra": {"sslmode": "require", "connect_timeout": 10, "options": "-c search_path=a,\\ b -c jit=off"},
    }  # fmt: skip


def test_a_secret_that_holds_airflows_own_notation(canary: Any) -> None:
    key = canary(value="k/e@y :%é")
    uri = Connection(conn_type="postgres", host="db", password=key, extra={"a": "b"}).get_uri()
    expected = {"conn_type": "postgres", "host": "db", "password": key, "extra": {"a": "b"}}
    assert written(Secret(value=uri)) == expected
    assert written(Secret(value=f" {json.dumps(expected)}")) == expected
    assert written(Secret(value=expected)) == expected
    assert written(JSON(value={"conn_type": "http", "host": "crm"})) == {"conn_type": "http", "host": "crm"}


class Warehouse(Block, slug="airflow-warehouse"):
    token: SecretStr

    def airflow_connection(self) -> Mapping[str, Any]:
        return {"conn_type": "http", "host": None, "password": self.token, "extra": {"deep": [self.token], "x": None}}


def test_a_type_of_the_users_own(canary: Any) -> None:
    shape = written(Warehouse(token=(key := canary())))
    assert shape == {"conn_type": "http", "password": key, "extra": {"deep": [key]}}


@pytest.mark.parametrize("value", ["just a token", 3, ["a"], None, "{not json", {"unknown": 1}, "postgres://db:port/x"])
def test_what_is_no_connection_is_refused_without_its_value(value: Any) -> None:
    with pytest.raises((NotForAirflow, BlockValidationError)) as caught:
        connection_json(Secret(value=value), "it")
    assert "just a token" not in str(caught.value)
    assert "not json" not in str(caught.value)


def test_a_type_without_a_form_is_named() -> None:
    with pytest.raises(NotForAirflow, match="block it is of the type duckdb") as caught:
        connection_json(DuckDB(), "it")
    assert "airflow_connection()" in caught.value.remedy


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(login=texts, password=texts, schema=texts, extra=st.dictionaries(texts.filter(bool), texts, max_size=3))
def test_whatever_the_characters_they_arrive(login: str, password: str, schema: str, extra: dict[str, str]) -> None:
    """Airflow strips the value, takes what starts with a brace for JSON, and an empty part for none."""
    block = Connection(conn_type="http", login=login, password=password, schema=schema, extra=extra)
    value = connection_json(block, "it")
    assert value.strip() == value
    assert value[0] == "{"
    shape = json.loads(value)
    assert (shape.get("login", ""), shape.get("password", ""), shape.get("schema", "")) == (login, password, schema)
    found = shape.get("extra", {})
    assert found == extra or (set(extra) == {"__extra__"} and found == extra["__extra__"])
