"""``If-Match`` and ``If-None-Match``: a change that is made only if the thing is as the caller saw it last."""

from __future__ import annotations

import re
from collections.abc import Mapping

from strongroom_service.errors import InvalidRequest

_ETAG = re.compile(r'"([1-9][0-9]{0,8})(?:-[0-9a-f]{32})?"')


def etag(version: int) -> str:
    """The ``ETag`` of a version."""
    return f'"{version}"'


def expected_version(headers: Mapping[str, str]) -> int | None:
    """The version that has to be the current one: that of ``If-Match``, 0 for ``If-None-Match: *``, None for any.

    :raises InvalidRequest: a header says something else, or both are there.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise InvalidRequest("If-Match and If-None-Match exclude each other.", "Send one of them.")
    if none_match is not None:
        if none_match.strip() != "*":
            raise InvalidRequest("If-None-Match is not understood here.", "Send `If-None-Match: *`, for a new thing.")
        return 0
    if match is None:
        return None
    found = _ETAG.fullmatch(match.strip())
    if found is None:
        raise InvalidRequest("If-Match is not understood.", 'Send the ETag of the version that is meant: "3".')
    return int(found[1])


def check_no_precondition(headers: Mapping[str, str]) -> None:
    """Refuse what would not be heeded.

    :raises InvalidRequest: the request makes a condition.
    """
    if "if-match" in headers or "if-none-match" in headers:
        raise InvalidRequest("If-Match and If-None-Match are not heeded here.", "Leave them out.")
