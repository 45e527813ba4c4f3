from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from strongroom import Connection, Secret, reference_of
from strongroom.errors import UnreadableFile
from strongroom.interchange import FoundDocument, Skipped
from strongroom.interchange.airflow import from_connections, from_environment, from_variables
from strongroom.interchange.plan import carried_out, planned
from strongroom_aws import AwsCredentials
from strongroom_registry.registry import Registry

CONNECTIONS = {
    "crm": {
        "conn_type": "http",
        "description": "the CRM",
        "login": "etl",
        "password": "p/w",
        "host": "https://crm.test",
        "port": 8443,
        "schema": "v2",
        "extra": '{"timeout": 3}',
    }
}


def found(path: Path, content: str) -> list[Any]:
    path.write_text(content)
    return list(from_connections(str(path)))


def made(item: FoundDocument) -> Connection:
    assert item.type == "connection"
    return Connection(**item.fields)


CRM = Connection(
    conn_type="http", description="the CRM", login="etl", password="p/w", host="https://crm.test", port=8443,
    schema="v2", extra={"timeout": 3},
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.json", json.dumps(CONNECTIONS)),
        ("c.yaml", json.dumps(CONNECTIONS)),
        ("c.json", json.dumps({"crm": [CONNECTIONS["crm"]]})),
        ("c.json", json.dumps([{"id": 7, "conn_id": "crm", "is_encrypted": False, **CONNECTIONS["crm"]}])),
        ("c.json", json.dumps({"crm": json.dumps(CONNECTIONS["crm"])})),
        ("c.env", f"# all\n\ncrm={CRM.get_json()}\n"),
        ("c.txt", f"export AIRFLOW_CONN_CRM='{CRM.get_json()}'\n"),
        ("c.conf", json.dumps(CONNECTIONS)),
    ],
    ids=["json", "yaml", "list of one", "listing", "json in json", "env", "shell", "unknown ending"],
)
def test_a_connection_is_the_same_in_whatever_file(name: str, content: str, tmp_path: Path) -> None:
    (item,) = found(tmp_path / name, content)
    assert item.name.lower() == "crm"
    assert made(item) == CRM


def test_uris_in_a_file_of_lines(tmp_path: Path) -> None:
    (item,) = found(tmp_path / "c.env", f"crm={CRM.get_uri()}")
    assert made(item) == Connection(**{**CRM.__dict__, "description": None})


def test_the_environment_has_connections_and_variables() -> None:
    environment = {
        "AIRFLOW_CONN_MY_DB": "postgres://u:p@h/db",
        "AIRFLOW_CONN_": "x://",
        "AIRFLOW_VAR_LIMIT": '{"rows": 3}',
        "AIRFLOW_HOME": "/srv",
    }
    connection, variable = from_environment(environment)
    assert isinstance(connection, FoundDocument)
    assert (connection.source, connection.name) == ("AIRFLOW_CONN_MY_DB", "MY_DB")
    assert isinstance(variable, FoundDocument)
    assert (variable.name, variable.type, variable.fields) == ("LIMIT", "secret", {"value": '{"rows": 3}'})


AWS = "aws://AKIA:k%2Fy@/?region_name=eu-west-1&role_arn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&external_id=12345"


def test_aws_connections_become_credentials_where_those_have_a_place(registry: Registry) -> None:
    items = list(from_environment({"AIRFLOW_CONN_AWS": AWS}))
    list(carried_out(registry, planned(registry, items)))
    credentials = AwsCredentials.load("aws")
    assert credentials.aws_secret_access_key is not None
    assert credentials.aws_secret_access_key.get_secret_value() == "k/y"
    assert credentials.assume_role_arn == "arn:aws:iam::1:role/x"
    assert credentials.assume_role_kwargs.ExternalId is not None
    assert credentials.assume_role_kwargs.ExternalId.get_secret_value() == "12345"


@pytest.mark.parametrize(
    "uri",
    [
        AWS + "&something=else",
        AWS.replace("@/", "@host/"),
        AWS.replace("AKIA:k%2Fy@", "AKIA@"),
        "aws://?aws_session_token=t",
        "aws://?__extra__=%7B%22region_name%22%3A+%5B%5D%7D",
    ],
)
def test_aws_connections_that_say_more_stay_connections(uri: str) -> None:
    (item,) = from_environment({"AIRFLOW_CONN_AWS": uri})
    assert isinstance(item, FoundDocument)
    assert made(item) == Connection.from_uri(uri)


def test_all_stay_connections_where_that_is_asked_for() -> None:
    (item,) = from_environment({"AIRFLOW_CONN_AWS": AWS}, as_connections=True)
    assert isinstance(item, FoundDocument)
    assert made(item).get_uri() == Connection.from_uri(AWS).get_uri()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{secret}", "no type"),
        ("x://u:{secret}#y@h", "#"),
        (["a://", "{secret}"], "neither"),
        (7, "neither"),
        ({"conn_type": "x", "password": 7}, "password is no text"),
        ({"conn_type": "x", "login": True}, "login is no text"),
        ({"conn_type": "x", "{secret}": 1}, "1 key that"),
        ({"conn_type": "x", "uri": "x://"}, "besides"),
        ({"conn_type": "x", "port": "{secret}"}, "port"),
        ({"conn_type": "x", "password": "***"}, "stars"),
        ({"conn_type": "x", "extra": {"key": "******"}}, "stars"),
        ('{{"conn_type": "{secret}"', "neither"),
    ],
)
def test_what_is_no_connection_is_left_with_its_reason(value: Any, reason: str, tmp_path: Path, canary: Plant) -> None:
    secret = canary()
    content = json.dumps({"bad": value}).replace("{secret}", secret).replace("{{", "{")
    path = tmp_path.parent / f"{tmp_path.name}.json"
    (item,) = found(path, content)
    path.unlink()
    assert isinstance(item, Skipped)
    assert reason in item.reason
    assert secret not in item.reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.json", "[]3"),
        ("c.json", "7"),
        ("c.json", '["crm"]'),
        ("c.json", '{"a": 1, "a": 2}'),
        ("c.yaml", "a: b\n---\nc: d"),
        ("c.yaml", ""),
        ("c.env", "nothing"),
        ("c.env", "a=x://\na=y://"),
    ],
)
def test_what_is_no_file_of_connections_is_refused(name: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        found(tmp_path / name, content)


def test_variables_of_a_file(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "v.json"
    path.write_text(
        json.dumps(
            {"plain": "text", "object": {"a": [1]}, "told": {"value": 3, "description": "d"}, "none": None, "x": "***"}
        )
    )
    steps = list(carried_out(registry, planned(registry, from_variables(str(path)))))
    assert [(step.name, str(step.action)) for step in steps] == [
        ("plain", "create"), ("object", "create"), ("told", "create"), (None, "skip"), (None, "skip"),
    ]  # fmt: skip
    assert Secret.load("plain").get() == "text"
    assert Secret.load("object").get() == {"a": [1]}
    assert Secret.load("told").get() == 3
    assert Secret.history("told")[0].message == "d"
    assert reference_of(Secret.load("told")) is not None
