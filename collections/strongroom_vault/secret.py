"""VaultSecret: one secret of a key-value engine, to be read and written by flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, JsonValue
from strongroom import Block, async_twin
from strongroom.checks import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable

from strongroom_vault.credentials import VaultCredentials
from strongroom_vault.errors import VaultAbsent, VaultDenied, VaultError, VaultLoginProblem, VaultUnreachable

_LOGIN: JsonValue = {"method": "approle", "role_id": "etl", "secret_id": "…"}
_EXAMPLE: dict[str, JsonValue] = {
    "path": "secret/crm",
    "field": "password",
    "credentials": {
        "url": "https://vault.example.com:8200",
        "auth": {"method": "approle", "role_id": "4fd2…", "secret_id": "…"},
    },
}


class VaultSecret(Block, slug="vault-secret", title="Vault Secret"):
    """A secret in a key-value engine of Vault or OpenBao, of either version.

    To have a field of a block filled from there, point at it: ``vault:MOUNT/PATH#FIELD``.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    credentials: VaultCredentials = Field(
        default_factory=VaultCredentials.from_environment, description="Who asks, and where Vault is."
    )
    path: str = Field(min_length=1, description="With the engine's mount, without data/: secret/crm.")
    field: str | None = Field(None, description="The one field that is read and written, where it is not all of them.")
    version: int | None = Field(None, ge=1, description="The version that is read; by default the newest.")

    def read_secret(self) -> Any:
        """All fields of the secret as a dict, or the value of the one; masked in logs from here on.

        :raises VaultAbsent: there is no such secret, version or field.
        :raises VaultDenied: the login may not read it.
        """
        found = self.credentials.read_secret(self.path, version=self.version)
        if self.field is None:
            return found
        if self.field not in found:
            raise VaultAbsent(f"The secret at {self.path} has no field {self.field!r}.", "Correct field of the block.")
        return found[self.field]

    aread_secret: ClassVar = async_twin(read_secret)

    def write_secret(self, secret_data: Any, *, cas: int | None = None) -> str:
        """Write all fields, from a mapping, or the one, beside which the others stay; returns path and version.

        The one is written on the condition that nobody else wrote in between, where the engine keeps versions.

        :param cas: check-and-set: the version that must be the newest; 0 means that there must be none.
        :raises VaultStale: another version is the newest; nothing was written.
        """
        if self.field is None:
            version = self.credentials.write_secret(self.path, _mapping(secret_data), cas=cas)
        else:
            text = secret_data.decode() if isinstance(secret_data, bytes) else secret_data
            others, newest = self._others()
            version = self.credentials.write_secret(
                self.path, {**others, self.field: text}, cas=newest if cas is None else cas
            )
        return self.path if version is None else f"{self.path}@{version}"

    awrite_secret: ClassVar = async_twin(write_secret)

    def check(self, timeout: float) -> str:
        """Read the secret, and tell the names of its fields.

        :raises CheckAbsent: there is no such secret, version or field.
        :raises CheckDenied: the login is not accepted, or may not read it.
        :raises CheckUnreachable: nobody answers.
        """
        self.credentials.session()
        from strongroom_vault.transport import within

        try:
            with within(timeout):
                self.read_secret()
        except VaultAbsent as exc:
            raise CheckAbsent(exc.problem, exc.remedy) from None
        except VaultUnreachable as exc:
            raise CheckUnreachable(exc.problem, exc.remedy) from None
        except (VaultDenied, VaultLoginProblem) as exc:
            raise CheckDenied(exc.problem, exc.remedy) from None
        except VaultError as exc:
            raise CheckFailed(exc.problem, exc.remedy) from None
        return f"{self.path} can be read"

    acheck: ClassVar = async_twin(check)

    def _others(self) -> tuple[dict[str, Any], int | None]:
        """The fields of the newest version, and its number: None where the engine keeps none."""
        from strongroom_vault import kv

        session = self.credentials.session()
        _, engine, _ = kv.place_of(session, self.path)
        try:
            newest = self.credentials.read_metadata(self.path).current_version if engine == 2 else None
        except VaultAbsent:
            return {}, 0
        try:
            return self.credentials.read_secret(self.path, version=newest), newest
        except VaultAbsent:  # deleted, or never there
            return {}, newest


def _mapping(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise TypeError("A secret of Vault has fields: give a mapping, or name the one field in the block.")
    return data
