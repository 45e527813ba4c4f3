"""Buckets of Cloud Storage: what they can do beyond what every object store does."""

from __future__ import annotations

import asyncio
import gzip
import io
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas
import pytest
import requests
from servers.gcs import GcsServer
from servers.google_login import EMAIL, GoogleLogin
from strongroom import Block
from strongroom.stores import (
    ConditionalWrites,
    Described,
    PreconditionFailed,
    Presigning,
    Versioned,
)
from strongroom_gcp import DataFrameSerializationFormat, GcpCredentials, GcsBucket
from strongroom_gcp.errors import BucketNotFound, GcpExists, GcpLoginMissing, GcpRefused, ObjectNotFound


def test_it_has_the_powers_that_cloud_storage_has(bucket: GcsBucket) -> None:
    for power in (Presigning, Versioned, ConditionalWrites, Described):
        assert isinstance(bucket, power), power


def test_a_bucket_comes_back_from_the_registry(bucket: GcsBucket) -> None:
    bucket.write_path("a", b"1")
    bucket.save("lake")
    loaded = Block.load("lake")
    assert isinstance(loaded, GcsBucket)
    assert loaded.read_path("a") == b"1"


@pytest.mark.parametrize("name", ["a/b", "gs://a/b", "", "gs://"])
def test_a_bucket_is_a_name_alone(name: str) -> None:
    with pytest.raises(ValueError, match="bucket"):
        GcsBucket(bucket=name)
    assert GcsBucket(bucket="gs://acme/").bucket == "acme"
    assert GcsBucket(bucket="acme", bucket_folder="/in/here/").basepath == "in/here"
    with pytest.raises(ValueError, match="bucket_folder"):
        GcsBucket(bucket="acme", bucket_folder="../x")


def test_a_bucket_is_made_and_found(gcs: GcsServer) -> None:
    credentials = GcpCredentials(storage_endpoint=gcs.endpoint_url, project="acme")
    bucket = GcsBucket(bucket="made-by-the-test", gcp_credentials=credentials)
    with pytest.raises(BucketNotFound, match="no bucket 'made-by-the-test'"):
        bucket.get_bucket()
    assert bucket.create_bucket("EU", timeout=10).name == "made-by-the-test"
    assert asyncio.run(bucket.aget_bucket()).name == "made-by-the-test"
    with pytest.raises(GcpExists, match="already"):
        bucket.create_bucket()


def test_a_write_may_have_conditions(bucket: GcsBucket) -> None:
    assert bucket.write_if_absent("a", b"1") == "a"
    with pytest.raises(PreconditionFailed, match="object 'a' in bucket"):
        bucket.write_if_absent("a", b"2")
    etag = bucket.stat_object("a").etag
    assert etag
    assert bucket.write_if_match("a", b"3", etag) == "a"
    for stale in (etag, "no generation"):
        with pytest.raises(PreconditionFailed):
            bucket.write_if_match("a", b"4", stale)
    assert bucket.read_path("a") == b"3"
    with pytest.raises(TypeError, match=r"no option 'if_generation'; there are .*if_generation_match"):
        bucket.write_path("a", b"5", if_generation=1)  # type: ignore[call-arg]


def test_generations_are_kept_read_and_restored(gcs: GcsServer) -> None:
    credentials = GcpCredentials(storage_endpoint=gcs.endpoint_url)
    bucket = GcsBucket(bucket=gcs.bucket(versioning_enabled=True), gcp_credentials=credentials)
    for content in (b"one", b"two"):
        bucket.write_path("folder/a", content)
    bucket.write_path("folder/a-neighbour", b"x")
    newest, oldest = bucket.list_versions("folder/a")
    assert (newest.key, newest.is_latest, oldest.is_latest, newest.size) == ("folder/a", True, False, 3)
    assert bucket.read_version("folder/a", oldest.version) == b"one"
    bucket.restore_version("folder/a", oldest.version)
    assert bucket.read_path("folder/a") == b"one"
    for wrong in ("7", "none"):
        with pytest.raises(ObjectNotFound):
            bucket.read_version("folder/a", wrong)


