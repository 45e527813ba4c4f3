"""Bytes from here to a bucket and back: in bounded memory, and never half an object or file under its final name."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from strongroom.stores import among_many, complete_file, leave_if_failed, moving

from strongroom_aws import checksums
from strongroom_aws.again import again
from strongroom_aws.engine import Engine, engine
from strongroom_aws.managed import MIB as MIB
from strongroom_aws.managed import PART, PARTS_IN_FLIGHT, SteadyFile, Tell, config, transfer
from strongroom_aws.ranges import Ranges
from strongroom_aws.write_options import carried

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

COPY_IN_ONE = 5 * 1024 * MIB  # S3's own limit for CopyObject
COPY_PART = 256 * MIB
STREAMED = 4
"""How many parts of a stream are under way at a time; they are held in memory."""
_ATTEMPTS_OF_A_WHOLE = 2
_CHUNK = 256 * 1024
_ENDED = "InvalidRange"


@dataclass(frozen=True, slots=True)
class Manner:
    """How an object is moved.

    :param extra: further parameters of S3's API, in clear.
    :param settings: the SDK's ``TransferConfig``, where it is not ours.
    :param tell: called with how many bytes more were moved, from several threads.
    :param parts: how many parts are under way at a time.
    :param fast: whether what is small and one of many may go by the other engine.
    """

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    settings: Any = None
    tell: Tell | None = None
    parts: int = PARTS_IN_FLIGHT
    fast: bool = False

    def config(self) -> Any:
        """The SDK's settings for one transfer."""
        return self.settings or config(self.parts)

    def engine(self, client: S3Client, bucket: str) -> Engine | None:
        """The other engine, where it is there and of use. One object by itself is left to the SDK, whose waiting a
        signal ends."""
        return engine(client, bucket) if self.fast and self.settings is None and among_many() else None

    def told(self, count: int) -> None:
        """Tell of what was moved in one piece."""
        if self.tell is not None:
            self.tell(count)


PLAINLY = Manner()


def both(one: Tell | None, other: Tell | None) -> Tell | None:
    """Both are told."""
    if one is None or other is None:
        return one or other

    def tell(count: int) -> None:
        one(count)
        other(count)

    return tell


def read(client: S3Client, bucket: str, key: str, extra: Mapping[str, Any] = PLAINLY.extra) -> bytes:
    """The content of an object."""
    return again(lambda: client.get_object(Bucket=bucket, Key=key, **extra)["Body"].read())


def read_range(
    client: S3Client,
    bucket: str,
    key: str,
    start: int,
    length: int,
    etag: str | None,
    extra: Mapping[str, Any] = PLAINLY.extra,
) -> bytes:
    """Bytes of an object from ``start`` on, fewer at its end.

    :raises ClientError: with the code ``PreconditionFailed``, if it has another ETag.
    """
    import botocore.exceptions as sdk

    wanted: dict[str, Any] = {"Range": f"bytes={start}-{start + length - 1}", **extra}
    if etag is not None:
        wanted["IfMatch"] = f'"{etag}"'
    if length <= 0:
        wanted["Range"] = "bytes=0-0"

    def attempt() -> bytes:
        answer = client.get_object(Bucket=bucket, Key=key, **wanted)
        if etag is not None and answer.get("ETag", "").strip('"') != etag:  # not every store heeds the condition
            answer["Body"].close()
            raise sdk.ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        return answer["Body"].read()

    try:
        return again(attempt)[: max(0, length)]
    except sdk.ClientError as error:
        if error.response.get("Error", {}).get("Code") == _ENDED:
            return b""
        raise


def write(client: S3Client, bucket: str, key: str, content: bytes, manner: Manner = PLAINLY) -> None:
    """Write an object from memory."""
    if len(content) <= PART:
        other = manner.engine(client, bucket)
        if other is None or not other.put(key, content, manner.extra):
            leave_if_failed()
            client.put_object(Bucket=bucket, Key=key, Body=content, **manner.extra)
        manner.told(len(content))
    else:
        _send(client, bucket, key, io.BytesIO(content), manner)


def upload(client: S3Client, bucket: str, key: str, path: Path, manner: Manner = PLAINLY) -> None:
    """Upload a file. A small one goes in a single request, whose fixed costs are a third below a managed transfer's.

    :raises ObjectChanged: the file changed meanwhile; nothing was written then.
    """
    file = SteadyFile(str(path))
    if path.stat().st_size <= PART:
        content = path.read_bytes()
        file.check()
        write(client, bucket, key, content, manner)
        return
    try:
        _send(client, bucket, key, str(path), manner, file)
    except Exception:
        file.check()  # one that shrinks ends in an error of the connection
        raise


def upload_stream(client: S3Client, bucket: str, key: str, source: BinaryIO, manner: Manner | None = None) -> None:
    """Upload what ``source`` still holds; it stays open."""
    _send(client, bucket, key, _KeptOpen(source), manner or Manner(parts=STREAMED))


def _send(client: S3Client, bucket: str, key: str, source: Any, manner: Manner, file: SteadyFile | None = None) -> None:
    extra = dict(manner.extra)
    transfer(
        client,
        manner.config(),
        lambda manager, watchers: manager.upload(source, bucket, key, extra_args=extra, subscribers=watchers),
        manner.tell,
        file,
    )


