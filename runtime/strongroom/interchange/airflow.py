"""Connections and variables of Airflow: from its environment variables, and from the files that it exports.

A connection stands in a file as Airflow's URI, as its JSON, or as an object. AWS connections become
``aws-credentials`` where those have a place for all that they say; every other one becomes a ``connection``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from strongroom_blocks.errors import BlockValidationError
from strongroom_blocks.frames import without_frames
from strongroom_blocks.types import Connection

from strongroom.errors import UnreadableFile
from strongroom.interchange.found import Found, FoundDocument, Skipped
from strongroom.interchange.strict_reading import read_file, read_json, read_yaml

CONNECTION_PREFIX = "AIRFLOW_CONN_"
VARIABLE_PREFIX = "AIRFLOW_VAR_"

_PARTS = frozenset({"conn_type", "host", "port", "login", "password", "schema", "extra", "description"})
_BESIDE = frozenset({"id", "conn_id", "connection_id", "is_encrypted", "is_extra_encrypted", "get_uri"})
"""What stands beside the parts in Airflow's listings, and says nothing more."""
_TEXTS = ("conn_type", "host", "login", "password", "schema", "description")
_MESSAGE_MAX = 1000
"""How much of a description becomes a version's message, in characters."""
_MASKED = re.compile(r"\*{3,}")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([^\s=#]+)\s*=(.*)")
_AWS_EXTRAS = {
    "region_name": ("region_name",),
    "profile_name": ("profile_name",),
    "aws_session_token": ("aws_session_token",),
    "role_arn": ("assume_role_arn",),
    "external_id": ("assume_role_kwargs", "ExternalId"),
    "endpoint_url": ("aws_client_parameters", "endpoint_url"),
}
"""Where ``aws-credentials`` has a place for what the extra of an AWS connection says."""


def from_environment(environment: Mapping[str, str] = os.environ, *, as_connections: bool = False) -> Iterator[Found]:
    """The connections and variables that ``AIRFLOW_CONN_…`` and ``AIRFLOW_VAR_…`` hold, sorted by name.

    :param as_connections: leave AWS connections connections.
    """
    for variable in sorted(environment):
        if variable.startswith(CONNECTION_PREFIX) and variable != CONNECTION_PREFIX:
            yield _connection(variable, _bare(variable), environment[variable], as_connections)
        elif variable.startswith(VARIABLE_PREFIX) and variable != VARIABLE_PREFIX:
            yield _variable(variable, _bare(variable), environment[variable])


@without_frames
def from_connections(path: str, *, as_connections: bool = False) -> list[Found]:
    """The connections of a file that ``airflow connections export`` or ``list -o json|yaml`` wrote, or that its local
    secrets backend reads: JSON, YAML or ``name=value`` lines.

    :raises UnreadableFile: it is no such file.
    """
    return [_connection(f"connection {name}", _bare(name), value, as_connections) for name, value in _entries(path)]


@without_frames
def from_variables(path: str) -> list[Found]:
    """The variables of a file that ``airflow variables export`` wrote, or that its local secrets backend reads.

    :raises UnreadableFile: it is no such file.
    """
    return [_variable(f"variable {name}", _bare(name), value) for name, value in _entries(path)]


def _bare(name: str) -> str:
    return name.removeprefix(CONNECTION_PREFIX).removeprefix(VARIABLE_PREFIX)


def _entries(path: str) -> list[tuple[str, Any]]:
    text = read_file(path)
    content = _content(text, path)
    if isinstance(content, list):  # a listing
        return [(_id_of(item, path), item) for item in content]
    if isinstance(content, dict):
        return [(name, _single(value)) for name, value in content.items()]
    raise UnreadableFile(f"{path} holds no connections or variables by name.", 'Write {"name": …}')


def _content(text: str, path: str) -> Any:
    kind = path.rpartition(".")[2].lower()
    if kind == "json" or (kind not in ("yaml", "yml", "env") and text.lstrip()[:1] in ("{", "[")):
        return read_json(text, path)
    if kind in ("yaml", "yml"):
        documents = read_yaml(text, path)
        return documents[0] if len(documents) == 1 else None
    return _assignments(text, path)


def _assignments(text: str, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line.strip())
        if match is None:
            raise UnreadableFile(f"{path} has a line {number} that sets nothing.", "Write name=value.")
        name, value = match[1], match[2].strip()
        if name in found:
            raise UnreadableFile(f"{path} sets a name twice (line {number}).", "Leave one of the two.")
        found[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    return found


def _id_of(item: Any, path: str) -> str:
    name = item.get("conn_id", item.get("connection_id", item.get("key"))) if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise UnreadableFile(f"{path} lists something without a conn_id.", 'Write {"conn_id": …, …}')
    return name


def _single(value: Any) -> Any:
    """Airflow lets a list of one stand for that one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _connection(source: str, name: str, value: Any, as_connections: bool) -> Found:
    try:
        made = _made(value)
    except BlockValidationError as error:
        made = f"{error.problem} {error.remedy}".strip()
    if isinstance(made, str):
        return Skipped(source, made)
    fields = None if as_connections else _aws(made)
    if fields is not None:
        return FoundDocument(source, name, "aws-credentials", fields, (made.description or "")[:_MESSAGE_MAX])
    fields = {part: getattr(made, part) for part in type(made).model_fields}
    return FoundDocument(source, name, "connection", fields)


def _made(value: Any) -> Connection | str:
    """The connection, or why there is none."""
    if isinstance(value, str):
        text = value.strip()
        if not text.startswith("{"):
            return _unmasked(Connection.from_uri(text))
        value = read_json(text, "the connection") if _is_object(text) else None
    if not isinstance(value, Mapping):
        return "it is neither a URI nor a JSON object"
    if "uri" in value:
        if not isinstance(value["uri"], str) or _PARTS & value.keys():
            return "it has a URI and other parts besides: leave one of the two"
        return _unmasked(Connection.from_uri(value["uri"]))
    return _of_parts({key: inner for key, inner in value.items() if key not in _BESIDE})


def _is_object(text: str) -> bool:
    try:
        return isinstance(read_json(text, ""), dict)
    except UnreadableFile:
        return False


def _of_parts(value: dict[str, Any]) -> Connection | str:
    if "extra_dejson" in value:
        parsed = value.pop("extra_dejson")
        value["extra"] = value.get("extra") or parsed
    unknown = len(value.keys() - _PARTS)
    if unknown:
        return f"it has {unknown} key{'s' if unknown > 1 else ''} that Airflow's connections have not"
    for part in _TEXTS:
        if not isinstance(value.get(part, ""), str | None):
            return f"its {part} is no text: put quotes around it"
    return _unmasked(Connection.from_json(value))


def _unmasked(made: Connection) -> Connection | str:
    """Refuse what Airflow shows instead of a secret."""
    password = made.password.get_secret_value() if made.password else ""
    extra = made.extra.get_secret_value()
    hidden = [name for name, text in {**extra, "password": password}.items() if _is_masked(text)]
    if not hidden:
        return made
    return "stars stand for its password or a part of its extra: export it with 'airflow connections export'"


def _is_masked(value: Any) -> bool:
    return isinstance(value, str) and _MASKED.fullmatch(value) is not None


def _aws(made: Connection) -> dict[str, Any] | None:
    """The fields of ``aws-credentials``, where they have a place for all that the connection says."""
    extra = made.extra.get_secret_value()
    whole = bool(made.login) == bool(made.password)
    if made.conn_type != "aws" or not whole or made.host or made.port or made.schema or extra.keys() - _AWS_EXTRAS:
        return None
    fields: dict[str, Any] = {}
    if made.login:
        fields |= {"aws_access_key_id": made.login, "aws_secret_access_key": made.password}
    for name, value in extra.items():
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        first, *rest = _AWS_EXTRAS[name]
        fields[first] = {rest[0]: str(value)} if rest else str(value)
    return fields if "aws_session_token" not in fields or made.login else None


def _variable(source: str, name: str, value: Any) -> Found:
    message = ""
    if isinstance(value, Mapping) and "value" in value and not value.keys() - {"value", "description", "key", "id"}:
        message = str(value.get("description") or "")[:_MESSAGE_MAX]
        value = value["value"]
    if value is None:
        return Skipped(source, "it has no value")
    if _is_masked(value):
        return Skipped(source, "stars stand for its value: export it with 'airflow variables export'")
    return FoundDocument(source, name, "secret", {"value": value}, message)
