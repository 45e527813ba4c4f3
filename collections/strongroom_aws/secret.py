"""AwsSecret: one secret of AWS Secrets Manager, to read, write and delete."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict, Field, PrivateAttr
from strongroom import Block, async_twin, redactor

from strongroom_aws.checks import checking, client_for
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.errors import ResourceNotFound
from strongroom_aws.reloading import reloading
from strongroom_aws.verdicts import answered


class AwsSecret(Block, slug="aws-secret", title="AWS Secret"):
    """A secret of AWS Secrets Manager that flows read and write. What only needs to be read is better a reference in a
    block's field: ``secret_from("aws-sm:NAME")``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"secret_name": "crm/api-key"}]})

    aws_credentials: AwsCredentials = Field(
        default_factory=AwsCredentials, title="AWS Credentials", description="Who reads and writes it."
    )
    secret_name: str = Field(min_length=1, description="The secret's name or ARN.")

    _newer: Any = PrivateAttr(default=None)

    @property
    def credentials(self) -> AwsCredentials:
        """Who reads and writes it."""
        return self.aws_credentials

    def check(self, timeout: float) -> str:
        """Ask for the secret's description, which reveals no value.

        :raises CheckAbsent: there is no such secret.
        :raises CheckDenied: the credentials are not accepted, or may not describe it.
        :raises CheckUnreachable: nobody answers.
        """
        with checking():
            client = client_for(self.aws_credentials._login(), "secretsmanager", timeout)
            found = answered(self._what, lambda: client.describe_secret(SecretId=self.secret_name))
        return f"has {len(found.get('VersionIdsToStages', {}))} versions"

    acheck: ClassVar = async_twin(check)

    @reloading
    def read_secret(
        self, /, version_id: str | None = None, version_stage: str | None = None, **read_kwargs: Any
    ) -> bytes | str:
        """The secret's value: text, or bytes where it was written as bytes. Logs mask it from now on.

        :param version_id: a version's id, in place of the current one.
        :param version_stage: a version's label, such as ``AWSPREVIOUS``.
        :raises ResourceNotFound: there is no such secret, or no such version.
        """
        chosen = {"VersionId": version_id, "VersionStage": version_stage}
        wanted = read_kwargs | {name: value for name, value in chosen.items() if value}
        found = answered(self._what, lambda: self._client.get_secret_value(SecretId=self.secret_name, **wanted))
        value: bytes | str = found["SecretBinary"] if "SecretBinary" in found else found["SecretString"]
        redactor.register([value if isinstance(value, str) else value.decode(errors="replace")])
        return value

    aread_secret: ClassVar = async_twin(read_secret)

    @reloading
    def write_secret(self, /, secret_data: bytes | str, **put_or_create_secret_kwargs: Any) -> str:
        """Write a new current version, of a new secret where there is none; returns its ARN."""
        field = "SecretString" if isinstance(secret_data, str) else "SecretBinary"
        wanted = put_or_create_secret_kwargs | {field: secret_data}
        try:
            found = answered(self._what, lambda: self._client.put_secret_value(SecretId=self.secret_name, **wanted))
        except ResourceNotFound:
            found = answered(self._what, lambda: self._client.create_secret(Name=self.secret_name, **wanted))
        return str(found["ARN"])

    awrite_secret: ClassVar = async_twin(write_secret)

    @reloading
    def update_secret(
        self, /, secret_data: bytes | str, description: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Write a new current version of a secret that is there; returns what AWS answers.

        :raises ResourceNotFound: there is none.
        """
        wanted = kwargs | _described(secret_data, description)
        return answered(self._what, lambda: dict(self._client.update_secret(SecretId=self.secret_name, **wanted)))

    aupdate_secret: ClassVar = async_twin(update_secret)

    @reloading
    def create_secret(
        self, /, secret_data: bytes | str, description: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Make the secret, which is not there yet; returns what AWS answers.

        :raises RequestRefused: there is one, or one that waits for its deletion.
        """
        wanted = kwargs | _described(secret_data, description)
        return answered(self._what, lambda: dict(self._client.create_secret(Name=self.secret_name, **wanted)))

    acreate_secret: ClassVar = async_twin(create_secret)

    def delete_secret(
        self,
        /,
        recovery_window_in_days: int = 30,
        force_delete_without_recovery: bool = False,
        **delete_kwargs: Any,
    ) -> str:
        """Delete the secret, which can be brought back for some days; returns its ARN.

        :param recovery_window_in_days: from 7 to 30.
        :param force_delete_without_recovery: delete it at once and for good.
        :raises ValueError: the days are out of range.
        """
        return str(self._deleted(recovery_window_in_days, force_delete_without_recovery, delete_kwargs)["ARN"])

    adelete_secret: ClassVar = async_twin(delete_secret)

    @reloading
    def _deleted(self, days: int, force: bool, wanted: dict[str, Any]) -> dict[str, Any]:
        if not force and not 7 <= days <= 30:
            raise ValueError(f"recovery_window_in_days is from 7 to 30, not {days}.")
        wanted = wanted | ({"ForceDeleteWithoutRecovery": True} if force else {"RecoveryWindowInDays": days})
        return answered(self._what, lambda: dict(self._client.delete_secret(SecretId=self.secret_name, **wanted)))

    @property
    def _what(self) -> str:
        return f"the secret {self.secret_name!r}"

    @property
    def _client(self) -> Any:
        newer = self._newer
        credentials = newer[1] if newer is not None and newer[0] is self.credentials else self.credentials
        return credentials.get_secrets_manager_client()


def _described(secret_data: bytes | str, description: str | None) -> dict[str, Any]:
    value = {"SecretString" if isinstance(secret_data, str) else "SecretBinary": secret_data}
    return value | ({"Description": description} if description else {})
