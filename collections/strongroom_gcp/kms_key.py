"""``gcpkms:projects/…/cryptoKeys/…``: workspace keys wrapped by a key of Cloud KMS, which never leaves it.

What is wrapped is bound to its place as additional authenticated data. Checksums go along both ways, so that a key that
was damaged on the way is noticed before anything is sealed with it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from strongroom import StrongroomError
from strongroom.keys import (
    InvalidKeyUri,
    KeyAbsent,
    KeyDenied,
    KeyProblem,
    KeyServiceUnreachable,
    KeyUnavailable,
    RemoteKeyProvider,
    SealBroken,
)

from strongroom_gcp import clients
from strongroom_gcp.checksums import crc32c, received, verified
from strongroom_gcp.credentials import GcpCredentials
from strongroom_gcp.endpoint import Endpoint
from strongroom_gcp.errors import (
    GcpAbsent,
    GcpDamaged,
    GcpDenied,
    GcpError,
    GcpLoginProblem,
    GcpRefused,
    GcpUnreachable,
)
from strongroom_gcp.faults import asked

SCHEME = "gcpkms"
SECONDS = 15.0
_WRITE = (
    "Write gcpkms:projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, with ?endpoint=HOST:PORT behind it "
    "where KMS answers elsewhere."
)
_NAME = re.compile(
    r"projects/[a-z0-9][a-z0-9.:-]{0,61}[a-z0-9]/locations/[a-z0-9-]{1,63}"
    r"/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}"
)


class GcpKmsKey(RemoteKeyProvider):
    """A symmetric key of Cloud KMS (purpose ENCRYPT_DECRYPT). Its versions rotate in KMS as they like.

    :param name: the key's resource name, without a version.
    :param endpoint: where KMS answers, if not as usual; see :meth:`Endpoint.parse`.
    :param credentials: the login; by default what Google's own rules find.
    :raises ValueError: ``endpoint`` is none.
    """

    def __init__(self, name: str, *, endpoint: str | None = None, credentials: GcpCredentials | None = None) -> None:
        self.name = name
        self._endpoint = Endpoint.parse(endpoint) if endpoint else None
        self._credentials = credentials
        super().__init__(f"{SCHEME}:{name}" + (f"?endpoint={endpoint}" if endpoint else ""), name)

    @classmethod
    def from_uri(cls, uri: str) -> GcpKmsKey:
        """``gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K[?endpoint=HOST:PORT]``.

        :raises InvalidKeyUri: it is none. The message does not repeat it.
        """
        name, question, query = uri.removeprefix(f"{SCHEME}:").partition("?")
        if not _NAME.fullmatch(name):
            raise InvalidKeyUri("A key URI that starts with 'gcpkms:' names no key of Cloud KMS.", _WRITE)
        if not question:
            return cls(name)
        pairs = parse_qsl(query, keep_blank_values=True)
        if len(pairs) != 1 or pairs[0][0] != "endpoint" or query != f"endpoint={pairs[0][1]}":
            raise InvalidKeyUri("A key URI that starts with 'gcpkms:' has parameters that it cannot have.", _WRITE)
        try:
            return cls(name, endpoint=pairs[0][1] or "-")
        except ValueError as exc:
            raise InvalidKeyUri(f"The endpoint in a key URI that starts with 'gcpkms:' {exc}.", _WRITE) from None

    def _encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        try:
            return self._told(lambda: self._asked_to_encrypt(plaintext, bound))
        except _Refused as exc:
            raise KeyUnavailable(exc.problem, "Name a symmetric key, whose purpose is ENCRYPT_DECRYPT.") from None

    def _asked_to_encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        answer = self._ask(
            "encrypt",
            plaintext=plaintext,
            plaintext_crc32c=crc32c(plaintext),
            additional_authenticated_data=bound,
            additional_authenticated_data_crc32c=crc32c(bound),
        )
        received(answer.verified_plaintext_crc32c, answer.verified_additional_authenticated_data_crc32c)
        if not answer.name.startswith(f"{self.name}/cryptoKeyVersions/"):
            raise GcpDamaged(f"The answer for the key {self.name} is about another one.", "Check the endpoint.")
        return verified(answer.ciphertext, answer.ciphertext_crc32c, "what KMS encrypted")

    def _decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        try:
            return self._told(lambda: self._asked_to_decrypt(ciphertext, bound))
        except _Refused:
            raise SealBroken(
                f"The wrapped workspace key does not open with {self.uri}: it was changed, or belongs to another "
                "registry, workspace or epoch.",
                "Restore the registry from a backup.",
            ) from None

    def _asked_to_decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        answer = self._ask(
            "decrypt",
            ciphertext=ciphertext,
            ciphertext_crc32c=crc32c(ciphertext),
            additional_authenticated_data=bound,
            additional_authenticated_data_crc32c=crc32c(bound),
        )
        return verified(answer.plaintext, answer.plaintext_crc32c, "what KMS decrypted")

    def _ask(self, verb: str, **fields: Any) -> Any:
        login = (self._credentials or GcpCredentials()).login
        client = clients.client(clients.KMS, login, self._endpoint)
        call = getattr(client, verb)
        request = {"name": self.name, **fields}
        return asked(f"the key {self.name}", lambda: call(request=request, **clients.retrying(SECONDS)))

    def _told(self, call: Any) -> bytes:
        """The outcome of a call, or its error as that of a key provider."""
        try:
            outcome: bytes | KeyProblem = call()
        except GcpError as exc:
            outcome = _explained(exc)
        except StrongroomError as exc:  # settings that make no sense, a client that is not installed
            outcome = KeyUnavailable(exc.problem, exc.remedy)
        if isinstance(outcome, KeyProblem):
            raise outcome
        return outcome


class _Refused(KeyProblem):
    """KMS has the key, and refuses what it was asked to do with it."""


def _explained(exc: GcpError) -> KeyProblem:
    if isinstance(exc, GcpDenied):
        return KeyDenied(
            exc.problem,
            "Grant the login the role roles/cloudkms.cryptoKeyEncrypterDecrypter on the key, and enable KMS.",
        )
    if isinstance(exc, GcpLoginProblem):
        return KeyDenied(exc.problem, exc.remedy)
    if isinstance(exc, GcpAbsent):
        return KeyAbsent(
            exc.problem,
            "Correct its name, or enable or restore its version in KMS: what it wrapped cannot be opened without it.",
        )
    if isinstance(exc, GcpUnreachable):
        return KeyServiceUnreachable(exc.problem, exc.remedy)
    if isinstance(exc, GcpRefused):
        return _Refused(exc.problem, exc.remedy)
    return KeyUnavailable(exc.problem, exc.remedy)
