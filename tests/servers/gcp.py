"""Fakes of Cloud KMS and Secret Manager: gRPC servers in this process, made of the client libraries' own messages.

There is no emulator of either. The KMS really encrypts (AES-256-GCM with the additional data), both check and send
CRC32C as Google's do, and both can be told to fail. The clients are the real ones, over real gRPC.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud import kms_v1, secretmanager_v1
from google.protobuf import empty_pb2

Change = Callable[[Any], Any]


@dataclass
class Behaviour:
    """What a server does besides its work.

    :param failure: what every call ends with.
    :param change: changes answers before they are sent.
    :param hangs: whether calls wait until the server ends.
    """

    failure: grpc.StatusCode | None = None
    said: str = ""
    change: Change | None = None
    hangs: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)
    """Each call as ``Method resource``, in order."""

    def before(self, call: str, context: grpc.ServicerContext) -> None:
        self.seen.append(call)
        if self.hangs:
            self.over.wait()
        if self.failure is not None:
            context.abort(self.failure, self.said)

    def after(self, answer: Any) -> Any:
        return self.change(answer) if self.change else answer


def crc(data: bytes) -> int:
    return int(google_crc32c.value(data))


@dataclass
class FakeKms:
    """Keys by resource name, each with its versions; ``states`` says which versions are not enabled."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    keys: dict[str, list[AESGCM]] = field(default_factory=dict)
    states: dict[tuple[str, int], str] = field(default_factory=dict)
    address: str = ""

    def key(self, name: str = "one", project: str = "acme") -> str:
        """A new key; its resource name."""
        resource = f"projects/{project}/locations/europe-west1/keyRings/ring/cryptoKeys/{name}"
        self.keys[resource] = []
        self.rotate(resource)
        return resource

    def rotate(self, resource: str) -> None:
        self.keys[resource].append(AESGCM(secrets.token_bytes(32)))

    def encrypt(self, request: kms_v1.EncryptRequest, context: grpc.ServicerContext) -> kms_v1.EncryptResponse:
        self.behaviour.before(f"Encrypt {request.name}", context)
        versions = self._versions(request.name, context)
        number = len(versions)
        self._check_state(request.name, number, context)
        sums = (
            request.plaintext_crc32c == crc(request.plaintext),
            request.additional_authenticated_data_crc32c == crc(request.additional_authenticated_data),
        )
        if not all(sums):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The checksum did not match the data.")
        nonce = secrets.token_bytes(12)
        sealed = versions[-1].encrypt(nonce, request.plaintext, request.additional_authenticated_data)
        ciphertext = number.to_bytes(4, "big") + nonce + sealed
        return self.behaviour.after(
            kms_v1.EncryptResponse(
                name=f"{request.name}/cryptoKeyVersions/{number}",
                ciphertext=ciphertext,
                ciphertext_crc32c=crc(ciphertext),
                verified_plaintext_crc32c=sums[0],
                verified_additional_authenticated_data_crc32c=sums[1],
            )
        )

    def decrypt(self, request: kms_v1.DecryptRequest, context: grpc.ServicerContext) -> kms_v1.DecryptResponse:
        self.behaviour.before(f"Decrypt {request.name}", context)
        versions = self._versions(request.name, context)
        if request.ciphertext_crc32c != crc(request.ciphertext):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The checksum did not match the data.")
        number = int.from_bytes(request.ciphertext[:4], "big")
        if not 1 <= number <= len(versions) or len(request.ciphertext) < 32:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed: the ciphertext is invalid.")
        self._check_state(request.name, number, context)
        nonce, sealed = request.ciphertext[4:16], request.ciphertext[16:]
        try:
            plaintext = versions[number - 1].decrypt(nonce, sealed, request.additional_authenticated_data)
        except InvalidTag:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed: the ciphertext is invalid.")
        return self.behaviour.after(kms_v1.DecryptResponse(plaintext=plaintext, plaintext_crc32c=crc(plaintext)))

    def _versions(self, name: str, context: grpc.ServicerContext) -> list[AESGCM]:
        if name not in self.keys:
            context.abort(grpc.StatusCode.NOT_FOUND, f"CryptoKey {name} not found.")
        return self.keys[name]

    def _check_state(self, name: str, number: int, context: grpc.ServicerContext) -> None:
        state = self.states.get((name, number))
        if state:
            said = f"{name}/cryptoKeyVersions/{number} is not enabled, current state is: {state}."
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, said)


