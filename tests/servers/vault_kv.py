"""The key-value engines of the fake Vault: version 1, and version 2 with its versions, deletions and check-and-set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from servers.vault_answers import Refusal, denied, envelope, not_found

Body = dict[str, Any]
_CREATED = "2026-01-02T03:04:05.000000006Z"
_DELETED = "2026-02-03T04:05:06.000000007Z"


def listing(paths: list[str], prefix: str) -> Body:
    """The names directly below ``prefix``, folders with a slash; an empty one is not found."""
    below = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
    names = sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in below})
    if not names:
        raise not_found()
    return {"keys": names}


def _folder(path: str) -> str:
    return f"{path.strip('/')}/" if path.strip("/") else ""


@dataclass
class Kv1:
    """A mount of version 1."""

    version = 1
    secrets: dict[str, Body] = field(default_factory=dict)

    def put(self, path: str, data: Body) -> None:
        self.secrets[path] = data

    def answer(self, method: str, path: str, body: Body, query: dict[str, str]) -> Body | None:
        if method == "LIST":
            return listing(list(self.secrets), _folder(path))
        if method in {"POST", "PUT"}:
            self.put(path, body)
            return None
        if method == "DELETE":
            self.secrets.pop(path, None)
            return None
        if path not in self.secrets:
            raise not_found()
        return self.secrets[path]


@dataclass
class Version:
    """One version of a secret; ``data`` is ``None`` once it was destroyed."""

    data: Body | None
    deleted: bool = False

    def metadata(self, number: int) -> Body:
        return {
            "created_time": _CREATED,
            "custom_metadata": None,
            "deletion_time": _DELETED if self.deleted else "",
            "destroyed": self.data is None,
            "version": number,
        }


@dataclass
class Kv2:
    """A mount of version 2."""

    version = 2
    secrets: dict[str, list[Version]] = field(default_factory=dict)
    settings: dict[str, Body] = field(default_factory=dict)

    def put(self, path: str, data: Body) -> int:
        versions = self.secrets.setdefault(path, [])
        versions.append(Version(data))
        return len(versions)

    def answer(self, method: str, path: str, body: Body, query: dict[str, str]) -> Body | None:
        area, _, name = path.partition("/")
        if area == "data":
            return self._data(method, name, body, query)
        if area == "metadata":
            return self._metadata(method, name, body)
        if area in {"delete", "undelete", "destroy"} and method in {"POST", "PUT"}:
            self._mark(area, name, body)
            return None
        raise Refusal(
            404,
            body=envelope(
                None,
                warnings=[
                    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
                    "endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation."
                ],
            ),
        )

    def _data(self, method: str, path: str, body: Body, query: dict[str, str]) -> Body | None:
        if method in {"POST", "PUT"}:
            return self._write(path, body)
        versions = self.secrets.get(path)
        if not versions:
            raise not_found()
        if method == "DELETE":
            versions[-1].deleted = True
            return None
        asked = query.get("version", "0")
        if not asked.isdecimal():
            raise Refusal(400, f'Field validation failed: error converting input {asked} for field "version"')
        number = int(asked) or len(versions)
        if number > len(versions):
            raise not_found()
        version = versions[number - 1]
        gone = version.deleted or version.data is None
        data = {"data": None if gone else version.data, "metadata": version.metadata(number)}
        if gone:
            raise Refusal(404, body=envelope(data))
        return data

    def _write(self, path: str, body: Body) -> Body:
        if "data" not in body:
            raise Refusal(400, "no data provided")
        wanted = body.get("options", {}).get("cas")
        if wanted is None and self.settings.get(path, {}).get("cas_required"):
            raise Refusal(400, "check-and-set parameter required for this call")
        if wanted is not None and wanted != len(self.secrets.get(path, [])):
            raise Refusal(400, "check-and-set parameter did not match the current version")
        number = self.put(path, body["data"])
        return self.secrets[path][number - 1].metadata(number)

    def _metadata(self, method: str, path: str, body: Body) -> Body | None:
        if method == "LIST":
            return listing(list(self.secrets), _folder(path))
        if method == "DELETE":
            self.secrets.pop(path, None)
            self.settings.pop(path, None)
            return None
        if method in {"POST", "PUT"}:
            self.secrets.setdefault(path, [])
            self.settings.setdefault(path, {}).update(body)
            return None
        if path not in self.secrets:
            raise not_found()
        if method != "GET":
            raise denied()
        versions = self.secrets[path]
        return {
            "cas_required": False,
            "created_time": _CREATED,
            "current_version": len(versions),
            "custom_metadata": None,
            "delete_version_after": "0s",
            "max_versions": 0,
            "oldest_version": 1,
            "updated_time": _CREATED,
            "versions": {str(number): version.metadata(number) for number, version in enumerate(versions, 1)},
            **self.settings.get(path, {}),
        }

    def _mark(self, area: str, path: str, body: Body) -> None:
        versions = self.secrets.get(path, [])
        for number in body.get("versions", []):
            if 1 <= number <= len(versions):
                version = versions[number - 1]
                if area == "destroy":
                    version.data = None
                elif version.data is not None:
                    version.deleted = area == "delete"
