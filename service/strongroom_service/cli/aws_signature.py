"""A request to AWS STS that is signed to be sent by somebody else, to show who one is."""

from __future__ import annotations

from typing import Any

from strongroom_service.identity.providers.aws_identity import BODY, CONTENT_TYPE, SERVER_HEADER, SignedRequest


def signed_request(credentials: Any, *, sts: str, region: str, server: str) -> SignedRequest:
    """GetCallerIdentity, signed with Signature Version 4.

    :param credentials: of botocore, or of a boto3 session.
    :param server: what the service calls itself; the signature is good for it alone.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    headers = {"Content-Type": CONTENT_TYPE, SERVER_HEADER: server}
    request = AWSRequest(method="POST", url=sts, data=BODY, headers=headers)
    SigV4Auth(credentials, "sts", region).add_auth(request)
    said = request.headers
    return SignedRequest(said["Authorization"], said["X-Amz-Date"], said.get("X-Amz-Security-Token") or "")
