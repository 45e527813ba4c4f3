"""S3Bucket against a real server that checks signatures."""

from __future__ import annotations

import asyncio
import io
import os
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import InvalidKey, LocalFolder, ObjectStore
from strongroom_aws import AwsCredentials, S3Bucket, transfers
from strongroom_aws.errors import BucketNotFound, ObjectNotFound

HOSTILE = [
    "plain.txt",
    "with space.txt",
    "a+b&c=d?e#f%20g.txt",
    "tab\tand\nnewline",
    "back\\slash",
    "'quotes\".txt",
    "-rf",
    ".hidden",
    "naïve-café-日本語-🗝.txt",
    "e\u0301 decomposed",
    "deep/er/than/one.txt",
    "deep/er than/two.txt",
    "long" * 50,
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose names a careless program would stumble over."""
    root = tmp_path / "source"
    for number, name in enumerate(HOSTILE):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"content {number}".encode())
    (root / "empty").write_bytes(b"")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_folder_with_hostile_names_comes_back_as_it_went(bucket: S3Bucket, folder: Path, tmp_path: Path) -> None:
    assert bucket.upload_from_folder(folder, "some where/in") == "some where/in"
    back = bucket.download_folder_to_path("some where/in", tmp_path / "back")
    assert contents(back) == contents(folder)
    assert {entry.key for entry in bucket.list_objects("some where")} == {
        f"some where/in/{n}" for n in contents(folder)
    }


def test_put_and_get_directory_count_what_they_moved(bucket: S3Bucket, folder: Path, tmp_path: Path) -> None:
    assert bucket.put_directory(folder, "all") == len(HOSTILE) + 1
    assert bucket.get_directory("all", tmp_path / "back") == len(HOSTILE) + 1
    assert bucket.get_directory("none", tmp_path / "nothing") == 0


def test_a_folder_is_not_the_beginning_of_a_name(bucket: S3Bucket) -> None:
    bucket.write_path("ab/1", b"")
    bucket.write_path("a/1", b"")
    assert [entry.key for entry in bucket.list_objects("a")] == ["a/1"]


@pytest.mark.parametrize("written", ["data/in", "/data/in/", "data/in/"])
def test_a_bucket_folder_counts_once_however_it_is_written(bucket: S3Bucket, written: str) -> None:
    inside = bucket.model_copy(update={"bucket_folder": S3Bucket(bucket_name="b", bucket_folder=written).bucket_folder})
    assert inside.write_path("/x.txt", b"1") == "x.txt"
    assert [entry.key for entry in bucket.list_objects()] == ["data/in/x.txt"]
    [entry] = inside.list_objects()
    assert (entry["Key"], inside.read_path(entry.key)) == ("x.txt", b"1")
    assert inside.write_path("data/in/y", b"2") == "data/in/y"
    assert inside.path_exists("data/in/y")
    assert not inside.path_exists("y")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a/./b", "nul\0"])
def test_a_path_cannot_leave_the_folder(bucket: S3Bucket, path: str) -> None:
    with pytest.raises(InvalidKey):
        bucket.write_path(path, b"")


def test_a_key_that_would_leave_the_local_folder_is_refused(rclone: S3Server, moto: S3Server, tmp_path: Path) -> None:
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    moto.client().put_object(Bucket=bucket.bucket_name, Key="in/a/../../../evil", Body=b"x")
    with pytest.raises(InvalidKey, match="evil"):
        bucket.download_folder_to_path("in", tmp_path / "down")
    assert list(tmp_path.rglob("*evil*")) == []


def test_folder_markers_of_consoles_are_no_objects(moto: S3Server, tmp_path: Path) -> None:
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    moto.client().put_object(Bucket=bucket.bucket_name, Key="in/", Body=b"")
    bucket.write_path("in/x", b"1")
    assert [entry.key for entry in bucket.list_objects()] == ["in/x"]
    assert contents(bucket.download_folder_to_path("in", tmp_path / "down")) == {"x": b"1"}


@pytest.mark.parametrize("size", [0, 1, 9 * transfers.MIB])
def test_objects_of_every_size_class_arrive_whole(bucket: S3Bucket, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    source = tmp_path / "source.bin"
    source.write_bytes(content)
    bucket.upload_from_path(source)
    bucket.write_path("written", content)
    with source.open("rb") as file:
        bucket.upload_from_file_object(file, "streamed")
        assert not file.closed
    for key in ("source.bin", "written", "streamed"):
        assert bucket.read_path(key) == content
        assert bucket.download_object_to_path(key, tmp_path / "new" / "down").read_bytes() == content


def test_a_stream_is_taken_from_where_it_stands_and_appended_to(bucket: S3Bucket) -> None:
    source = io.BytesIO(b"skipped" + b"taken" * 3)
    source.seek(len(b"skipped"))
    bucket.upload_from_file_object(source, "x")
    target = io.BytesIO()
    target.write(b"before ")
    assert bucket.download_object_to_file_object("x", target) is target
    assert target.getvalue() == b"before takentakentaken"


def test_a_pipe_without_an_end_in_sight_is_uploaded(bucket: S3Bucket) -> None:
    reader, writer = os.pipe()
    content = os.urandom(200_000)
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb", buffering=0) as sink:
        import threading

        feeder = threading.Thread(target=lambda: (sink.write(content), sink.close()))
        feeder.start()
        bucket.upload_from_file_object(source, "piped")
        feeder.join()
    assert bucket.read_path("piped") == content


def test_an_object_downloads_under_its_own_name_by_default(
    bucket: S3Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bucket.write_path("in/report.csv", b"1")
    assert bucket.download_object_to_path("in/report.csv") == Path("report.csv")
    assert (tmp_path / "report.csv").read_bytes() == b"1"


def test_a_link_to_a_file_is_followed_and_a_broken_one_left_out(bucket: S3Bucket, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "real").write_bytes(b"1")
    (source / "link").symlink_to(tmp_path / "real")
    (source / "broken").symlink_to(tmp_path / "nowhere")
    (source / "loop").symlink_to(source)
    bucket.upload_from_folder(source)
    assert [(entry.key, entry.size) for entry in bucket.list_objects()] == [("link", 1)]


def test_a_folder_that_is_none_is_refused(bucket: S3Bucket, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="missing"):
        bucket.upload_from_folder(tmp_path / "missing")


def test_a_listing_goes_on_beyond_its_first_page(moto: S3Server) -> None:
    from moto.s3.models import s3_backends

    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    keys = [f"k/{number:04}" for number in range(1005)]
    for key in keys:
        s3_backends["123456789012"]["aws"].put_object(bucket.bucket_name, key, b"")
    assert [entry.key for entry in bucket.list_objects("k")] == keys


def test_more_objects_are_deleted_than_one_request_takes(moto: S3Server) -> None:
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    keys = [f"k/{number:04}" for number in range(1005)]
    bucket.write_path(keys[0], b"")
    bucket.write_path(keys[-1], b"")
    assert bucket.delete_objects(keys) == keys
    assert bucket.list_objects() == []


def test_deleting_what_is_not_there_is_no_error(bucket: S3Bucket) -> None:
    assert bucket.delete_objects(["nothing"]) == ["nothing"]
    assert bucket.delete_objects([]) == []


def test_a_copy_and_a_move_stay_inside_the_service(bucket: S3Bucket, rclone: S3Server) -> None:
    other = S3Bucket(bucket_name=rclone.bucket(), credentials=bucket.credentials, bucket_folder="copies")
    bucket.write_path("a b", b"1")
    assert bucket.copy_object("a b", "c/ü") == "c/ü"
    assert bucket.copy_object("a b", "ü", other) == "ü"
    assert bucket.move_object("c/ü", "d") == "d"
    assert [entry.key for entry in bucket.list_objects()] == ["a b", "d"]
    assert other.read_path("ü") == b"1"


def test_moving_an_object_onto_itself_keeps_it(bucket: S3Bucket) -> None:
    bucket.write_path("a", b"1")
    assert bucket.move_object("a", "/a") == "a"
    assert bucket.read_path("a") == b"1"
    with pytest.raises(ObjectNotFound):
        bucket.move_object("missing", "missing")


def test_a_copy_beyond_the_limit_goes_in_parts(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "COPY_IN_ONE", 6 * transfers.MIB)
    monkeypatch.setattr(transfers, "COPY_PART", 5 * transfers.MIB)
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    content = os.urandom(11 * transfers.MIB)
    bucket.write_path("large", content)
    bucket.copy_object("large", "copy")
    assert bucket.read_path("copy") == content
    [tag] = [entry.etag for entry in bucket.list_objects() if entry.key == "copy"]
    assert tag is not None
    assert tag.strip('"').endswith("-3")


def test_a_stream_goes_from_one_store_to_another(bucket: S3Bucket, moto: S3Server) -> None:
    elsewhere = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    content = os.urandom(9 * transfers.MIB)
    elsewhere.write_path("in/large.bin", content)
    assert bucket.stream_from(elsewhere, "in/large.bin") == "large.bin"
    assert bucket.read_path("large.bin") == content


def test_a_presigned_address_works_without_credentials(bucket: S3Bucket) -> None:
    bucket.write_path("a b/ü", b"1")
    with urllib.request.urlopen(bucket.presigned_url("a b/ü")) as answer:
        assert answer.read() == b"1"
    put = urllib.request.Request(bucket.presigned_url("new", method="PUT"), data=b"2", method="PUT")
    urllib.request.urlopen(put).close()
    assert bucket.read_path("new") == b"2"


def test_a_presigned_address_holds_for_its_object_alone(bucket: S3Bucket) -> None:
    bucket.write_path("a", b"1")
    bucket.write_path("b", b"2")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(bucket.presigned_url("a").replace("/a?", "/b?"))
    assert refused.value.code == 403
    refused.value.close()


@pytest.mark.parametrize("lasting", [timedelta(0), timedelta(days=8)])
def test_a_presigned_address_lasts_seven_days_at_most(bucket: S3Bucket, lasting: timedelta) -> None:
    with pytest.raises(ValueError, match="seven days"):
        bucket.presigned_url("a", lasting)


def test_every_method_has_an_asynchronous_twin(bucket: S3Bucket, tmp_path: Path) -> None:
    async def flow() -> list[str]:
        await bucket.awrite_path("a", b"1")
        await asyncio.gather(*(bucket.acopy_object("a", f"copy-{number}") for number in range(5)))
        await bucket.adownload_object_to_path("a", tmp_path / "a")
        assert await bucket.aread_path("a") == b"1"
        return [entry.key for entry in await bucket.alist_objects()]

    assert asyncio.run(flow()) == ["a", *(f"copy-{number}" for number in range(5))]


def test_one_flow_runs_on_a_bucket_and_on_a_folder(bucket: S3Bucket, tmp_path: Path) -> None:
    def flow(store: ObjectStore) -> list[tuple[str, bytes]]:
        store.write_path("b/1", b"one")
        store.copy_object("b/1", "a")
        return [(entry.key, store.read_path(entry.key)) for entry in store.list_objects()]

    assert flow(bucket) == flow(LocalFolder(basepath=tmp_path / "folder"))


@pytest.mark.parametrize("name", ["", "bucket/folder", "s3://bucket"])
def test_a_bucket_is_named_by_its_name_alone(name: str) -> None:
    with pytest.raises(ValueError, match="bucket_name"):
        S3Bucket(bucket_name=name)


def test_a_missing_bucket_is_told_from_a_missing_object(bucket: S3Bucket, tmp_path: Path) -> None:
    gone = bucket.model_copy(update={"bucket_name": "no-such-bucket"})
    for ask in (
        lambda: gone.read_path("x"),
        lambda: gone.write_path("x", b""),
        lambda: gone.path_exists("x"),
        lambda: gone.list_objects(),
        lambda: gone.download_object_to_path("x", tmp_path / "x"),
        lambda: gone.download_object_to_file_object("x", io.BytesIO()),
        lambda: gone.copy_object("x", "y"),
        lambda: gone.delete_objects(["x"]),
        lambda: gone.upload_from_file_object(io.BytesIO(b"1"), "x"),
    ):
        with pytest.raises(BucketNotFound, match=r"no bucket 'no-such-bucket'. Create it"):
            ask()
    for ask in (
        lambda: bucket.read_path("x"),
        lambda: bucket.download_object_to_path("x", tmp_path / "x"),
        lambda: bucket.download_object_to_file_object("x", io.BytesIO()),
        lambda: bucket.copy_object("x", "y"),
        lambda: bucket.move_object("x", "y"),
        lambda: bucket.stream_from(bucket, "x", "y"),
    ):
        with pytest.raises(FileNotFoundError, match=f"no object 'x' in bucket '{bucket.bucket_name}'"):
            ask()
    assert list(tmp_path.glob("*x*")) == []


def test_credentials_are_checked_when_the_block_is_made() -> None:
    with pytest.raises(ValueError, match="go together"):
        AwsCredentials(aws_access_key_id="only-the-id")


def test_a_sync_that_deletes_spares_the_namesake_of_a_key_with_a_slash_too_many(moto: S3Server, tmp_path: Path) -> None:
    name = moto.bucket()
    bucket = S3Bucket(bucket_name=name, credentials=credentials_for(moto))
    client = bucket.credentials.get_s3_client()
    (tmp_path / "x").write_bytes(b"wanted")
    client.put_object(Bucket=name, Key="raw//x", Body=b"old")
    assert bucket.sync_from_folder(tmp_path, "raw", delete=True).deleted == ("/x",)
    assert [entry.key for entry in bucket.list_objects()] == ["raw/x"]
    client.put_object(Bucket=name, Key="/x", Body=b"old")
    bucket.write_path("x", b"other")
    with pytest.raises(InvalidKey, match="begins with a slash"):
        bucket.sync_from_folder(tmp_path, delete=True)
    with pytest.raises(InvalidKey, match="begins with a slash"):
        bucket.delete_folder("", pattern="**")
    assert bucket.read_path("x") == b"other"


def test_a_copy_takes_a_bucket_by_its_name_and_what_the_service_takes(moto: S3Server, tmp_path: Path) -> None:
    here, there = moto.bucket(), moto.bucket()
    bucket = S3Bucket(bucket_name=here, credentials=credentials_for(moto), bucket_folder="raw")
    other = S3Bucket(bucket_name=there, credentials=credentials_for(moto))
    bucket.write_path("a", b"content")
    replaced = {"MetadataDirective": "REPLACE", "Metadata": {"by": "copy"}}
    assert bucket.copy_object(Path("a"), Path("b/a"), to_bucket=there, **replaced) == "b/a"
    assert other.object_details("b/a").metadata == {"by": "copy"}
    assert bucket.copy_object("a", "a", ExtraArgs=replaced) == "a"
    assert bucket.object_details("a").metadata == {"by": "copy"}
    assert bucket.move_object("a", "moved", there) == "moved"
    assert (bucket.list_objects(), other.read_path("moved")) == ([], b"content")
    with pytest.raises(ValueError, match="Cache"):
        other.copy_object("moved", "x", Cache="no")
    bucket.stream_from(other, "moved", ExtraArgs={"ContentType": "text/x-own"})
    assert bucket.object_details("moved").content_type == "text/x-own"


def test_a_copy_keeps_what_the_block_writes_alone(moto: S3Server) -> None:
    bucket = S3Bucket(
        bucket_name=moto.bucket(), credentials=credentials_for(moto), write_options={"content_language": "de"}
    )
    client = bucket.credentials.get_s3_client()
    client.put_object(Bucket=bucket.bucket_name, Key="a", Body=b"")
    bucket.copy_object("a", "b")
    assert client.head_object(Bucket=bucket.bucket_name, Key="b")["ContentLanguage"] == "de"


def test_a_key_that_is_a_file_and_a_folder_is_told_before_anything_is_written(moto: S3Server, tmp_path: Path) -> None:
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))
    for key in ("first", "in/a", "in/a/b/c", "last"):
        bucket.write_path(key, b"x")
    with pytest.raises(InvalidKey, match="'in/a' and 'in/a/b/c' cannot both be files"):
        bucket.sync_to_folder("", tmp_path / "here")
    assert not (tmp_path / "here").exists()
    assert bucket.sync_to_folder("", tmp_path / "here", pattern="in/a/**").copied == ("in/a/b/c",)
