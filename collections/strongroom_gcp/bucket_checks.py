"""Whether a bucket can be used, and which right is missing if it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.checks import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable

from strongroom_gcp.errors import BucketNotFound, GcpAbsent, GcpDenied, GcpError, GcpLoginProblem, GcpUnreachable
from strongroom_gcp.storage_faults import asked, place

if TYPE_CHECKING:
    from strongroom_gcp.bucket import GcsBucket

_NEEDED = {"storage.objects.list": "list", "storage.objects.get": "read"}
_FOR_MORE = {"storage.objects.create": "write", "storage.objects.delete": "delete and replace"}


def check_bucket(bucket: GcsBucket, timeout: float) -> str:
    """What the login may do in the bucket, in words; see :meth:`GcsBucket.check`."""
    try:
        granted = _granted(bucket, timeout)
    except GcpUnreachable as exc:
        raise CheckUnreachable(exc.problem, exc.remedy) from None
    except (GcpDenied, GcpLoginProblem) as exc:
        raise CheckDenied(exc.problem, exc.remedy) from None
    except GcpAbsent as exc:
        raise CheckAbsent(exc.problem, exc.remedy) from None
    except GcpError as exc:
        raise CheckFailed(exc.problem, exc.remedy) from None
    missing = [right for right in _NEEDED if right not in granted]
    where = place(bucket.bucket)
    if missing:
        raise CheckDenied(
            f"The login lacks the right {' and '.join(missing)} in {where}.",
            "Grant it a role that has it, such as roles/storage.objectUser, on the bucket.",
        )
    may = [word for right, word in (_NEEDED | _FOR_MORE).items() if right in granted]
    lacks = [right for right in _FOR_MORE if right not in granted]
    without = f", without the right {' and '.join(lacks)}" if lacks else ""
    return f"may {', '.join(may)} objects in {where}{without}"


def _granted(bucket: GcsBucket, timeout: float) -> set[str]:
    rights = [*_NEEDED, *_FOR_MORE]
    only = {"timeout": timeout, "retry": None}
    client = bucket._storage.client
    found: Any = client.bucket(bucket.bucket)
    try:
        return set(asked(bucket.bucket, "", lambda: found.test_iam_permissions(rights, **only)))
    except BucketNotFound:
        if not bucket._is_plain:
            raise
    asked(bucket.bucket, "", lambda: list(client.list_blobs(bucket.bucket, max_results=1, **only)))
    return set(rights)  # an emulator knows no rights
