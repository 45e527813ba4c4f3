"""Who asks: credentials for AWS, and for stores that speak S3."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import ConfigDict, Field, SecretStr, model_validator
from strongroom import Block, async_twin

from strongroom_aws import sessions
from strongroom_aws.assume_role_parameters import AssumeRoleParameters
from strongroom_aws.checks import checking, client_for
from strongroom_aws.client_parameters import AwsClientParameters
from strongroom_aws.errors import CredentialsMissing
from strongroom_aws.faults import told

if TYPE_CHECKING:
    import boto3
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient

_EXAMPLE: dict[str, Any] = {"aws_access_key_id": "AKIA…", "aws_secret_access_key": "…", "region_name": "eu-central-1"}
_MINIO_EXAMPLE: dict[str, Any] = {
    "minio_root_user": "lake",
    "minio_root_password": "…",
    "aws_client_parameters": {"endpoint_url": "https://minio.example.com"},
}


class _Account:
    """What both kinds of credentials can do, made from their login."""

    @abstractmethod
    def _login(self) -> sessions.Login: ...

    def get_boto3_session(self) -> boto3.Session:
        """A new boto3 session, for what this collection has no method for.

        It does not know the client parameters: pass ``endpoint_url`` and the like to its ``client()``, or use
        :meth:`get_client`.

        :raises CredentialsMissing: there is no such profile, or nothing to assume the role with.
        :raises MissingExtra: boto3 is not installed.
        """
        return sessions.session(self._login())

    def get_client(self, client_type: str) -> Any:
        """A boto3 client for a service, such as ``"s3"`` or ``"secretsmanager"``.

        The process keeps one for each service and each set of values, with its open connections; it may be used by many
        threads. A block whose values changed gets a new one.

        :raises CredentialsMissing: there is no such profile, or nothing to assume the role with.
        :raises MissingExtra: boto3 is not installed.
        """
        return sessions.client(self._login(), client_type)

    def get_s3_client(self, **config: Any) -> S3Client:
        """The client for S3.

        :param config: options of ``botocore.config.Config`` in place of those of the client parameters.
        """
        login = self._login()
        if config:
            login = replace(login, parameters=login.parameters.changed(config))
        return cast("S3Client", sessions.client(login, "s3"))

    def get_secrets_manager_client(self) -> SecretsManagerClient:
        """The client for Secrets Manager."""
        return cast("SecretsManagerClient", self.get_client("secretsmanager"))

    def environment(self) -> dict[str, str]:
        """The credentials as the variables that AWS' own tools read, in clear.

        A role is assumed for it, and a profile resolved: what stands in the variables works where the profile is not.

        :raises CredentialsMissing: there are none, or no such profile.
        """
        login = self._login()
        current = self.get_boto3_session()
        with told():
            credentials = current.get_credentials()
            frozen = credentials.get_frozen_credentials() if credentials else None
        if frozen is None:
            raise CredentialsMissing(
                "No credentials were found for the environment.",
                "Give the credentials block keys, a profile or a role.",
            )
        variables = {
            "AWS_ACCESS_KEY_ID": frozen.access_key,
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
            "AWS_SESSION_TOKEN": frozen.token,
            "AWS_DEFAULT_REGION": current.region_name,
            "AWS_ENDPOINT_URL": login.parameters.endpoint_url,
            # Stores other than AWS refuse the checksums that its SDKs append to uploads of unknown length.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required" if login.parameters.endpoint_url else None,
        }
        return {name: value for name, value in variables.items() if value}


class AwsCredentials(_Account, Block, slug="aws-credentials", title="AWS Credentials"):
    """Credentials for AWS: keys, a profile of this machine, or a role to assume with either.

    Without keys and profile, boto3 looks where it always does: environment, files, the machine's own role. A role is
    assumed when it is first needed and renewed before it expires. For a store other than AWS, set ``endpoint_url`` in
    ``aws_client_parameters``; it then holds for every service, STS too.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    aws_access_key_id: str | None = Field(None, title="AWS Access Key ID", description="The access key's id.")
    aws_secret_access_key: SecretStr | None = Field(
        None, title="AWS Access Key Secret", description="The access key's secret."
    )
    aws_session_token: SecretStr | None = Field(
        None, title="AWS Session Token", description="The token that comes with temporary keys."
    )
    profile_name: str | None = Field(None, description="A profile in this machine's AWS files; its kind may be SSO.")
    region_name: str | None = Field(None, description="The region to work in.")
    aws_client_parameters: AwsClientParameters = Field(
        default_factory=AwsClientParameters, title="AWS Client Parameters", description="What clients are made with."
    )
    assume_role_arn: str | None = Field(None, title="Assume Role ARN", description="The ARN of a role to assume.")
    web_identity_token_file: Path | None = Field(
        None, description="A file with the token of an identity provider, which the role is assumed with."
    )
    assume_role_kwargs: AssumeRoleParameters = Field(
        default_factory=AssumeRoleParameters,
        title="Assume Role Parameters",
        description="What to ask for when the role is assumed.",
    )

    @model_validator(mode="after")
    def _keys_come_in_pairs(self) -> AwsCredentials:
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key):
            raise ValueError("aws_access_key_id and aws_secret_access_key go together; give both or none")
        if self.aws_session_token and not self.aws_access_key_id:
            raise ValueError("aws_session_token is of no use without the keys that it came with")
        if self.web_identity_token_file and not self.assume_role_arn:
            raise ValueError("web_identity_token_file is of no use without assume_role_arn, the role that it opens")
        return self

    def _login(self) -> sessions.Login:
        return sessions.Login(
            access_key_id=self.aws_access_key_id,
            secret_access_key=_plain(self.aws_secret_access_key),
            session_token=_plain(self.aws_session_token),
            profile=self.profile_name,
            region=self.region_name,
            role_arn=self.assume_role_arn,
            token_file=str(self.web_identity_token_file.expanduser()) if self.web_identity_token_file else None,
            role_arguments=self.assume_role_kwargs.arguments(),
            parameters=self.aws_client_parameters,
        )

    def check(self, timeout: float) -> str:
        """Ask AWS who these credentials are. A store other than AWS has nobody to ask that; there it is seen to that
        there are credentials, without a question.

        :raises CheckDenied: there are none, or AWS does not accept them.
        :raises CheckUnreachable: nobody answers.
        """
        login = self._login()
        with checking():
            if login.parameters.endpoint_url:
                self.environment()
                return f"has credentials for {login.parameters.endpoint_url}"
            identity = client_for(login, "sts", timeout).get_caller_identity()
        return f"is {identity['Arn']}"

    acheck: ClassVar = async_twin(check)


