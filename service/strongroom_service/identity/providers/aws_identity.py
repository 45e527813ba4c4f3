"""Who signed a request for AWS STS: the service sends the request itself, and believes what STS answers.

Nothing of what a client sends becomes an address, a header name or a body: from a signature, a date and a session token
the service puts together the one request that it asks for, GetCallerIdentity at the endpoint of its settings. The
signature has to cover the name of this service, so that what was signed for another one is no good here, and is taken
once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict

from strongroom_service.errors import ProviderUnavailable
from strongroom_service.identity.providers.claims import refused
from strongroom_service.identity.providers.outward import fetched
from strongroom_service.identity.providers.provider import AwsProvider
from strongroom_service.state.records import Records

KIND = "aws-signature"
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
SERVER_HEADER = "X-Strongroom-Server"
AGE_MAX = timedelta(minutes=5)
_KEPT = timedelta(minutes=20)

_SIGNED = ("content-type", "host", "x-amz-date")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Z0-9]{16,128})/([0-9]{8})/([a-z0-9-]{1,40})/sts/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]{1,200}), Signature=([0-9a-f]{64})"
)
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SESSION = re.compile(r"[A-Za-z0-9+/=]{1,4096}")
_NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a client signed.

    :param authorization: the header of Signature Version 4.
    :param date: ``X-Amz-Date``.
    :param session_token: of temporary credentials, else empty.
    """

    authorization: str = field(repr=False)
    date: str
    session_token: str = field(default="", repr=False)


class SignatureRecord(BaseModel):
    """A signature that was taken once."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AwsIdentity:
    """Asks STS. Safe to use from several threads and processes.

    :param records: of the service.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def claims(self, provider: AwsProvider, signed: SignedRequest) -> dict[str, Any]:
        """Whom STS says that the request is of: ``account``, ``arn``, ``user_id``; ``principal`` is the arn without the
        name of a session, such as ``arn:aws:iam::123456789012:role/etl``.

        :raises Unauthenticated: of nobody, or it was not signed for this service, now.
        :raises ProviderUnavailable: STS cannot be asked.
        """
        headers = self._headers(provider, signed)
        self._take(signed)
        status, content = fetched("POST", provider.sts, body=BODY, headers=headers, ca=provider.ca)
        if status in (400, 401, 403):
            raise refused(f"STS does not believe the signature (status {status})")
        if status != 200:
            raise ProviderUnavailable(f"AWS STS answers with status {status}.", "Try again later.")
        return _identity(content)

    def tidy(self, *, limit: int = 1000) -> int:
        """Forget signatures that are too old to be taken; how many."""
        with self._records.changing() as session:
            expired = session.expired(KIND, SignatureRecord, limit=limit)
            for id, _ in expired:
                session.remove(KIND, id)
            return len(expired)

    def _headers(self, provider: AwsProvider, signed: SignedRequest) -> dict[str, str]:
        """The headers of the one request that is sent, if the signature covers all of them."""
        parts = _AUTHORIZATION.fullmatch(signed.authorization)
        if parts is None or not _DATE.fullmatch(signed.date):
            raise refused("the signature of AWS is none")
        if signed.session_token and not _SESSION.fullmatch(signed.session_token):
            raise refused("the session token of AWS is none")
        session = ("x-amz-security-token",) if signed.session_token else ()
        if parts[4].split(";") != sorted((*_SIGNED, SERVER_HEADER.lower(), *session)):
            raise refused("the signature of AWS does not cover what it has to")
        if parts[3] != provider.region or parts[2] != signed.date[:8]:
            raise refused("the signature of AWS is for another region or day")
        self._check_age(signed.date)
        headers = {
            "Authorization": signed.authorization,
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Date": signed.date,
            SERVER_HEADER: provider.server,
        }
        return {**headers, "X-Amz-Security-Token": signed.session_token} if signed.session_token else headers

    def _check_age(self, date: str) -> None:
        try:
            moment = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise refused("the signature of AWS is none") from None
        if abs(self._records.now() - moment) > AGE_MAX:
            raise refused("the signature of AWS is too old, or of the future")

    def _take(self, signed: SignedRequest) -> None:
        id = self._records.name(b"aws " + signed.authorization.encode())
        with self._records.changing() as session:
            if session.get(KIND, id, SignatureRecord) is not None:
                raise refused("the signature of AWS was taken before")
            session.put(KIND, id, SignatureRecord(), expires=session.now() + _KEPT)


def _identity(content: bytes) -> dict[str, Any]:
    """What stands in an answer of STS, which has no document type and no entities."""
    if b"<!" in content:
        raise ProviderUnavailable("AWS STS does not answer as expected.", "Look at the provider's address of STS.")
    try:
        result = ElementTree.fromstring(content).find(f"{_NAMESPACE}GetCallerIdentityResult")  # noqa: S314
    except ElementTree.ParseError:
        result = None
    found = {} if result is None else {part.tag.removeprefix(_NAMESPACE): part.text or "" for part in result}
    account, arn, user_id = (found.get(name, "") for name in ("Account", "Arn", "UserId"))
    if not account.isdecimal() or not arn.startswith("arn:") or not user_id:
        raise ProviderUnavailable("AWS STS does not answer as expected.", "Look at the provider's address of STS.")
    return {"sub": arn, "arn": arn, "account": account, "user_id": user_id, "principal": principal(arn)}


def principal(arn: str) -> str:
    """The role behind a session, by its own arn; any other identity as it is."""
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "sts" and parts[5].startswith("assumed-role/"):
        role = parts[5].split("/")[1]
        return ":".join((*parts[:2], "iam", *parts[3:5], f"role/{role}"))
    return arn
