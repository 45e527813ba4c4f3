"""Blocks as connections and values that Airflow understands.

A connection is always handed over as JSON: Airflow strips a value, takes what starts with ``{`` for JSON and everything
else for a URI, and in a URI a ``/``, an ``@`` or a space in a password has ended many a login.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from strongroom import JSON, Block, Connection, Secret
from strongroom.secrets import plain

from strongroom_airflow.errors import NotForAirflow


@runtime_checkable
class AirflowConnection(Protocol):
    """A block that knows itself as a connection of Airflow: what a type of your own is given to be one."""

    def airflow_connection(self) -> Mapping[str, Any]:
        """Airflow's fields: ``conn_type``, ``host``, ``login``, ``password``, ``schema``, ``port``, ``extra``.

        Values may be wrapped in their secret kinds; None is left out.
        """
        ...


def connection_json(block: Block, name: str) -> str:
    """A block as the JSON of a connection, its secrets in clear.

    :param name: how errors call the block.
    :raises NotForAirflow: it is no connection.
    """
    if isinstance(block, Connection):
        return block.get_json()
    if isinstance(block, AirflowConnection):
        return _written(block.airflow_connection())
    if isinstance(block, Secret | JSON):
        return _from_value(plain(block.value), name)
    mapping = _MAPPINGS.get(type(block).__block__.slug)
    if mapping is None:
        raise NotForAirflow(
            f"The block {name} is of the type {type(block).__block__.slug}, of which no connection can be made.",
            "Save a block of the type connection, or give the class a method airflow_connection().",
        )
    return _written(mapping(block))


def value_text(block: Block, name: str) -> str:
    """A block as the text of a variable or an option: the value of a ``secret`` or ``json`` block.

    :param name: how errors call the block.
    :raises NotForAirflow: it is another block, or holds what JSON has no form for.
    """
    value = plain(block.value) if isinstance(block, Secret | JSON) else None
    try:
        if isinstance(block, Secret | JSON):
            return value if isinstance(value, str) else json.dumps(value)
    except (TypeError, ValueError):
        pass
    raise NotForAirflow(
        f"The block {name} is of the type {type(block).__block__.slug} and holds no text.",
        "Save a block of the type secret or json for Airflow's variables and options.",
    )


def _from_value(value: Any, name: str) -> str:
    """A connection that somebody saved as one text, a URI or JSON, or as an object."""
    if isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{")):
        return Connection.from_json(value).get_json()
    if isinstance(value, str) and "://" in value:
        return Connection.from_uri(value.strip()).get_json()
    raise NotForAirflow(
        f"The value of the block {name} is no connection.",
        "Save a block of the type connection, or Airflow's URI or JSON.",
    )


def _written(fields: Mapping[str, Any]) -> str:
    connection = {name: plain(value) for name, value in fields.items()}
    extra = connection.get("extra")
    if isinstance(extra, Mapping):
        connection["extra"] = _without_none(extra)
    return json.dumps(_without_none(connection))


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != {}}


def _aws(block: Any) -> Mapping[str, Any]:
    """As Airflow's Amazon provider reads a connection."""
    parameters = block.aws_client_parameters
    role = plain(block.assume_role_kwargs)
    return {
        "conn_type": "aws",
        "login": block.aws_access_key_id,
        "password": block.aws_secret_access_key,
        "extra": {
            "aws_session_token": block.aws_session_token,
            "profile_name": block.profile_name,
            "region_name": block.region_name,
            "role_arn": block.assume_role_arn,
            "assume_role_kwargs": _without_none(role),
            **_aws_client(parameters),
        },
    }


def _minio(block: Any) -> Mapping[str, Any]:
    return {
        "conn_type": "aws",
        "login": block.minio_root_user,
        "password": block.minio_root_password,
        "extra": {"region_name": block.region_name, **_aws_client(block.aws_client_parameters)},
    }


def _aws_client(parameters: Any) -> dict[str, Any]:
    verify = str(parameters.verify_cert_path) if parameters.verify_cert_path else parameters.verify
    return {"endpoint_url": parameters.endpoint_url, "verify": verify, "config_kwargs": parameters.config}


def _gcp(block: Any) -> Mapping[str, Any]:
    """As Airflow's Google provider reads a connection."""
    target = block.impersonate_service_account
    info = plain(block.service_account_info)
    return {
        "conn_type": "google_cloud_platform",
        "extra": {
            "keyfile_dict": json.dumps(info) if info else None,
            "key_path": str(block.service_account_file) if block.service_account_file else None,
            "project": block.project,
            "scope": ",".join(block.scopes),
            "impersonation_chain": [*block.delegates, target] if target else None,
        },
    }


def _postgresql(block: Any) -> Mapping[str, Any]:
    """As Airflow's PostgreSQL provider reads a connection."""
    return {
        "conn_type": "postgres",
        "host": block.host,
        "port": block.port,
        "schema": block.database,
        "login": block.user,
        "password": block.password,
        "extra": {
            "sslmode": block.sslmode,
            "sslrootcert": block.sslrootcert,
            "connect_timeout": block.connect_timeout,
            "options": block.environment().get("PGOPTIONS"),
        },
    }


_MAPPINGS = {
    "aws-credentials": _aws,
    "gcp-credentials": _gcp,
    "minio-credentials": _minio,
    "postgresql": _postgresql,
}
"""By type, since a collection knows no other collection's classes."""
