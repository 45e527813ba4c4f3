"""What goes wrong, told in one sentence and a remedy."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import botocore.exceptions as sdk
import pytest
from canaries import Plant
from servers.blocks import bucket_at
from strongroom import StrongroomError
from strongroom_aws import errors
from strongroom_aws.faults import explain, told


def answer(code: str, message: str = "") -> sdk.ClientError:
    return sdk.ClientError({"Error": {"Code": code, "Message": message}}, "GetObject")


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (answer("NoSuchBucket"), errors.BucketNotFound, "no bucket 'lake'"),
        (answer("NoSuchKey"), errors.ObjectNotFound, "no object 'raw/x' in bucket 'lake'"),
        (answer("404"), errors.ObjectNotFound, "no object"),
        (answer("InvalidAccessKeyId"), errors.CredentialsRejected, "InvalidAccessKeyId"),
        (answer("SignatureDoesNotMatch"), errors.CredentialsRejected, "right access key and secret"),
        (answer("InvalidClientTokenId"), errors.CredentialsRejected, "rejected"),
        (answer("ExpiredToken"), errors.CredentialsExpired, "assume a role"),
        (answer("RequestTimeTooSkewed"), errors.CredentialsRejected, "clock"),
        (answer("403", "Forbidden"), errors.AccessDenied, "Grant"),
        (answer("AccessDenied", "not authorized: s3:GetObject"), errors.AccessDenied, "s3:GetObject"),
        (answer("SlowDown"), errors.ServiceBusy, "SlowDown"),
        (answer("503"), errors.ServiceBusy, "later"),
        (AttributeError("'StreamingChecksumBody' object has no …"), errors.ServiceBusy, "could not answer"),
        (answer("PermanentRedirect"), errors.RequestRefused, "region_name"),
        (
            answer("KeyTooLongError", "Your key is too long"),
            errors.RequestRefused,
            "KeyTooLongError: Your key is too long",
        ),
        (sdk.NoCredentialsError(), errors.CredentialsMissing, "No credentials were found"),
        (sdk.PartialCredentialsError(provider="env", cred_var="x"), errors.CredentialsMissing, "keys or a profile"),
        (sdk.ProfileNotFound(profile="lab"), errors.CredentialsMissing, r"\(lab\)"),
        (sdk.UnauthorizedSSOTokenError(), errors.CredentialsMissing, "aws sso login"),
        (sdk.CredentialRetrievalError(provider="p", error_msg="e"), errors.CredentialsMissing, "profile that fetches"),
        (
            sdk.EndpointConnectionError(endpoint_url="http://h:1/lake/x?signature"),
            errors.EndpointUnreachable,
            "http://h:1",
        ),
        (sdk.ConnectTimeoutError(endpoint_url="http://h:1"), errors.EndpointUnreachable, "endpoint_url"),
        (sdk.SSLError(endpoint_url="https://h", error="e"), errors.EndpointUnreachable, "verify_cert_path"),
        (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.TransferInterrupted, "broke off"),
        (sdk.FlexibleChecksumError(error_msg="e"), errors.TransferInterrupted, "damaged"),
        (sdk.NoRegionError(), errors.RequestRefused, "region_name"),
        (sdk.ParamValidationError(report="Invalid bucket name"), errors.RequestRefused, "Invalid bucket name"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, Exception) else None,
)
def test_what_the_sdk_raises_is_told_in_our_words(raised: Exception, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught, told("lake", "raw/x"):
        raise raised
    assert "signature" not in str(caught.value)
    assert isinstance(caught.value, StrongroomError)
    assert caught.value.remedy
    assert caught.value.__cause__ is None
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (type(caught.value), str(caught.value))


@pytest.mark.parametrize("other", [ValueError("x"), OSError(28, "full"), errors.BucketNotFound("x")])
def test_what_is_not_the_sdks_passes_unchanged(other: Exception) -> None:
    assert explain(other) is None
    with pytest.raises(type(other)) as caught, told("lake"):
        raise other
    assert caught.value is other


def test_scripts_may_catch_what_python_calls_it() -> None:
    assert issubclass(errors.ObjectNotFound, FileNotFoundError)
    assert issubclass(errors.AccessDenied, PermissionError)
    assert issubclass(errors.ServiceProblem, ConnectionError)
    assert str(errors.ObjectNotFound("No such.", "Look.")) == "No such. Look."


@pytest.mark.parametrize(
    "ask",
    [
        lambda b: b.read_path("x"),
        lambda b: b.list_objects(),
        lambda b: b.path_exists("x"),
        lambda b: b.write_path("x", b""),
    ],
)
def test_a_refused_connection_names_the_address(ask: Callable[[Any], object], nobody_there: str, canary: Plant) -> None:
    with pytest.raises(errors.EndpointUnreachable, match=f"from {nobody_there}.*Check the network") as caught:
        ask(bucket_at(nobody_there, secret=canary("secret")))
    assert "bucket 'bucket'" in str(caught.value)


def test_a_message_of_the_service_that_repeats_a_secret_is_masked(canary: Plant) -> None:
    secret = canary("secret")
    bucket_at("http://127.0.0.1:1", secret=secret)
    assert secret not in str(explain(answer("AccessDenied", f"you sent {secret}")))