def test_one_generation_is_deleted(bucket: GcsBucket) -> None:
    bucket.write_path("a", b"1")
    [version] = bucket.list_versions("a")
    bucket.delete_version("a", version.version)
    assert bucket.list_versions("a") == []


def test_an_object_has_a_description(bucket: GcsBucket) -> None:
    bucket.write_path("a", b"{}", content_type="application/json", metadata={"by": "etl"}, cache_control="no-store")
    details = bucket.object_details("a")
    assert (details.content_type, details.metadata) == ("application/json", {"by": "etl"})
    assert details.checksums["crc32c"] == bucket.stat_object("a").crc32c
    assert details.version == bucket.stat_object("a").etag
    changed = bucket.update_metadata("a", metadata={"by": "hand"}, content_type="text/plain")
    assert (changed.content_type, changed.metadata) == ("text/plain", {"by": "hand"})
    bucket.upload_from_file_object(io.BytesIO(bytes(9 << 20)), "b", metadata={"large": "yes"})
    assert bucket.object_details("b").metadata == {"large": "yes"}


def test_the_name_of_a_file_says_what_it_is(bucket: GcsBucket, tmp_path: Path) -> None:
    for name in ("a.json", "b"):
        (tmp_path / name).write_bytes(b"{}")
        bucket.upload_from_path(tmp_path / name)
    bucket.upload_from_path(tmp_path / "a.json", "c", content_type="text/plain")
    bucket.put_directory(tmp_path, "all")
    kinds = [bucket.object_details(key).content_type for key in ("a.json", "b", "c", "all/a.json")]
    assert kinds == ["application/json", "application/octet-stream", "text/plain", "application/json"]


def test_objects_are_composed_to_one(bucket: GcsBucket) -> None:
    paths = [bucket.write_path(f"parts/{number:03}", bytes([number])) for number in range(70)]
    assert bucket.compose_object(paths[:2], "two", content_type="text/plain") == "two"
    assert bucket.read_path("two") == b"\x00\x01"
    assert bucket.compose_object(paths, "parts/all") == "parts/all"
    assert bucket.read_path("parts/all") == bytes(range(70))
    assert len(bucket.list_objects()) == 72
    with pytest.raises(ValueError, match="composed"):
        bucket.compose_object([], "other")


def test_a_signed_address_lets_anybody_in(gcs: GcsServer, google_login: GoogleLogin) -> None:
    credentials = GcpCredentials(service_account_info=google_login.info, storage_endpoint=gcs.endpoint_url)
    bucket = GcsBucket(bucket=gcs.bucket(), gcp_credentials=credentials, bucket_folder="in here")
    bucket.write_path("ü x", b"1")
    url = bucket.presigned_url("ü x", timedelta(minutes=5))
    query = parse_qs(urlsplit(url).query)
    assert query["X-Goog-Expires"] == ["300"]
    assert query["X-Goog-Credential"][0].startswith(EMAIL)
    assert requests.get(url, timeout=10).content == b"1"
    written = requests.put(bucket.presigned_url("new", 60, "PUT"), data=b"2", timeout=10)
    assert written.status_code == 200
    assert bucket.read_path("new") == b"2"
    assert google_login.seen == []
    for wrong in (timedelta(days=8), 0):
        with pytest.raises(ValueError, match="seven days"):
            bucket.presigned_url("a", wrong)
    with pytest.raises(ValueError, match="PATCH"):
        bucket.presigned_url("a", method="PATCH")  # type: ignore[arg-type]


def test_without_a_login_nothing_is_signed(bucket: GcsBucket) -> None:
    with pytest.raises(GcpLoginMissing):
        bucket.presigned_url("a")