def download(
    client: S3Client,
    bucket: str,
    key: str,
    path: Path,
    *,
    size: int | None = None,
    manner: Manner = PLAINLY,
    what: str = "",
) -> None:
    """Download into a file, which appears when it is complete and has the checksum that S3 keeps, if it does.

    :param size: the object's size in bytes, where a listing told it.
    :param what: what who watches the run is told of, if anything.
    """
    with complete_file(path) as file:
        if size is None or size <= PART:
            size = again(lambda: _small(client, bucket, key, file, manner))
        if size > PART:
            if what:
                manner = replace(manner, tell=both(moving(what, size), manner.tell))
            again(lambda: _large(client, bucket, key, file, manner), _ATTEMPTS_OF_A_WHOLE)


def _small(client: S3Client, bucket: str, key: str, file: IO[bytes], manner: Manner) -> int:
    """Write the object if it is small; its size in any case."""
    other = manner.engine(client, bucket)
    content = other.get(key, manner.extra, PART) if other is not None else None
    if content is not None:
        file.write(content)
        manner.told(len(content))
        return len(content)
    leave_if_failed()
    answer = client.get_object(Bucket=bucket, Key=key, **manner.extra)
    with closing(answer["Body"]) as body:  # the body as a context manager is one that does not check its length
        if answer["ContentLength"] <= PART:
            file.seek(0)
            file.truncate()
            shutil.copyfileobj(body, file, _CHUNK)
            manner.told(answer["ContentLength"])
    return answer["ContentLength"]


def _large(client: S3Client, bucket: str, key: str, file: BinaryIO, manner: Manner) -> None:
    import botocore.exceptions as sdk

    answer = client.head_object(Bucket=bucket, Key=key, **{"ChecksumMode": "ENABLED", **manner.extra})
    file.seek(0)
    file.truncate()
    if manner.settings is None:
        condition = {"IfMatch": answer["ETag"]} if answer.get("ETag") else {}
        wanted = {**manner.extra, "Bucket": bucket, "Key": key, **condition}
        Ranges(client, wanted, file, answer["ContentLength"], manner.tell).fetch(manner.parts)
    else:
        _fetch(client, bucket, key, file, manner, answer)
    file.flush()
    if checksums.matches(file, answer, _part_size(client, bucket, key, answer, manner)) is False:
        raise sdk.FlexibleChecksumError(error_msg="what was downloaded has another checksum than what is kept")


def _part_size(client: S3Client, bucket: str, key: str, answer: Mapping[str, Any], manner: Manner) -> int | None:
    """Of an object whose checksum is one of the checksums of its parts."""
    import botocore.exceptions as sdk

    if not any("-" in value for value in checksums.kept(answer).values()):
        return None
    with suppress(sdk.ClientError, sdk.BotoCoreError):  # what cannot be asked is not checked
        first = client.head_object(Bucket=bucket, Key=key, PartNumber=1, **manner.extra)
        return int(first["ContentLength"]) if first.get("ETag") == answer.get("ETag") else None
    return None


def _fetch(client: S3Client, bucket: str, key: str, target: Any, manner: Manner, answer: Mapping[str, Any]) -> None:
    extra = {name: value for name, value in manner.extra.items() if name != "IfMatch"}

    def begin(manager: Any, watchers: list[Any]) -> Any:
        return manager.download(bucket, key, target, extra_args=extra, subscribers=[_known(answer), *watchers])

    transfer(client, manner.config(), begin, manner.tell)


def _known(answer: Mapping[str, Any]) -> Any:
    """Tells the SDK what was asked already, so that it need not ask again."""
    from s3transfer.subscribers import BaseSubscriber

    class Known(BaseSubscriber):
        def on_queued(self, future: Any, **_: Any) -> None:
            future.meta.provide_transfer_size(answer["ContentLength"])
            future.meta.provide_object_etag(answer.get("ETag"))

    return Known()


def download_stream(client: S3Client, bucket: str, key: str, target: BinaryIO, manner: Manner | None = None) -> None:
    """Append an object to ``target``, in order."""
    manner = manner or Manner(parts=STREAMED)
    answer = client.head_object(Bucket=bucket, Key=key, **manner.extra)
    _fetch(client, bucket, key, _WrittenInOrder(target), manner, answer)


def copy(
    client: S3Client,
    source_client: S3Client,
    source: Mapping[str, str],
    target: tuple[str, str],
    extra: Mapping[str, Any] = PLAINLY.extra,
) -> None:
    """Copy within the service, whatever the size; from 5 GiB on in parts. What ``extra`` does not say is kept.

    :param source: what the SDK calls a ``CopySource``: bucket and key, and perhaps a version.
    :param target: bucket and key.
    """
    from boto3.s3.transfer import TransferConfig

    settings = TransferConfig(
        multipart_threshold=COPY_IN_ONE, multipart_chunksize=COPY_PART, preferred_transfer_client="classic"
    )
    opening = {
        name.removeprefix("CopySource"): value for name, value in extra.items() if name.startswith("CopySourceSSE")
    }
    found = source_client.head_object(**source, **opening)  # type: ignore[arg-type]  # names that it knows
    wanted = carried(extra, found, in_parts=found["ContentLength"] >= COPY_IN_ONE)

    def begin(manager: Any, watchers: list[Any]) -> Any:
        return manager.copy(
            dict(source),
            *target,
            extra_args=wanted,
            subscribers=[_known(found), *watchers],
            source_client=source_client,
        )

    transfer(client, settings, begin)


class _KeptOpen:
    """A file object that the SDK cannot close: whoever opened it does."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


class _WrittenInOrder:
    """Shows the SDK nothing but ``write``, so that it hands the parts over in order, from where the file stands."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)
