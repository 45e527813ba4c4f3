"""Who may use a bucket: what a check says, and what happens when a login is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.breaking_gcs import BreakingGcs, Fault, breaking_gcs
from servers.certificates import certificate_in
from servers.gcs import GcsServer
from servers.google_login import GoogleLogin
from servers.hostile import hanging
from shelf import Shelf
from strongroom import Block, refresh, secret_from
from strongroom.checks import CheckAbsent, CheckDenied, CheckUnreachable
from strongroom.testing import using_sources
from strongroom_gcp import GcpCredentials, GcsBucket, clients, transfers
from strongroom_gcp.errors import GcpDenied, GcpError, GcpLoginMissing, GcpLoginRefused

ALL = [f"storage.objects.{verb}" for verb in ("list", "get", "create", "delete")]


@pytest.fixture
def server(tmp_path: Path, google_login: GoogleLogin, monkeypatch: pytest.MonkeyPatch) -> Iterator[BreakingGcs]:
    """Cloud Storage over TLS, which takes the tokens that were given and no others."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    with breaking_gcs(certificate_in(folder)) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "ca.pem"))
        running.tokens = google_login.tokens
        yield running


@pytest.fixture
def bucket(server: BreakingGcs, google_login: GoogleLogin) -> GcsBucket:
    credentials = GcpCredentials(service_account_info=google_login.info, storage_endpoint=server.address)
    return GcsBucket(bucket="bucket", gcp_credentials=credentials)


def test_a_check_says_what_the_login_may_do(bucket: GcsBucket, server: BreakingGcs) -> None:
    server.rights = ALL
    assert bucket.check(5) == "may list, read, write, delete and replace objects in bucket 'bucket'"
    server.rights = ALL[:2]
    assert bucket.check(5) == (
        "may list, read objects in bucket 'bucket', without the right storage.objects.create and storage.objects.delete"
    )
    server.rights = ALL[1:]
    with pytest.raises(CheckDenied, match=r"lacks the right storage\.objects\.list in bucket 'bucket'"):
        bucket.check(5)
    server.tokens = []
    with pytest.raises(CheckDenied, match="does not accept the credentials"):
        bucket.check(5)


def test_a_check_tells_absent_from_unreachable(gcs: GcsServer) -> None:
    here = GcpCredentials(storage_endpoint=gcs.endpoint_url)
    assert GcsBucket(bucket=gcs.bucket(), gcp_credentials=here).check(5).startswith("may list")
    with pytest.raises(CheckAbsent, match="no bucket 'none'"):
        GcsBucket(bucket="none", gcp_credentials=here).check(5)
    with hanging() as address, pytest.raises(CheckUnreachable, match="bucket 'b'"):
        GcsBucket(bucket="b", gcp_credentials=GcpCredentials(storage_endpoint=address)).check(0.2)
    with pytest.raises(CheckDenied, match="GOOGLE_APPLICATION_CREDENTIALS"):
        GcsBucket(bucket="b").check(5)


def test_a_token_that_ends_in_the_middle_is_renewed(
    bucket: GcsBucket, server: BreakingGcs, google_login: GoogleLogin
) -> None:
    bucket.write_path("a", b"1")
    google_login.tokens.clear()
    assert bucket.read_path("a") == b"1"
    content = bytes(20 << 20)
    server.faults = [Fault("part", after=5 << 20)]
    bucket.write_path("large", content)
    assert server.objects["large"][0] == content
    assert len(google_login.tokens) == 1