class MinIOCredentials(_Account, Block, slug="minio-credentials", title="MinIO Credentials"):
    """A user of a MinIO server, whose address stands in ``aws_client_parameters``' ``endpoint_url``."""

    model_config = ConfigDict(json_schema_extra={"examples": [_MINIO_EXAMPLE]})

    minio_root_user: str = Field(title="MinIO Root User", description="The user's name.")
    minio_root_password: SecretStr = Field(title="MinIO Root Password", description="The user's password.")
    region_name: str | None = Field(None, description="The server's region, where it has one.")
    aws_client_parameters: AwsClientParameters = Field(
        default_factory=AwsClientParameters, title="AWS Client Parameters", description="What clients are made with."
    )

    def _login(self) -> sessions.Login:
        return sessions.Login(
            access_key_id=self.minio_root_user,
            secret_access_key=self.minio_root_password.get_secret_value(),
            region=self.region_name,
            parameters=self.aws_client_parameters,
        )

    def check(self, timeout: float) -> str:
        """Ask the server which buckets the user sees.

        :raises CheckDenied: the server does not accept the user or the password.
        :raises CheckUnreachable: nobody answers.
        """
        with checking():
            buckets = client_for(self._login(), "s3", timeout).list_buckets()["Buckets"]
        return f"is accepted as {self.minio_root_user}, and sees {len(buckets)} bucket{'s' * (len(buckets) != 1)}"

    acheck: ClassVar = async_twin(check)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