def test_googles_own_objects_are_listed(bucket: GcsBucket, gcs: GcsServer) -> None:
    for key in ("a/1", "a/deep/er/2", "b"):
        bucket.write_path(key, b"x")
    gcs.client().bucket(bucket.bucket).blob("a/placeholder/").upload_from_string(b"")
    assert [blob.name for blob in bucket.list_blobs("a")] == ["a/1", "a/deep/er/2"]
    assert bucket.list_folders() == ["a", "a/deep", "a/deep/er"]
    assert bucket.list_folders("a/deep") == ["a/deep", "a/deep/er"]
    assert asyncio.run(bucket.alist_folders("none")) == []
    folder = bucket.model_copy(update={"bucket_folder": "a"})
    assert [blob.name for blob in folder.list_blobs()] == ["a/1", "a/deep/er/2"]
    assert folder.list_folders() == ["deep", "deep/er"]


@pytest.mark.parametrize("name", ["csv", "csv_gzip", "parquet", "parquet_snappy", "parquet_gzip"])
def test_tables_are_uploaded_in_their_formats(bucket: GcsBucket, name: str) -> None:
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", "ü"]})
    form = DataFrameSerializationFormat.named(name)
    key = bucket.upload_from_dataframe(table, "out/table.data", name)
    assert key == f"out/table{form.suffix}"
    assert bucket.object_details(key).content_type == form.content_type
    with bucket.open(key) as file:
        content = io.BytesIO(gzip.decompress(file.read()) if name == "csv_gzip" else file.read())
    back = pandas.read_csv(content) if form.format == "csv" else pandas.read_parquet(content)
    pandas.testing.assert_frame_equal(back, table)


def test_a_table_is_packed_csv_unless_told_otherwise(bucket: GcsBucket) -> None:
    table = pandas.DataFrame({"a": [1]})
    assert bucket.upload_from_dataframe(table, "t") == "t.csv.gz"
    assert bucket.upload_from_dataframe(table, "t", DataFrameSerializationFormat.CSV) == "t.csv"
    with pytest.raises(ValueError, match="parquet_snappy"):
        bucket.upload_from_dataframe(table, "t", "xlsx")


def test_a_folder_leaves_out_what_a_file_says(bucket: GcsBucket, tmp_path: Path) -> None:
    for name in ("a.txt", "b.log", "sub/c.log", "sub/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".ignore").write_text("*.log\n.ignore\n")
    assert bucket.put_directory(tmp_path, "all", ignore_file=tmp_path / ".ignore") == 2
    assert [entry.key for entry in bucket.list_objects()] == ["all/a.txt", "all/sub/d.txt"]


def test_objects_go_to_another_bucket(bucket: GcsBucket, gcs: GcsServer) -> None:
    other = GcsBucket(bucket=gcs.bucket(), gcp_credentials=bucket.gcp_credentials, bucket_folder="in")
    bucket.write_path("a", b"1")
    assert bucket.copy_object("a", "b", other) == "b"
    assert bucket.move_object("a", "c", other) == "c"
    assert [entry.key for entry in other.list_objects()] == ["b", "c"]
    assert bucket.list_objects() == []
    assert other.copy_object("b", "b") == "b"


def test_libraries_open_objects_by_themselves(
    bucket: GcsBucket, google_login: GoogleLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # asks Google itself what kind of bucket it is
    bucket.write_path("folder/t.csv", b"a,b\n1,2\n")
    url = bucket.url("folder/t.csv")
    assert url == f"gs://{bucket.bucket}/folder/t.csv"
    assert pandas.read_csv(url, storage_options=bucket.storage_options()).to_dict("list") == {"a": [1], "b": [2]}
    assert '"disable_oauth": true' in bucket.storage_options("polars")["service_account_key"]
    info = google_login.info
    login = GcsBucket(bucket="b", gcp_credentials=GcpCredentials(service_account_info=info, project="p"))
    assert login.storage_options("duckdb")["token"].service_account_email == EMAIL
    assert login.storage_options("pandas")["project"] == "p"
    assert info["private_key_id"] in login.storage_options("polars")["service_account_key"]
    acting = GcpCredentials(service_account_info=info, impersonate_service_account="other@acme.example.com")
    with pytest.raises(GcpRefused, match="Polars"):
        GcsBucket(bucket="b", gcp_credentials=acting).storage_options("polars")
    with pytest.raises(ValueError, match="dask"):
        bucket.storage_options("dask")  # type: ignore[arg-type]
