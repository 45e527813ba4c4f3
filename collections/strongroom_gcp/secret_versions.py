"""What can be done with secrets and their versions in Secret Manager, by their paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from strongroom import redactor
from strongroom.sources import reloaded

from strongroom_gcp import clients
from strongroom_gcp.checksums import crc32c, verified
from strongroom_gcp.faults import asked
from strongroom_gcp.reloading import REFUSED

if TYPE_CHECKING:
    from strongroom_gcp.credentials import GcpCredentials


def resource(credentials: GcpCredentials, name: str, project: str | None = None) -> str:
    """A secret's path.

    :raises GcpLoginMissing: nothing says which project it is in.
    """
    return f"projects/{project or credentials.get_project()}/secrets/{name}"


def create(credentials: GcpCredentials, path: str, seconds: float) -> str:
    """A new secret without a version; its path as Google writes it, with the project's number.

    :raises GcpExists: there is one already.
    """
    project, _, name = path.rpartition("/secrets/")
    request = {"parent": project, "secret_id": name, "secret": {"replication": {"automatic": {}}}}
    return str(_ask(credentials, path, "create_secret", request, seconds).name)


def add(credentials: GcpCredentials, path: str, data: bytes | str, seconds: float) -> str:
    """A new version; its path. The service refuses what was damaged on the way.

    :raises GcpAbsent: there is no such secret.
    """
    payload = data.encode() if isinstance(data, str) else data
    redactor.register(_text(payload))
    request = {"parent": path, "payload": {"data": payload, "data_crc32c": crc32c(payload)}}
    return str(_ask(credentials, path, "add_secret_version", request, seconds).name)


def read(credentials: GcpCredentials, path: str, seconds: float) -> bytes:
    """What a version holds; it is masked from here on.

    :raises GcpAbsent: there is no such version, or it is disabled or destroyed.
    :raises GcpDamaged: it does not fit its checksum.
    """
    payload = _ask(credentials, path, "access_secret_version", {"name": path}, seconds).payload
    data = verified(payload.data, payload.data_crc32c if "data_crc32c" in payload else None, f"the secret {path}")
    redactor.register(_text(data))
    return data


def look_up(credentials: GcpCredentials, path: str, seconds: float) -> str:
    """A version's path as Google writes it, without its content."""
    return str(_ask(credentials, path, "get_secret_version", {"name": path}, seconds).name)


def delete(credentials: GcpCredentials, path: str, seconds: float) -> str:
    """Delete a secret with all its versions; its path."""
    _ask(credentials, path, "delete_secret", {"name": path}, seconds)
    return path


def destroy(credentials: GcpCredentials, path: str, seconds: float) -> str:
    """Destroy a version for good; its path."""
    _ask(credentials, path, "destroy_secret_version", {"name": path}, seconds)
    return path


def _ask(credentials: GcpCredentials, path: str, verb: str, request: dict[str, Any], seconds: float) -> Any:
    def attempt() -> Any:
        call: Callable[..., Any] = getattr(credentials.get_secret_manager_client(), verb)
        return asked(f"the secret {path}", lambda: call(request=request, **clients.retrying(seconds)))

    return reloaded(credentials, attempt, refused=REFUSED)


def _text(data: bytes) -> str:
    """What could appear in a log of it."""
    return data.decode(errors="ignore")
