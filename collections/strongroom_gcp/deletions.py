"""Many objects deleted, several at a time; a batch of the service's own takes no less time, and repeats nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.stores import each

from strongroom_gcp.patience import asking
from strongroom_gcp.storage_faults import asked

if TYPE_CHECKING:
    from google.cloud.storage import Client


def delete(client: Client, bucket: str, names: list[str], at_once: int) -> None:
    """Delete objects; those that are not there are no error.

    :raises GcpError: for the first that could not be deleted.
    """
    if len(names) == 1:
        _one(client, bucket, names[0])
    else:
        each(lambda name: _one(client, bucket, name), names, at_once)


def _one(client: Client, bucket: str, name: str) -> None:
    from google.api_core.exceptions import NotFound

    def attempt() -> None:
        place: Any = client.bucket(bucket)
        try:
            place.delete_blob(name, **asking())
        except NotFound as exc:
            if "bucket does not exist" in str(exc):
                raise

    asked(bucket, name, attempt)
