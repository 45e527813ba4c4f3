"""A registry's outermost key in AWS KMS, which never leaves it: the key provider ``awskms:``.

What a wrapped key is for (ids of the store, the workspace and the epoch) goes along as the encryption context, so KMS
decrypts it for nothing else. CloudTrail logs that context in clear; it is in hexadecimal, so that an id can be
looked for there. See `Encrypt <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>`_.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from strongroom import MissingExtra
from strongroom.keys import (
    KeyAbsent,
    KeyDenied,
    KeyProblem,
    KeyServiceUnreachable,
    KeyUnavailable,
    RemoteKeyProvider,
    SealBroken,
    WrongKey,
)

from strongroom_aws import sessions
from strongroom_aws.client_parameters import AwsClientParameters
from strongroom_aws.kms_uri import CONTEXT_KEY, KmsUri
from strongroom_aws.verdicts import Verdict, Word, asked

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

T = TypeVar("T")

SECONDS = 5.0
"""How long one attempt waits for a connection, and again for an answer."""
ATTEMPTS = 3

_SHOWN = 200
_MULTI_REGION = re.compile(r"(?P<start>arn:[^:]*:kms:)[^:]*(?P<end>:[^:]*:key/mrk-.*)")
_FORBIDDEN = {"AccessDenied", "AccessDeniedException"}
_USAGE = {"InvalidKeyUsageException": "Use a symmetric key that is for encrypting and decrypting."}
_GONE = {
    "DisabledException": "aws kms enable-key",
    "KMSInvalidStateException": "aws kms cancel-key-deletion, then aws kms enable-key",
}
_KINDS: dict[Word, type[KeyProblem]] = {
    Word.ABSENT: KeyAbsent,
    Word.DENIED: KeyDenied,
    Word.UNREACHABLE: KeyServiceUnreachable,
    Word.REFUSED: KeyUnavailable,
}


class AwsKmsKey(RemoteKeyProvider):
    """A symmetric key of AWS KMS.

    A key named by its ARN costs one call for each workspace key and process. One named by its id or an alias costs one
    more, in which KMS says which key it is: from then on that one is meant, wherever the alias may be moved.

    :param seconds: how long one attempt waits for a connection, and again for an answer; there are three.
    """

    def __init__(self, place: KmsUri, *, seconds: float = SECONDS) -> None:
        super().__init__(place.text, lambda: _identity(self._arn))
        self.place = place
        self._seconds = seconds

    @classmethod
    def from_uri(cls, uri: str) -> AwsKmsKey:
        """``awskms:KEY``, see :meth:`KmsUri.parse`. Asks nobody.

        :raises InvalidKeyUri: it is none.
        """
        return cls(KmsUri.parse(uri))

    @cached_property
    def _arn(self) -> str:
        """The ARN of the key; what every call names, so that KMS never chooses one by itself."""
        if self.place.is_exact:
            return self.place.key
        return self._ask("DescribeKey", lambda kms: str(kms.describe_key(KeyId=self.place.key)["KeyMetadata"]["Arn"]))

    def _encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        arn, context = self._arn, self._context(bound)
        used, ciphertext = self._ask(
            "Encrypt",
            lambda kms: _answer(
                kms.encrypt(KeyId=arn, Plaintext=plaintext, EncryptionContext=context), "CiphertextBlob"
            ),
        )
        self._check(used)
        return ciphertext

    def _decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        arn, context = self._arn, self._context(bound)
        used, plaintext = self._ask(
            "Decrypt",
            lambda kms: _answer(
                kms.decrypt(KeyId=arn, CiphertextBlob=ciphertext, EncryptionContext=context), "Plaintext"
            ),
        )
        if _identity(used) != _identity(arn):
            del plaintext  # the frames of an error are shown
            self._check(used)
        return plaintext

    def _check(self, used: str) -> None:
        if _identity(used) != _identity(self._arn):
            raise WrongKey(
                f"AWS KMS used the key {used[:_SHOWN]!r}, and was asked to use {self._arn}.",
                "Check the endpoint, and what stands between it and AWS.",
            )

    def _context(self, bound: bytes) -> dict[str, str]:
        return {**self.place.context, CONTEXT_KEY: bound.hex()}

    def _ask(self, action: str, call: Callable[[KMSClient], T]) -> T:
        outcome = self._asked(action, call)
        if isinstance(outcome, KeyProblem | SealBroken):
            raise outcome
        return outcome

    def _asked(self, action: str, call: Callable[[KMSClient], T]) -> T | KeyProblem | SealBroken:
        try:
            outcome = asked(f"the key {self.place.key!r} of AWS KMS", lambda: call(self._client()))
        except MissingExtra as missing:
            return KeyUnavailable(missing.problem, missing.remedy)
        return self._problem(action, outcome) if isinstance(outcome, Verdict) else outcome

    def _problem(self, action: str, verdict: Verdict) -> KeyProblem | SealBroken:
        key = self.place.key
        if verdict.code == "InvalidCiphertextException":
            return SealBroken(
                f"The wrapped workspace key does not open with the key {key!r} of AWS KMS: it was changed, or belongs "
                "to another registry, workspace or epoch, or was wrapped with another ?context=.",
                "Compare ?context= with what it was; else restore the registry from a backup.",
            )
        if verdict.code == "IncorrectKeyException":
            return WrongKey(f"AWS KMS wrapped it with another key than {key!r}.", "Name that one in STRONGROOM_KEY.")
        if verdict.code in _GONE:
            return KeyAbsent(
                verdict.problem, f"Until it is deleted for good, it comes back with: {_GONE[verdict.code]}"
            )
        if verdict.word is Word.DENIED and verdict.code in _FORBIDDEN:
            return KeyDenied(verdict.problem, f"Allow kms:{action} on it, in the key's policy or to their role.")
        if verdict.word is Word.ABSENT:
            return KeyAbsent(
                verdict.problem, "Check the key, its region and its account. Deleted for good, it opens nothing again."
            )
        return _KINDS[verdict.word](verdict.problem, _USAGE.get(verdict.code, verdict.remedy))

    def _client(self) -> KMSClient:
        parameters = AwsClientParameters(endpoint_url=self.place.endpoint).within(self._seconds, ATTEMPTS)
        login = sessions.Login(profile=self.place.profile, region=self.place.region, parameters=parameters)
        return cast("KMSClient", sessions.client(login, "kms"))


def _answer(answer: Mapping[str, Any], field: str) -> tuple[str, bytes]:
    return answer["KeyId"], answer[field]


def _identity(arn: str) -> str:
    """What tells a key from every other. The replicas of a multi-Region key are one key, in each of its regions."""
    replica = _MULTI_REGION.fullmatch(arn)
    return f"{replica['start']}*{replica['end']}" if replica else arn
