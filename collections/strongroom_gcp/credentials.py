"""Who asks Google Cloud."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field, field_validator, model_validator
from strongroom import Block, SecretDict, async_twin, redactor
from strongroom.checks import CheckDenied, CheckFailed, CheckUnreachable

from strongroom_gcp import clients, storage_clients
from strongroom_gcp.endpoint import Endpoint
from strongroom_gcp.errors import GcpDenied, GcpError, GcpLoginMissing, GcpLoginProblem, GcpUnreachable
from strongroom_gcp.faults import asked

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.kms_v1 import KeyManagementServiceClient
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.storage import Client as StorageClient

_EXAMPLE: dict[str, Any] = {
    "service_account_info": {
        "type": "service_account",
        "client_email": "etl@acme.iam.gserviceaccount.com",
        "private_key": "…",
        "token_uri": "https://oauth2.googleapis.com/token",
    },
    "project": "acme",
}


class GcpCredentials(Block, slug="gcp-credentials", title="GCP Credentials"):
    """A login to Google Cloud: a service account's key, or whatever Google's own rules find on this machine.

    These are, in order: ``GOOGLE_APPLICATION_CREDENTIALS``, ``gcloud auth application-default login``, the machine's
    or pod's own service account. With ``impersonate_service_account``, the login only serves to act as that one.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    service_account_info: SecretDict | None = Field(None, description="The JSON of a service account's key.")
    service_account_file: Path | None = Field(None, description="A file with that JSON, instead.")
    external_account_info: SecretDict | None = Field(
        None, description="The JSON of a workload identity's configuration, instead: no key is kept anywhere."
    )
    project: str | None = Field(None, description="The project to work in; by default that of the login.")
    scopes: list[str] = Field(default=[clients.EVERYTHING], min_length=1, description="The OAuth scopes to ask for.")
    impersonate_service_account: str | None = Field(
        None, pattern=r"^[^@\s]+@[^@\s]+$", description="The e-mail address of a service account to act as."
    )
    delegates: list[str] = Field(default_factory=list, description="Accounts on the way to that one, in order.")
    kms_endpoint: str | None = Field(None, title="KMS Endpoint", description="Where KMS answers, if not as usual.")
    secret_manager_endpoint: str | None = Field(None, description="Where Secret Manager answers, if not as usual.")
    storage_endpoint: str | None = Field(None, description="Where Cloud Storage answers, if not as usual.")

    @field_validator("kms_endpoint", "secret_manager_endpoint", "storage_endpoint")
    @classmethod
    def _is_an_endpoint(cls, value: str | None) -> str | None:
        if value is not None:
            Endpoint.parse(value)
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> GcpCredentials:
        if self.service_account_info is not None and self.service_account_file is not None:
            raise ValueError("give service_account_info or service_account_file, and not both")
        if self.external_account_info is not None and (self.service_account_info or self.service_account_file):
            raise ValueError("give a service account or external_account_info, and not both")
        if self.delegates and not self.impersonate_service_account:
            raise ValueError("delegates are of no use without impersonate_service_account")
        return self

    def get_credentials(self) -> Credentials:
        """Google's own credentials object, for what this collection has no method for. Fetches no token yet.

        :raises GcpLoginMissing: there are none, or they are malformed.
        :raises MissingExtra: Google's libraries are not installed.
        """
        return clients.credentials_of(self.login())[0]

    def get_project(self) -> str:
        """The project of the block, or else of its login.

        :raises GcpLoginMissing: neither says one.
        """
        project = self.project or clients.credentials_of(self.login())[1]
        if not project:
            raise GcpLoginMissing("The login does not say which project it is for.", "Set project in the block.")
        return project

    def get_access_token(self) -> str:
        """A token, fetched for this call, in clear: for tools that take nothing else. It lives for about an hour.

        :raises GcpLoginRefused: Google does not accept the credentials.
        :raises GcpUnreachable: Google's token service does not answer.
        """
        found: Any = self.get_credentials()
        from google.auth.transport.requests import Request

        request: Any = Request()
        asked("this login", lambda: found.refresh(request))
        token = str(found.token)
        redactor.register(token)
        return token

    aget_access_token: ClassVar = async_twin(get_access_token)

    def get_kms_client(self) -> KeyManagementServiceClient:
        """The client for Cloud KMS; the process keeps one for each set of values.

        :raises GcpLoginMissing: there are no credentials, or they are malformed.
        """
        return clients.client(clients.KMS, self.login, _endpoint(self.kms_endpoint))  # type: ignore[no-any-return]

    def get_secret_manager_client(self) -> SecretManagerServiceClient:
        """The client for Secret Manager; the process keeps one for each set of values.

        :raises GcpLoginMissing: there are no credentials, or they are malformed.
        """
        return clients.client(  # type: ignore[no-any-return]
            clients.SECRET_MANAGER, self.login, _endpoint(self.secret_manager_endpoint)
        )

    def get_cloud_storage_client(self, project: str | None = None) -> StorageClient:
        """The client for Cloud Storage; the process keeps one for each set of values.

        :param project: in place of that of the block.
        :raises GcpLoginMissing: there are no credentials, or they are malformed.
        """
        return self._storage(project).client

    def _storage(self, project: str | None = None) -> storage_clients.Storage:
        return storage_clients.storage(self.login, project or self.project, self._storage_endpoint)

    @property
    def _storage_endpoint(self) -> Endpoint | None:
        return _endpoint(self.storage_endpoint) or storage_clients.of_environment()

    def get_client(self, client_type: str, **get_client_kwargs: Any) -> Any:
        """The client of a service by its name: ``"cloud_storage"``, ``"secret_manager"`` or ``"kms"``.

        :param get_client_kwargs: for the method that has the service in its name.
        :raises ValueError: there is no such service here.
        """
        methods = {
            "cloud_storage": self.get_cloud_storage_client,
            "secret_manager": self.get_secret_manager_client,
            "kms": self.get_kms_client,
        }
        name = str(getattr(client_type, "value", client_type)).lower()
        if name not in methods:
            raise ValueError(f"There is no client for {name!r}; there are those for {', '.join(methods)}.")
        return methods[name](**get_client_kwargs)

    def get_credentials_from_service_account(self) -> Credentials:
        """As :meth:`get_credentials`."""
        return self.get_credentials()

    def check(self, timeout: float) -> str:
        """Ask Google for a token.

        :raises CheckDenied: there are no credentials, or Google does not accept them.
        :raises CheckUnreachable: Google's token service does not answer.
        """
        found: Any = None
        try:
            found = self.get_credentials()
            from google.auth.transport.requests import Request

            session: Any = Request()

            def request(*args: Any, **more: Any) -> Any:
                return session(*args, **more | {"timeout": timeout})

            asked("this login", lambda: found.refresh(request))
        except GcpUnreachable as exc:
            raise CheckUnreachable(exc.problem, exc.remedy) from None
        except (GcpLoginProblem, GcpDenied) as exc:
            raise CheckDenied(exc.problem, exc.remedy) from None
        except GcpError as exc:
            raise CheckFailed(exc.problem, exc.remedy) from None
        redactor.register(str(found.token))
        who = self.impersonate_service_account or getattr(found, "service_account_email", "") or "the login found here"
        return f"Google gave a token to {who}"

    acheck: ClassVar = async_twin(check)

    def login(self) -> clients.Login:
        """Who asks, in clear."""
        info, external = self.service_account_info, self.external_account_info
        return clients.Login(
            info=info.get_secret_value() if info is not None else None,
            external=external.get_secret_value() if external is not None else None,
            file=str(self.service_account_file) if self.service_account_file else None,
            scopes=tuple(self.scopes),
            impersonate=self.impersonate_service_account,
            delegates=tuple(self.delegates),
        )


def _endpoint(text: str | None) -> Endpoint | None:
    return Endpoint.parse(text) if text else None
