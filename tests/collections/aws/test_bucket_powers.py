"""What S3 can do beyond what every store can: against moto, which keeps versions, tags and conditions."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
from servers.blocks import bucket_at, credentials_for
from servers.breaking import Plan, breaking_server
from servers.s3 import S3Server
from strongroom import LocalFolder, ObjectStore
from strongroom.stores import ConditionalWrites, Described, PreconditionFailed, Presigning, Tagged, Versioned
from strongroom_aws import S3Bucket, S3WriteOptions, checksums
from strongroom_aws.errors import ObjectNotFound, ObjectReplaced, TransferInterrupted, WriteConditionFailed
from strongroom_aws.transfers import MIB


@pytest.fixture
def bucket(moto: S3Server) -> S3Bucket:
    return S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto), bucket_folder="in")


def with_options(bucket: S3Bucket, **options: object) -> S3Bucket:
    return bucket.model_copy(update={"write_options": S3WriteOptions(**options)})  # type: ignore[arg-type]


def test_a_bucket_says_which_powers_it_has(bucket: S3Bucket, tmp_path: Path) -> None:
    powers = (ObjectStore, Presigning, Versioned, ConditionalWrites, Described, Tagged)
    assert all(isinstance(bucket, power) for power in powers)
    assert [isinstance(LocalFolder(basepath=tmp_path), power) for power in powers] == [True] + [False] * 5


def test_versions_are_listed_read_restored_and_deleted(bucket: S3Bucket, moto: S3Server) -> None:
    moto.client().put_bucket_versioning(Bucket=bucket.bucket_name, VersioningConfiguration={"Status": "Enabled"})
    bucket.write_path("a", b"one")
    bucket.write_path("a", b"three")
    bucket.write_path("ab", b"another object")
    bucket.delete_objects(["a"])
    gone, second, first = bucket.list_versions("a")
    assert [version.is_deletion for version in (gone, second, first)] == [True, False, False]
    assert (gone.is_latest, second.size, first.key) == (True, 5, "a")
    assert bucket.read_version("a", first.version) == b"one"
    assert bucket.restore_version("a", first.version) not in {first.version, second.version}
    assert bucket.read_path("a") == b"one"
    bucket.delete_version("a", bucket.list_versions("a")[0].version)
    bucket.delete_version("a", gone.version)
    assert bucket.read_path("a") == b"three"
    with pytest.raises(ObjectNotFound, match="'in/missing'"):
        bucket.read_version("missing", first.version)


def test_an_object_is_written_only_on_its_condition(bucket: S3Bucket) -> None:
    assert bucket.write_if_absent("a", b"1") == "a"
    with pytest.raises(WriteConditionFailed, match=r"object 'in/a'.*there is one already") as refused:
        bucket.write_if_absent("a", b"2")
    assert isinstance(refused.value, PreconditionFailed)
    etag = bucket.stat_object("a").etag
    assert etag
    assert bucket.write_if_match("a", b"3", etag) == "a"
    with pytest.raises(WriteConditionFailed):
        bucket.write_if_match("a", b"4", etag)
    assert bucket.read_path("a") == b"3"


def test_options_go_along_with_every_way_up(bucket: S3Bucket, tmp_path: Path) -> None:
    bucket = with_options(
        bucket, content_type="guess", metadata={"owner": "sales"}, tags={"kind": "a b+c="}, checksum="SHA256"
    )
    file = tmp_path / "page.html"
    file.write_bytes(b"x" * 9 * MIB)
    bucket.upload_from_path(file)
    bucket.write_path("small.html", b"x")
    bucket.put_directory(tmp_path, "all")
    with bucket.open("streamed.html", "wb") as stream:
        stream.write(b"x")
    for key in ("page.html", "small.html", "all/page.html", "streamed.html"):
        details = bucket.object_details(key)
        assert (details.content_type, details.metadata) == ("text/html", {"owner": "sales"}), key
        assert bucket.object_tags(key) == {"kind": "a b+c="}
    assert bucket.object_details("small.html").checksums["ChecksumSHA256"] == _sha256(b"x")
    bucket.set_object_tags("small.html", {"other": "1"})
    assert bucket.object_tags("small.html") == {"other": "1"}


def _sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_arguments_of_boto3_are_taken_too(bucket: S3Bucket, tmp_path: Path) -> None:
    from boto3.s3.transfer import TransferConfig

    moved: list[int] = []
    (tmp_path / "a").write_bytes(b"x" * 6 * MIB)
    bucket.upload_from_path(
        tmp_path / "a",
        ExtraArgs={"ContentType": "text/plain", "StorageClass": "STANDARD_IA"},
        Callback=moved.append,
        Config=TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB),
    )
    details = bucket.object_details("a")
    assert (details.content_type, details.storage_class, sum(moved)) == ("text/plain", "STANDARD_IA", 6 * MIB)
    with pytest.raises(TypeError, match="not Extra"):
        bucket.write_path("a", b"", Extra={})


def test_a_copy_keeps_what_it_is_not_told_to_change(bucket: S3Bucket) -> None:
    with_options(bucket, metadata={"one": "1"}, content_type="text/csv").write_path("a", b"1")
    bucket.copy_object("a", "b")
    assert bucket.object_details("b").metadata == {"one": "1"}
    with_options(bucket, metadata={"two": "2"}).copy_object("a", "c")
    assert bucket.object_details("c").metadata == {"two": "2"}
    assert bucket.object_details("c").content_type == "text/csv"
    with_options(bucket, content_type="text/plain").copy_object("a", "d")
    assert bucket.object_details("d").metadata == {"one": "1"}
    assert bucket.object_details("d").content_type == "text/plain"
    bucket.copy_object("a", "e", MetadataDirective="REPLACE", ContentType="text/html")
    assert bucket.object_details("e").metadata == {}


def test_a_copy_in_parts_keeps_what_describes_it(bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom_aws.transfers.COPY_IN_ONE", 6 * MIB)
    monkeypatch.setattr("strongroom_aws.transfers.COPY_PART", 5 * MIB)
    with_options(bucket, metadata={"one": "1"}, content_type="text/csv").write_path("a", bytes(7 * MIB))
    bucket.copy_object("a", "b")
    assert bucket.read_path("b") == bytes(7 * MIB)
    assert bucket.object_details("b").metadata == {"one": "1"}
    assert bucket.object_details("b").content_type == "text/csv"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"customer_key": base64.b64encode(b"short").decode()}, "32 bytes"),
        ({"customer_key": base64.b64encode(bytes(32)).decode(), "encryption": "AES256"}, "leave one out"),
        ({"kms_key_id": "key"}, "goes with"),
    ],
)
def test_kinds_of_encryption_are_not_mixed(options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        S3WriteOptions(**options)  # type: ignore[arg-type]


def test_an_encryption_by_the_service_is_asked_for(bucket: S3Bucket) -> None:
    with_options(bucket, encryption="aws:kms", kms_key_id="lake").write_path("a", b"1")
    assert bucket.object_details("a").encryption == "aws:kms"
    key = os.urandom(32)
    own = S3WriteOptions(customer_key=base64.b64encode(key).decode())  # type: ignore[arg-type]
    assert own.writing("a") == own.reading() == {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    assert own.copying("a")["CopySourceSSECustomerKey"] == key
    assert repr(key) not in repr(own)


def test_a_listing_takes_the_parameters_that_scripts_know(bucket: S3Bucket) -> None:
    for number in range(5):
        bucket.write_path(f"a/{number}", b"x" * number)
    bucket.write_path("a/deep/1", b"x")
    keys = [entry["Key"] for entry in bucket.list_objects("a", delimiter="/", page_size=2, max_items=4)]
    assert keys == ["a/0", "a/1", "a/2", "a/3"]
    assert bucket.list_objects("a", jmespath_query="Contents[?Size > `3`][].Key", page_size=2) == ["in/a/4"]


def test_a_whole_that_came_in_parts_is_held_against_its_checksum(bucket: S3Bucket, tmp_path: Path) -> None:
    content = os.urandom(9 * MIB)
    (tmp_path / "a").write_bytes(content)
    answer = {"ChecksumCRC32": _composite(content)}
    with (tmp_path / "a").open("rb") as file:
        assert checksums.matches(file, answer, 8 * MIB) is True
        assert checksums.matches(file, answer, 5 * MIB) is False
        assert checksums.matches(file, answer) is None
        assert checksums.matches(file, {"ChecksumSHA256": _sha256(content)}) is True
        assert checksums.matches(file, {"ChecksumCRC64NVME": "unknown here"}) is None


def _composite(content: bytes) -> str:
    import zlib

    parts = b"".join(zlib.crc32(content[i : i + 8 * MIB]).to_bytes(4) for i in range(0, len(content), 8 * MIB))
    return base64.b64encode(zlib.crc32(parts).to_bytes(4)).decode() + "-2"


@pytest.mark.parametrize("size", [9 * MIB, 1000])
def test_an_object_that_arrives_damaged_is_no_file(tmp_path: Path, size: int) -> None:
    plan = Plan(b"x" * size, failures=0, headers={"x-amz-checksum-sha256": _sha256(b"something else")})
    with breaking_server(plan) as url, pytest.raises(TransferInterrupted, match="damaged"):
        bucket_at(url).download_object_to_path("a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_is_replaced_while_it_comes_down_is_no_file(tmp_path: Path) -> None:
    plan = Plan(b"x" * 20 * MIB, failures=0, etags=3)
    with breaking_server(plan) as url, pytest.raises(ObjectReplaced, match="replaced while it was read"):
        bucket_at(url).download_object_to_path("a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_pandas_polars_and_duckdb_are_told_of_the_login(bucket: S3Bucket, moto: S3Server) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("s3fs")
    bucket.write_path("a b.csv", b"n\n1\n2\n")
    frame = pandas.read_csv(bucket.url("a b.csv"), storage_options=bucket.storage_options())
    assert list(frame["n"]) == [1, 2]
    polars = bucket.storage_options("polars")
    assert (polars["aws_endpoint_url"], polars["aws_allow_http"]) == (moto.endpoint_url, "true")
    duckdb = bucket.storage_options("duckdb")
    assert (duckdb["ENDPOINT"], duckdb["USE_SSL"]) == (moto.endpoint_url.removeprefix("http://"), False)
    with pytest.raises(ValueError, match="spark"):
        bucket.storage_options("spark")  # type: ignore[arg-type]


def test_a_folders_upload_leaves_out_what_is_ignored(bucket: S3Bucket, tmp_path: Path) -> None:
    for name in ("keep.py", "sub/drop.log", "sub/keep.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    ignore = tmp_path.parent / f"{tmp_path.name}.ignore"
    ignore.write_text("*.log\n")
    assert bucket.put_directory(tmp_path, ignore_file=ignore) == 2
    assert [entry.key for entry in bucket.list_objects()] == ["keep.py", "sub/keep.txt"]


def test_what_a_presigned_address_is_made_of_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    bucket = bucket_at("http://127.0.0.1:1")
    with caplog.at_level("DEBUG"):
        address = bucket.presigned_url("report")
    signature = address.partition("X-Amz-Signature=")[2].partition("&")[0]
    assert len(signature) == 64
    assert signature not in caplog.text
    assert "X-Amz-Credential" not in caplog.text
