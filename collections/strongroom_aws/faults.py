"""What the SDK raises, told in our words: ``with told(bucket, key): …``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strongroom import StrongroomError, redactor

from strongroom_aws.errors import (
    AccessDenied,
    AwsError,
    BucketNotFound,
    CredentialsExpired,
    CredentialsMissing,
    CredentialsRejected,
    EndpointUnreachable,
    ObjectNotFound,
    ObjectReplaced,
    RequestRefused,
    ServiceBusy,
    TransferInterrupted,
    WriteConditionFailed,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

REJECTED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem"}
BUSY = {
    "429", "500", "502", "503", "504", "BandwidthLimitExceeded", "InternalError", "InternalFailure", "OperationAborted",
    "RequestLimitExceeded", "RequestThrottled", "RequestTimeout", "ServiceUnavailable", "SlowDown",
    "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequests", "TooManyRequestsException",
}  # fmt: skip
_ELSEWHERE = {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
# A HEAD request is answered without a body, so with the bare status instead of a code that tells the reason.
_BARE = {"400", "403", "404"}
_UNMET = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_SHOWN = 300


@contextmanager
def told(bucket: str = "", key: str = "", *, client: S3Client | None = None, writing: bool = False) -> Iterator[None]:
    """Turns the SDK's exceptions into ours, which name the bucket and the key and hold nothing of the request.

    :param client: given where HEAD requests are made, whose answers say too little: it is used to ask again.
    :param writing: whether a condition that fails is one of a write.
    """
    try:
        yield
    except Exception as exc:
        problem = _unmet(exc, bucket, key, writing) or explain(exc, bucket, key, client)
        if problem is None:
            raise
        raise problem from None


def _unmet(exc: Exception, bucket: str, key: str, writing: bool) -> AwsError | None:
    """A condition of a request that does not hold, told of as what it was for."""
    import botocore.exceptions

    if not isinstance(exc, botocore.exceptions.ClientError) or _code(exc) not in _UNMET:
        return None
    place = _place(bucket, key)
    if writing:
        return WriteConditionFailed(
            f"The {place} was not written: there is one already, or another one than was expected.",
            "Read what is there, and decide anew.",
        )
    return ObjectReplaced(f"The {place} was replaced while it was read.", "Read it again.")


def explain(exc: BaseException, bucket: str = "", key: str = "", client: S3Client | None = None) -> AwsError | None:
    """Our error for the SDK's; ``None`` for an exception that is not the SDK's."""
    if isinstance(exc, StrongroomError):
        return None
    import boto3.exceptions
    import botocore.exceptions
    import s3transfer.exceptions

    if isinstance(exc, boto3.exceptions.S3UploadFailedError):  # holds the real one only as its context
        return explain(exc.__context__, bucket, key, client) if exc.__context__ else _interrupted(bucket, key)
    if isinstance(exc, boto3.exceptions.RetriesExceededError | s3transfer.exceptions.RetriesExceededError):
        return _interrupted(bucket, key)
    if isinstance(exc, botocore.exceptions.ClientError):
        return refusal(_asked_again(exc, bucket, client).response.get("Error", {}), bucket, key)
    if isinstance(exc, botocore.exceptions.BotoCoreError):
        return _unsent(exc, bucket, key)
    if isinstance(exc, AttributeError) and "StreamingChecksumBody" in str(exc):
        # What botocore stumbles into when a failed answer carries the checksum of the object that was asked for.
        return refusal({"Code": "InternalError"}, bucket, key)
    return None


def _asked_again(exc: Any, bucket: str, client: S3Client | None) -> Any:
    """The answer to a listing of the same bucket, where that one is refused too: it comes with a reason."""
    import botocore.exceptions

    if client is None or _code(exc) not in _BARE:
        return exc
    try:
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except botocore.exceptions.ClientError as clearer:
        # A credential that may read but not list says nothing about a missing object.
        return exc if _code(exc) == "404" and _code(clearer) in DENIED else clearer
    except botocore.exceptions.BotoCoreError:
        return exc
    return exc


def _code(exc: Any) -> str:
    return str(exc.response.get("Error", {}).get("Code", "Unknown"))


def refusal(error: Mapping[str, Any], bucket: str, key: str) -> AwsError:
    """Our error for what a service answers in place of a result: a mapping with a ``Code`` and a ``Message``."""
    code, place = str(error.get("Code", "Unknown")), _place(bucket, key)
    said = redactor.redact(str(error.get("Message", ""))).strip()[:_SHOWN].rstrip(".")
    if code == "NoSuchBucket":
        return BucketNotFound(
            f"There is no bucket {bucket!r}.",
            "Create it, or correct the bucket's name, or the endpoint and the account of its credentials.",
        )
    if code in {"NoSuchKey", "NoSuchVersion", "404"}:
        return ObjectNotFound(f"There is no {place}.", "List the bucket to see the keys that it has.")
    if code in REJECTED:
        return CredentialsRejected(
            f"The credentials for {place} were rejected ({code}).",
            "Save the credentials block again with the right access key and secret. A key from AWS does not fit "
            "another store, nor the reverse.",
        )
    if code in EXPIRED:
        return CredentialsExpired(
            f"The temporary credentials for {place} are no longer valid ({code}).",
            "Save the credentials block again with fresh ones, or let it assume a role, which renews itself.",
        )
    if code == "RequestTimeTooSkewed":
        return CredentialsRejected(f"A request for {place} was signed with a wrong time.", "Set this machine's clock.")
    if code in DENIED:
        return AccessDenied(
            f"Access to {place} is denied{f' ({said})' if said and said != 'Forbidden' else ''}.",
            "Grant the credentials' user or role the right to do this, or use other credentials.",
        )
    if code in BUSY:
        return ServiceBusy(
            f"The service could not answer for {place} ({code}).", "Try again later, or with less at once."
        )
    if code in _ELSEWHERE:
        return RequestRefused(
            f"The {place} is in another region ({code}).", "Set region_name of its credentials to the bucket's region."
        )
    return RequestRefused(
        f"The service refused a request for {place} with {code}{f': {said}' if said else ''}.",
        "The code is explained in the service's documentation.",
    )


def _unsent(exc: Any, bucket: str, key: str) -> AwsError:
    """No answer came, or none that could be used. The SDK's texts are used only where they are made of settings."""
    import botocore.exceptions as sdk

    place = _place(bucket, key)
    if isinstance(exc, sdk.ProfileNotFound):
        return CredentialsMissing(
            str(exc) + ".", "Correct profile_name, or add the profile to this machine's AWS files."
        )
    if isinstance(exc, sdk.NoCredentialsError | sdk.PartialCredentialsError):
        return CredentialsMissing(
            f"No credentials were found for {place}.",
            "Give the credentials block keys or a profile, or this machine a role.",
        )
    if isinstance(exc, sdk.CredentialRetrievalError | sdk.SSOError | sdk.TokenRetrievalError | sdk.LoginError):
        return CredentialsMissing(
            f"The credentials for {place} could not be fetched ({type(exc).__name__}).",
            "Log in again (for SSO: aws sso login), or check the profile that fetches them.",
        )
    if isinstance(exc, sdk.SSLError):
        return EndpointUnreachable(
            f"The server for {place} could not prove who it is: {address(exc)}.",
            "Point verify_cert_path of the client parameters to the certificates of its authority.",
        )
    if isinstance(exc, sdk.IncompleteReadError | sdk.ResponseStreamingError | sdk.FlexibleChecksumError):
        return _interrupted(bucket, key)
    if isinstance(exc, sdk.HTTPClientError | sdk.ConnectionError):
        return EndpointUnreachable(
            f"No answer for {place} from {address(exc)} ({type(exc).__name__}).",
            "Check the network, and endpoint_url of the credentials' client parameters.",
        )
    if isinstance(exc, sdk.NoRegionError):
        return RequestRefused(
            f"No region is known for {place}.", "Set region_name of its credentials, or AWS_DEFAULT_REGION."
        )
    return RequestRefused(
        f"The request for {place} could not be made: {redactor.redact(str(exc))[:_SHOWN].rstrip('.')}.",
        "Correct the block's fields, or the argument that is named.",
    )


def _interrupted(bucket: str, key: str) -> TransferInterrupted:
    return TransferInterrupted(
        f"The transfer of {_place(bucket, key)} broke off, or arrived damaged, each time that it was tried.",
        "Try again; nothing incomplete was left under the final name.",
    )


def address(exc: Any) -> str:
    """Scheme, host and port: a query may be signed."""
    parts = urlsplit(str(exc.kwargs.get("endpoint_url", "")))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "the service"


def _place(bucket: str, key: str) -> str:
    if key:
        return f"object {key!r} in bucket {bucket!r}"
    return f"bucket {bucket!r}" if bucket else "this request"
