"""What Google's libraries raise, in our words."""

from __future__ import annotations

import pickle

import google.api_core.exceptions as core
import google.auth.exceptions as auth
import pytest
from canaries import Plant
from strongroom import redactor
from strongroom_gcp import errors
from strongroom_gcp.faults import asked, explain

REFRESH = "Getting metadata from plugin failed with error: ('invalid_grant: Invalid JWT Signature.', {})"


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (core.NotFound("no"), errors.GcpAbsent, "There is no secret x"),
        (core.FailedPrecondition("it is not enabled, current state is: DISABLED."), errors.GcpAbsent, "is DISABLED"),
        (core.FailedPrecondition("billing is off"), errors.GcpRefused, "billing is off"),
        (core.PermissionDenied("Cloud KMS API has not been used"), errors.GcpDenied, "enable the API"),
        (core.Forbidden("no"), errors.GcpDenied, "Grant the login"),
        (core.Unauthenticated("no"), errors.GcpLoginRefused, "does not accept"),
        (core.ResourceExhausted("no"), errors.GcpBusy, "quota"),
        (core.ServiceUnavailable(REFRESH), errors.GcpLoginRefused, "No token could be had"),
        (core.ServiceUnavailable("failed to connect"), errors.GcpUnreachable, "Nobody answers"),
        (core.DeadlineExceeded("slow"), errors.GcpUnreachable, "within the time"),
        (core.RetryError("slow", core.ServiceUnavailable("gone")), errors.GcpUnreachable, "Nobody answers"),
        (core.InvalidArgument("bad name"), errors.GcpRefused, "refused the secret x: bad name"),
        (core.InternalServerError("oops"), errors.GcpUnreachable, "could not answer"),
        (core.Unknown("<html>"), errors.GcpUnreachable, "could not answer"),
        (core.GoogleAPIError("odd"), errors.GcpUnreachable, "No answer came"),
        (auth.DefaultCredentialsError("none"), errors.GcpLoginMissing, "gcloud auth application-default login"),
        (auth.RefreshError("invalid_grant"), errors.GcpLoginRefused, "did not accept"),
        (auth.TransportError("no route"), errors.GcpUnreachable, "asked for a token"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, Exception) else None,
)
def test_what_the_libraries_raise_is_told_in_our_words(raised: Exception, kind: type[Exception], said: str) -> None:
    def call() -> None:
        raise raised

    with pytest.raises(kind, match=said) as caught:
        asked("the secret x", call)
    assert type(caught.value) is kind
    assert isinstance(caught.value, errors.GcpError)
    assert caught.value.remedy
    assert caught.value.__context__ is None
    assert "<html>" not in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (type(caught.value), str(caught.value))


@pytest.mark.parametrize("other", [ValueError("x"), OSError(28, "full")])
def test_what_is_not_theirs_passes_unchanged(other: Exception) -> None:
    assert explain(other, "it") is None

    def call() -> None:
        raise other

    with pytest.raises(type(other)) as caught:
        asked("it", call)
    assert caught.value is other


def test_a_message_that_repeats_a_secret_is_masked(canary: Plant) -> None:
    secret = canary("secret")
    redactor.register(secret)
    assert secret not in str(explain(core.InvalidArgument(f"you sent {secret}"), "it"))