@dataclass
class FakeSecretManager:
    """Secrets by ``project/name``, each with its versions; ``None`` for one that was destroyed."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    secrets: dict[str, list[bytes | None]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    address: str = ""

    def put(self, name: str, value: bytes | str) -> None:
        self.secrets.setdefault(name, []).append(value.encode() if isinstance(value, str) else value)

    def access(
        self, request: secretmanager_v1.AccessSecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.AccessSecretVersionResponse:
        self.behaviour.before(f"Access {request.name}", context)
        _, project, _, name, _, version = request.name.split("/")
        place = f"{project}/{name}"
        if place in self.denied:
            said = f"Permission 'secretmanager.versions.access' denied for '{request.name}' (or it may not exist)."
            context.abort(grpc.StatusCode.PERMISSION_DENIED, said)
        versions = self.secrets.get(place, [])
        number = self.aliases.get((place, version)) or (len(versions) if version == "latest" else int(version))
        if not 1 <= number <= len(versions):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret Version [{request.name}] not found.")
        data = versions[number - 1]
        if data is None:
            said = f"Secret Version [{request.name}] is in DESTROYED state."
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, said)
        assert data is not None
        return self.behaviour.after(
            secretmanager_v1.AccessSecretVersionResponse(
                name=f"projects/123456789/secrets/{name}/versions/{number}",
                payload=secretmanager_v1.SecretPayload(data=data, data_crc32c=crc(data)),
            )
        )

    def look_up(
        self, request: secretmanager_v1.GetSecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.SecretVersion:
        self.behaviour.before(f"Get {request.name}", context)
        _, project, _, name, _, version = request.name.split("/")
        versions = self._of(f"{project}/{name}", context)
        number = len(versions) if version == "latest" else int(version)
        if not 1 <= number <= len(versions):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret Version [{request.name}] not found.")
        return secretmanager_v1.SecretVersion(name=f"projects/123456789/secrets/{name}/versions/{number}")

    def create(
        self, request: secretmanager_v1.CreateSecretRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.Secret:
        self.behaviour.before(f"Create {request.parent} {request.secret_id}", context)
        place = f"{request.parent.partition('/')[2]}/{request.secret_id}"
        if place in self.secrets:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"Secret [{place}] already exists.")
        if "automatic" not in request.secret.replication:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The replication policy is required.")
        self.secrets[place] = []
        return secretmanager_v1.Secret(name=f"projects/123456789/secrets/{request.secret_id}")

    def add(
        self, request: secretmanager_v1.AddSecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.SecretVersion:
        self.behaviour.before(f"Add {request.parent}", context)
        _, project, _, name = request.parent.split("/")
        versions = self._of(f"{project}/{name}", context)
        if request.payload.data_crc32c != crc(request.payload.data):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The checksum did not match the data.")
        versions.append(request.payload.data)
        return secretmanager_v1.SecretVersion(name=f"projects/123456789/secrets/{name}/versions/{len(versions)}")

    def delete(self, request: secretmanager_v1.DeleteSecretRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.behaviour.before(f"Delete {request.name}", context)
        _, project, _, name = request.name.split("/")
        self._of(f"{project}/{name}", context)
        del self.secrets[f"{project}/{name}"]
        return empty_pb2.Empty()

    def destroy(
        self, request: secretmanager_v1.DestroySecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.SecretVersion:
        self.behaviour.before(f"Destroy {request.name}", context)
        _, project, _, name, _, version = request.name.split("/")
        self._of(f"{project}/{name}", context)[int(version) - 1] = None
        return secretmanager_v1.SecretVersion(name=request.name)

    def _of(self, place: str, context: grpc.ServicerContext) -> list[bytes | None]:
        if place in self.denied:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"Permission denied for '{place}' (or it may not exist).")
        if place not in self.secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{place}] not found.")
        return self.secrets[place]


@contextmanager
def serving(service: str, methods: dict[str, tuple[Any, Any, Any]], behaviour: Behaviour) -> Iterator[str]:
    """Runs a server with these methods, each its function, request and response class; its address."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(function, request.deserialize, response.serialize)
        for name, (function, request, response) in methods.items()
    }
    pool = ThreadPoolExecutor(16)
    server = grpc.server(pool)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        behaviour.over.set()
        server.stop(None).wait()
        pool.shutdown()


@contextmanager
def fake_kms() -> Iterator[FakeKms]:
    """Runs a KMS of its own, without keys, while the block lasts."""
    fake = FakeKms()
    methods = {
        "Encrypt": (fake.encrypt, kms_v1.EncryptRequest, kms_v1.EncryptResponse),
        "Decrypt": (fake.decrypt, kms_v1.DecryptRequest, kms_v1.DecryptResponse),
    }
    with serving("google.cloud.kms.v1.KeyManagementService", methods, fake.behaviour) as fake.address:
        yield fake


class _Empty:
    """The message for nothing, which is not of the kind that the others are."""

    serialize = staticmethod(empty_pb2.Empty.SerializeToString)


@contextmanager
def fake_secret_manager() -> Iterator[FakeSecretManager]:
    """Runs a Secret Manager of its own, without secrets, while the block lasts."""
    fake = FakeSecretManager()
    asked, version = secretmanager_v1, secretmanager_v1.SecretVersion
    methods = {
        "AccessSecretVersion": (fake.access, asked.AccessSecretVersionRequest, asked.AccessSecretVersionResponse),
        "GetSecretVersion": (fake.look_up, asked.GetSecretVersionRequest, version),
        "CreateSecret": (fake.create, asked.CreateSecretRequest, asked.Secret),
        "AddSecretVersion": (fake.add, asked.AddSecretVersionRequest, version),
        "DeleteSecret": (fake.delete, asked.DeleteSecretRequest, _Empty),
        "DestroySecretVersion": (fake.destroy, asked.DestroySecretVersionRequest, version),
    }
    service = "google.cloud.secretmanager.v1.SecretManagerService"
    with serving(service, methods, fake.behaviour) as fake.address:
        yield fake
