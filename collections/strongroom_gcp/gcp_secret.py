"""GcpSecret: one secret of Secret Manager, to be read and written by flows."""

# mypy: disable-error-code="misc"
from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field, JsonValue
from strongroom import Block, async_twin
from strongroom.checks import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable

from strongroom_gcp import secret_versions
from strongroom_gcp.credentials import GcpCredentials
from strongroom_gcp.errors import GcpAbsent, GcpDenied, GcpError, GcpLoginProblem, GcpUnreachable
from strongroom_gcp.secret_reference import NEWEST

_EXAMPLE: dict[str, JsonValue] = {"secret_name": "crm-token", "gcp_credentials": {"project": "acme"}}
_SECONDS = 60.0


class GcpSecret(Block, slug="gcp-secret", title="GCP Secret"):
    """A secret in Google's Secret Manager, which keeps every version of it.

    To have a field of a block filled from there, point at it: ``gcp-sm:PROJECT/NAME``.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    gcp_credentials: GcpCredentials = Field(
        default_factory=GcpCredentials, title="GCP Credentials", description="Who asks, and in which project."
    )
    secret_name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,255}$", description="The secret's name.")
    secret_version: str = Field(NEWEST, description="The version that is read: a number, an alias, or latest.")

    def read_secret(self) -> bytes:
        """What the secret holds; it is masked in logs from here on. Its checksum is verified.

        :raises GcpAbsent: there is no such secret, or no such version of it.
        """
        name = f"{self._resource}/versions/{self.secret_version}"
        return secret_versions.read(self.gcp_credentials, name, _SECONDS)

    aread_secret: ClassVar = async_twin(read_secret)

    def write_secret(self, secret_data: bytes | str) -> str:
        """Add a version, and the secret itself where there is none yet; returns the version's path.

        A ``str`` is written in UTF-8.
        """
        try:
            return secret_versions.add(self.gcp_credentials, self._resource, secret_data, _SECONDS)
        except GcpAbsent:
            secret_versions.create(self.gcp_credentials, self._resource, _SECONDS)
        return secret_versions.add(self.gcp_credentials, self._resource, secret_data, _SECONDS)

    awrite_secret: ClassVar = async_twin(write_secret)

    def delete_secret(self) -> str:
        """Delete the secret with all its versions, for good; returns its path.

        :raises GcpAbsent: there is no such secret.
        """
        return secret_versions.delete(self.gcp_credentials, self._resource, _SECONDS)

    adelete_secret: ClassVar = async_twin(delete_secret)

    def check(self, timeout: float) -> str:
        """Look the version up, without its content.

        :raises CheckAbsent: there is no such secret or version.
        :raises CheckDenied: the login is not accepted, or may not look at it.
        :raises CheckUnreachable: nobody answers.
        """
        try:
            found = secret_versions.look_up(
                self.gcp_credentials, f"{self._resource}/versions/{self.secret_version}", timeout
            )
        except GcpAbsent as exc:
            raise CheckAbsent(exc.problem, exc.remedy) from None
        except GcpDenied as exc:
            raise CheckDenied(
                exc.problem, "Grant the login secretmanager.versions.get, such as roles/secretmanager.viewer."
            ) from None
        except GcpLoginProblem as exc:
            raise CheckDenied(exc.problem, exc.remedy) from None
        except GcpUnreachable as exc:
            raise CheckUnreachable(exc.problem, exc.remedy) from None
        except GcpError as exc:
            raise CheckFailed(exc.problem, exc.remedy) from None
        return f"there is {found}"

    acheck: ClassVar = async_twin(check)

    @property
    def _resource(self) -> str:
        return secret_versions.resource(self.gcp_credentials, self.secret_name)