def test_a_rotated_key_is_fetched_anew(
    server: BreakingGcs, google_login: GoogleLogin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(key=google_login.info["private_key"][:300])
    (tmp_path / "x").write_bytes(b"x")
    with using_sources({"shelf": shelf}):
        info: dict[str, Any] = google_login.info | {"private_key": secret_from("shelf:key")}
        credentials = GcpCredentials(service_account_info=info, storage_endpoint=server.address)
        bucket = GcsBucket(bucket="bucket", gcp_credentials=credentials)
        with pytest.raises(GcpLoginMissing, match="malformed"):
            bucket.read_path("a")
        shelf.secrets["key"] = google_login.info["private_key"]
        assert bucket.upload_from_path(tmp_path / "x") == "x"
        assert len(shelf.calls) == 2
        assert bucket.read_path("x") == b"x"
        assert len(shelf.calls) == 2
        calls = [
            lambda: list(bucket.iter_objects()),
            lambda: bucket.list_level(),
            lambda: bucket.upload_from_file_object(io.BytesIO(b"y"), "y"),
            lambda: bucket.put_directory(tmp_path / "certificates", "all"),
            lambda: bucket.get_directory("", tmp_path / "back"),
            lambda: bucket.delete_objects(["y"]),
        ]
        for call in calls:
            shelf.secrets["key"] = "cut off"
            refresh(bucket)
            with pytest.raises(GcpLoginMissing):
                bucket.read_path("x")
            shelf.secrets["key"] = google_login.info["private_key"]
            call()


def test_a_login_that_is_rotated_in_the_middle_of_a_listing_is_loaded_for_its_next_page(
    server: BreakingGcs, google_login: GoogleLogin
) -> None:
    for number in range(5):
        server.put(f"{number}", b"x")
    credentials = GcpCredentials(service_account_info=google_login.info, storage_endpoint=server.address)
    credentials.save("google")
    GcsBucket(bucket="bucket", gcp_credentials=GcpCredentials.load("google")).save("lake")
    bucket = Block.load("lake")
    assert isinstance(bucket, GcsBucket)
    pages = bucket._pages("", page_size=2)
    found = [blob.name for blob in next(pages)]
    credentials.model_copy(update={"project": "another"}).save("google", overwrite=True)
    server.faults = [Fault("list", status=401, said="Invalid Credentials")] * 3
    found += [blob.name for page in pages for blob in page]
    assert found == ["0", "1", "2", "3", "4"]
    assert bucket._newer is not None


def test_a_newer_version_of_the_credentials_is_loaded_once(server: BreakingGcs, google_login: GoogleLogin) -> None:
    info = google_login.info
    good = GcpCredentials(service_account_info=info, storage_endpoint=server.address)
    GcpCredentials(service_account_info=info | {"private_key": "cut off"}, storage_endpoint=server.address).save(
        "google"
    )
    GcsBucket(bucket="bucket", gcp_credentials=GcpCredentials.load("google")).save("lake")
    bucket = Block.load("lake")
    assert isinstance(bucket, GcsBucket)
    with pytest.raises(GcpLoginMissing):
        bucket.list_objects()
    good.save("google", overwrite=True)
    assert bucket.write_path("a", b"1") == "a"
    assert [entry.key for entry in bucket.iter_objects()] == ["a"]
    google_login.refuses = True
    google_login.tokens.clear()
    with pytest.raises(GcpLoginRefused):
        bucket.read_path("a")


def test_a_login_that_is_refused_is_told(bucket: GcsBucket, server: BreakingGcs, google_login: GoogleLogin) -> None:
    google_login.refuses = True
    with pytest.raises(GcpLoginRefused, match="'a' in bucket 'bucket'"):
        bucket.read_path("a")
    google_login.refuses = False
    server.faults = [Fault("download", status=403, said="etl@acme does not have storage.objects.get access to it.")]
    with pytest.raises(GcpDenied, match=r"lacks the right storage\.objects\.get for object 'a'") as caught:
        bucket.read_path("a")
    assert caught.value.__context__ is None


def test_the_token_stands_in_no_error(
    bucket: GcsBucket, server: BreakingGcs, google_login: GoogleLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PART", 1000)
    server.put("a", b"1")
    bucket.read_path("a")
    token = google_login.tokens[0]
    server.faults = [Fault(kind, status=400) for kind in ("download", "list", "session", "upload")]
    for call in (
        lambda: bucket.read_path("a"),
        bucket.list_objects,
        lambda: bucket.write_path("a", b"1"),
        lambda: bucket.write_path("a", bytes(2000)),
    ):
        with pytest.raises(GcpError) as caught:
            call()
        seen, error = "", caught.value
        frame = error.__traceback__
        while frame is not None:
            if frame.tb_frame.f_globals["__name__"] != __name__:
                seen += repr(frame.tb_frame.f_locals)
            frame = frame.tb_next
        assert token not in seen + str(error)


def test_clients_go_with_what_they_were_made_from(
    server: BreakingGcs, google_login: GoogleLogin, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(google_login.info))
    one = GcpCredentials(service_account_file=file, storage_endpoint=server.address)
    first = one.get_cloud_storage_client()
    assert first is GcpCredentials(service_account_file=file, storage_endpoint=server.address).get_client(
        "cloud_storage"
    )
    assert one.get_cloud_storage_client("other").project == "other"
    assert first.project == "acme"
    file.write_text(json.dumps(google_login.info | {"private_key_id": "another"}))
    assert one.get_cloud_storage_client() is not first
    with pytest.raises(ValueError, match="no client for 'bigquery'"):
        one.get_client("bigquery")


def test_a_workload_identity_needs_no_key(google_login: GoogleLogin, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-pod")
    config = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/k8s",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{google_login.address}/sts",
        "credential_source": {"file": str(tmp_path / "token")},
    }
    credentials = GcpCredentials(external_account_info=config)
    assert credentials.get_access_token() == google_login.tokens[-1]
    assert google_login.seen == ["/sts"]
    assert "of-the-pod" not in repr(credentials)
    for spoilt in ({"type": "external_account"}, {}, config | {"credential_source": {"file": str(tmp_path / "none")}}):
        with pytest.raises(GcpError):
            GcpCredentials(external_account_info=spoilt).get_access_token()
    with pytest.raises(ValueError, match="not both"):
        GcpCredentials(external_account_info=config, service_account_file=tmp_path)


def test_an_emulator_is_where_googles_own_variable_says(gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    name = gcs.bucket()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.endpoint_url)
    bucket = GcsBucket(bucket=name)
    bucket.write_path("a", b"1")
    assert bucket.read_path("a") == b"1"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://emulator:4443")
    assert bucket.gcp_credentials._storage_endpoint == clients.Endpoint("emulator:4443", is_plain=True)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "not a host")
    with pytest.raises(GcpLoginMissing, match="STORAGE_EMULATOR_HOST"):
        bucket.read_path("a")
