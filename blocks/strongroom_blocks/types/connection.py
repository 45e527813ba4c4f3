"""A connection to anything, in the terms that Airflow has for one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from strongroom_blocks.block import Block
from strongroom_blocks.errors import BlockValidationError
from strongroom_blocks.frames import without_frames
from strongroom_blocks.secrets import SecretDict
from strongroom_blocks.sources.secret_reference import has_loose

C = TypeVar("C")

_EXTRA = "__extra__"
_FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port")
_SCHEME = re.compile(r"(?:([A-Za-z][A-Za-z0-9+._-]*):)?//")
_PROTOCOL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_ENCODE = "Percent-encode every part of it: %23 for #, %2F for /, %3A for :, %3F for ?, %40 for @."

_EXAMPLE: dict[str, Any] = {
    "conn_type": "postgres",
    "host": "db.example.com",
    "login": "etl",
    "password": "…",
    "schema": "shop",
}


class Connection(Block, slug="connection", icon="plug"):
    """How to reach and log in to a database, a service or anything else, in the terms that Airflow has for it.

    ``extra`` holds what the kind of connection needs besides, as JSON values. Made from Airflow's URI with
    :meth:`from_uri` and from its JSON with :meth:`from_json`; :meth:`get_uri` and :meth:`get_json` write them. A
    part that is empty counts as absent, as Airflow has it.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    conn_type: str = Field("generic", pattern=r"^[a-z][a-z0-9_+.]*$", description="The kind: postgres, http, …")
    host: str | None = Field(None, description="A host, a path or a URL, as the kind wants it.")
    port: int | None = Field(None, ge=1, le=65535, description="The port, where it is not the usual one.")
    login: str | None = Field(None, description="Who logs in.")
    password: SecretStr | None = Field(None, description="The password of who logs in.")
    schema: str | None = Field(None, description="The database, schema or the like.")  # type: ignore[assignment]
    extra: SecretDict = Field(SecretDict({}), description="What the kind of connection needs besides.")
    description: str | None = Field(None, description="What it is for, in words.")

    @field_validator("conn_type", mode="before")
    @classmethod
    def _known_by_one_name(cls, value: Any) -> Any:
        """As Airflow reads types: ``google-cloud`` is ``google_cloud``, and ``postgresql`` is ``postgres``."""
        if not isinstance(value, str):
            return "generic" if value is None else value
        text = value.lower().replace("-", "_")
        return {"postgresql": "postgres", "": "generic"}.get(text, text)

    @field_validator("host", "login", "password", "schema", "description", "port", mode="before")
    @classmethod
    def _absent_where_empty(cls, value: Any, info: ValidationInfo) -> Any:
        empty = ("", "0", 0) if info.field_name == "port" else ("",)
        return None if isinstance(value, str | int) and value in empty else value

    @field_validator("extra", mode="before")
    @classmethod
    def _json_alone(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not has_loose(value) and not _is_json(dict(value)):
            raise ValueError("must hold JSON values alone")
        return value

    @classmethod
    def from_uri(cls, uri: str, *, description: str | None = None) -> Self:
        """A connection from a URI as Airflow writes one: ``type://login:password@host:port/schema?extra=…``.

        Parts are percent-decoded. The query is ``extra``: each value as JSON if it is some, as Airflow 3 has it, else
        as text; or all of it as JSON in ``__extra__``. Unlike Airflow, a host keeps its capitals, a number that JSON
        would write in another way stays a text, and ``_`` may stand in the type.

        :raises BlockValidationError: it is no such URI; the error does not quote it.
        """
        made = _tried(lambda: cls(**_parts(uri), description=description))
        uri = ""
        if isinstance(made, BlockValidationError):
            raise made
        return made

    @classmethod
    def from_json(cls, value: str | Mapping[str, Any]) -> Self:
        """A connection from Airflow's JSON: the fields by name, ``extra`` an object or the JSON text of one.

        :raises BlockValidationError: a name that is no field, or a value that does not fit; no value is quoted.
        """
        made = _tried(lambda: cls(**_fields(value)))
        value = ""
        if isinstance(made, BlockValidationError):
            raise made
        return made

    @without_frames
    def get_uri(self) -> str:
        """The connection as a URI that :meth:`from_uri` and Airflow read, its secrets in clear.

        A URI has no place for the description.

        :raises BlockValidationError: a text that no URI can hold, such as half of a surrogate pair.
        """
        password = self.password.get_secret_value() if self.password else None
        try:
            return _uri(self.conn_type, self.host, self.port, self.login, password, self.schema, self._extra())
        except (TypeError, ValueError, RecursionError):
            pass
        raise BlockValidationError(
            "The connection has a text that UTF-8 cannot write, or extra is no JSON.", "Correct it."
        )

    @without_frames
    def get_json(self) -> str:
        """The connection as JSON that :meth:`from_json` and Airflow read, its secrets in clear.

        :raises BlockValidationError: ``extra`` holds what JSON has no form for.
        """
        fields = {name: getattr(self, name) for name in _FIELDS}
        if self.password:
            fields["password"] = self.password.get_secret_value()
        extra = self._extra()
        if extra:
            fields["extra"] = extra[_EXTRA] if _is_plain_text(extra) else extra
        try:
            return json.dumps({name: value for name, value in fields.items() if value is not None})
        except (TypeError, ValueError, RecursionError):
            pass
        raise BlockValidationError("The connection's extra holds what JSON has no form for.", "Correct it.")

    def _extra(self) -> dict[str, Any]:
        return self.extra.get_secret_value()


def _uri(
    kind: str, host: str | None, port: int | None, login: str | None, password: str | None, schema: str | None,
    extra: dict[str, Any],
) -> str:  # fmt: skip
    user = quote(login or "", safe="") + (f":{quote(password, safe='')}" if password else "")
    address = quote(host or "", safe="") + (f":{port}" if port else "")
    at = "@" if user or address.startswith(":") else ""
    path = f"/{quote(schema, safe='')}" if schema else ""
    query = f"{'' if schema else '/'}?{_query(extra)}" if extra else ""
    return f"{kind.replace('_', '-')}://{user}{at}{address}{path}{query}"


def _query(extra: dict[str, Any]) -> str:
    flat = _EXTRA not in extra and all(isinstance(value, str) and _is_no_json(value) for value in extra.values())
    if flat or _is_plain_text(extra):
        return urlencode(extra)
    return urlencode({_EXTRA: json.dumps(extra)})


def _is_no_json(text: str) -> bool:
    """Whether every version of Airflow reads it as the text that it is: version 3 decodes what is JSON."""
    try:
        json.loads(text)
    except RecursionError:
        return False
    except ValueError:
        return True
    return False


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


def _decoded(text: str) -> Any:
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(found, int | float) and json.dumps(found) != text else found


def _is_plain_text(extra: dict[str, Any]) -> bool:
    """Whether it is what :func:`_extra` makes of a text that is no JSON object."""
    text = extra.get(_EXTRA)
    return len(extra) == 1 and isinstance(text, str) and text != "" and _object(text) is None


def _is_json(extra: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(json.dumps(extra)) == extra)
    except (TypeError, ValueError, RecursionError):
        return False


def _extra(text: str) -> dict[str, Any]:
    """What Airflow keeps as text, which is nearly always a JSON object; other texts as themselves."""
    found = _object(text)
    return found if found is not None else {_EXTRA: text} if text else {}


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _tried(make: Callable[[], C]) -> C | BlockValidationError:
    """What is made, or the error to raise where no frame holds what it was made from."""
    try:
        return make()
    except BlockValidationError as error:
        refusal = error.with_traceback(None)
        refusal.__context__ = refusal.__cause__ = None
        return refusal


def _fields(value: str | Mapping[str, Any]) -> dict[str, Any]:
    fields = _object(value) if isinstance(value, str) else dict(value)
    if fields is None:
        raise BlockValidationError("The connection is no JSON object.", 'Write {"conn_type": "postgres", …}')
    extra = fields.pop("extra", None)
    return {**fields, "extra": _extra(extra) if isinstance(extra, str) else extra or {}}


def _parts(uri: str) -> dict[str, Any]:
    uri = uri.strip()
    start = _SCHEME.match(uri)
    if start is None:
        raise BlockValidationError("A connection's URI has no type at its start.", "Write type://login:…@host/schema")
    if "#" in uri or _CONTROL.search(uri):
        raise BlockValidationError("A connection's URI has a # or white space in it.", _ENCODE)
    rest, _, query = uri[start.end() :].partition("?")
    protocol = _PROTOCOL.match(rest)
    rest = rest[protocol.end() :] if protocol else rest
    authority, _, path = rest.partition("/")
    user, _, address = authority.rpartition("@")
    host, port = _host_and_port(address)
    try:
        login, password = (unquote(part, errors="strict") for part in _halves(user))
        host, schema = unquote(host, errors="strict"), unquote(path, errors="strict")
        pairs = dict(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=10_000))
    except ValueError:  # UnicodeDecodeError among them
        pairs = None
    if pairs is None:
        raise BlockValidationError("A connection's URI has escapes that are no UTF-8.", _ENCODE)
    return {
        "conn_type": start[1] or "",
        "host": f"{protocol[0]}{host}" if protocol and host else host,
        "port": port,
        "login": login,
        "password": password,
        "schema": schema,
        "extra": _extra(pairs[_EXTRA]) if _EXTRA in pairs else {name: _decoded(text) for name, text in pairs.items()},
    }


def _halves(user: str) -> tuple[str, str]:
    login, _, password = user.partition(":")
    return login, password


def _host_and_port(address: str) -> tuple[str, int | None]:
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = address.partition(":")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise BlockValidationError("A connection's URI has no number where its port stands.", _ENCODE)
    return host, int(port)
