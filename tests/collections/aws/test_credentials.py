"""Credentials: where they come from, how roles renew themselves, and that no secret shows on the way."""

from __future__ import annotations

import io
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import Block
from strongroom_aws import AssumeRoleParameters, AwsClientParameters, AwsCredentials, MinIOCredentials, S3Bucket
from strongroom_aws.errors import AccessDenied, CredentialsMissing, CredentialsRejected
from strongroom_registry import current

ROLE = "arn:aws:iam::123456789012:role/reader"


def who(credentials: AwsCredentials) -> str:
    """The ARN that STS sees."""
    return str(credentials.get_client("sts").get_caller_identity()["Arn"])


def current_keys(session: Any) -> Any:
    return session.get_credentials().get_frozen_credentials()


def test_a_role_is_assumed_with_the_keys_of_the_block(moto: S3Server) -> None:
    credentials = credentials_for(
        moto,
        assume_role_arn=ROLE,
        assume_role_kwargs=AssumeRoleParameters(RoleSessionName="nightly", ExternalId="partner"),
    )
    assert who(credentials) == "arn:aws:sts::123456789012:assumed-role/reader/nightly"
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials)
    bucket.write_path("a", b"1")
    assert bucket.read_path("a") == b"1"


def test_a_role_renews_itself_before_it_expires(moto: S3Server) -> None:
    """A session of 15 minutes is always in the last quarter of an hour, in which botocore asks for the next one."""
    short = credentials_for(moto, assume_role_arn=ROLE, assume_role_kwargs=AssumeRoleParameters(DurationSeconds=900))
    session = short.get_boto3_session()
    assert current_keys(session).access_key != current_keys(session).access_key

    long = credentials_for(moto, assume_role_arn=ROLE, assume_role_kwargs=AssumeRoleParameters(DurationSeconds=3600))
    session = long.get_boto3_session()
    assert current_keys(session).access_key == current_keys(session).access_key


def test_what_a_role_was_given_is_masked_in_logs(
    moto: S3Server, canary: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    keys = current_keys(credentials_for(moto, assume_role_arn=ROLE).get_boto3_session())
    canary(value=keys.secret_key)
    canary(value=keys.token)
    logging.getLogger("anything").warning("got %s and %s", keys.secret_key, keys.token)
    assert "got ***" in caplog.text


def test_a_role_without_anything_to_assume_it_with_says_so() -> None:
    with pytest.raises(CredentialsMissing, match=f"assume the role '{ROLE}'"):
        AwsCredentials(assume_role_arn=ROLE, region_name="us-east-1").get_s3_client()


def test_a_role_that_asks_for_mfa_takes_its_code_from_the_block_and_asks_nobody(moto: S3Server, canary: Plant) -> None:
    device = "arn:aws:iam::123456789012:mfa/me"
    with_code = AssumeRoleParameters(SerialNumber=device, TokenCode=canary("mfa"))
    assert "assumed-role" in who(credentials_for(moto, assume_role_arn=ROLE, assume_role_kwargs=with_code))
    without = credentials_for(moto, assume_role_arn=ROLE, assume_role_kwargs={"SerialNumber": device})
    with pytest.raises(CredentialsMissing, match="needs a new code from the MFA device"):
        S3Bucket(bucket_name="b", credentials=without).read_path("x")


def test_a_profile_of_this_machine_is_used(moto: S3Server, no_aws_of_this_machine: Path, canary: Plant) -> None:
    (no_aws_of_this_machine / "aws-config").write_text(
        f"[profile lab]\nregion = eu-central-1\nendpoint_url = {moto.endpoint_url}\n"
        f"aws_access_key_id = {moto.access_key}\naws_secret_access_key = {moto.secret_key}\n"
    )
    credentials = AwsCredentials(profile_name="lab")
    assert credentials.get_s3_client().meta.region_name == "eu-central-1"
    assert credentials.environment()["AWS_ACCESS_KEY_ID"] == moto.access_key
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials)
    assert bucket.write_path("a", b"1") == "a"


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(CredentialsMissing, match=r"\(lab\) could not be found. Correct profile_name"):
        AwsCredentials(profile_name="lab").get_s3_client()


def test_no_credentials_at_all_is_said_before_anything_is_sent(nobody_there: str) -> None:
    nothing = AwsCredentials(aws_client_parameters=AwsClientParameters(endpoint_url=nobody_there))
    with pytest.raises(CredentialsMissing, match="No credentials were found for object 'x' in bucket 'b'"):
        S3Bucket(bucket_name="b", credentials=nothing).read_path("x")
    with pytest.raises(CredentialsMissing):
        nothing.environment()


def test_the_environment_serves_the_tools_of_aws(canary: Plant) -> None:
    secret, token = canary("secret"), canary("token")
    credentials = AwsCredentials(
        aws_access_key_id="id",
        aws_secret_access_key=secret,
        aws_session_token=token,
        region_name="eu-west-1",
        aws_client_parameters=AwsClientParameters(endpoint_url="http://127.0.0.1:9000/"),
    )
    assert credentials.environment() == {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }


def test_the_environment_of_a_role_holds_its_keys_and_not_those_that_assumed_it(moto: S3Server) -> None:
    environment = credentials_for(moto, assume_role_arn=ROLE).environment()
    assert environment["AWS_ACCESS_KEY_ID"] != moto.access_key
    assert environment["AWS_SESSION_TOKEN"]


def test_one_client_serves_all_blocks_with_the_same_values(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = credentials_for(rclone), credentials_for(rclone)
    assert first.get_s3_client() is second.get_s3_client()
    assert first.get_client("sts") is not first.get_s3_client()
    assert credentials_for(rclone, region_name="eu-west-1").get_s3_client() is not first.get_s3_client()
    before = first.get_s3_client()
    second.aws_secret_access_key = "rotated"  # type: ignore[assignment]
    assert second.get_s3_client() is not before
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    assert first.get_s3_client() is not before


def test_threads_that_ask_at_once_get_one_client(rclone: S3Server) -> None:
    credentials = credentials_for(rclone, region_name="ap-south-1")
    together, clients = threading.Barrier(8), []

    def ask() -> None:
        together.wait()
        clients.append(credentials.get_s3_client())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients) == 8
    assert len(set(map(id, clients))) == 1


def test_minio_credentials_open_the_same_doors(rclone: S3Server) -> None:
    credentials = MinIOCredentials(
        minio_root_user=rclone.access_key,
        minio_root_password=rclone.secret_key,  # type: ignore[arg-type]
        aws_client_parameters=AwsClientParameters(endpoint_url=rclone.endpoint_url),
    )
    bucket = S3Bucket(bucket_name=rclone.bucket(), credentials=credentials)
    assert bucket.read_path(bucket.write_path("a", b"1")) == b"1"
    assert credentials.environment()["AWS_SECRET_ACCESS_KEY"] == rclone.secret_key


def test_a_wrong_secret_is_refused_without_being_shown(
    rclone: S3Server, canary: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = canary("wrong")
    credentials = credentials_for(rclone, aws_secret_access_key=secret)
    bucket = S3Bucket(bucket_name=rclone.bucket(), credentials=credentials)
    for ask in (
        lambda: bucket.read_path("x"),
        lambda: bucket.path_exists("x"),
        lambda: bucket.list_objects(),
        lambda: bucket.write_path("x", b""),
        lambda: bucket.download_object_to_file_object("x", io.BytesIO()),
    ):
        with pytest.raises(
            CredentialsRejected, match=r"rejected \(SignatureDoesNotMatch\).* Save the credentials"
        ) as no:
            ask()
        assert bucket.bucket_name in str(no.value)
        assert no.value.__cause__ is None
        assert no.value.__suppress_context__
        sys.excepthook(no.type, no.value, no.tb)
    assert secret not in capsys.readouterr().err


def test_an_unknown_access_key_is_told_from_a_wrong_secret(rclone: S3Server) -> None:
    credentials = credentials_for(rclone, aws_access_key_id="unknown")
    with pytest.raises((CredentialsRejected, AccessDenied)):
        S3Bucket(bucket_name=rclone.bucket(), credentials=credentials).read_path("x")


def test_a_bucket_is_saved_and_loaded_with_its_credentials_by_reference(rclone: S3Server, canary: Plant) -> None:
    canary(value=rclone.secret_key)
    credentials_for(rclone).save("prod-aws")
    S3Bucket(bucket_name=rclone.bucket(), credentials=AwsCredentials.load("prod-aws"), bucket_folder="raw").save("lake")
    lake = Block.load("lake")
    assert isinstance(lake, S3Bucket)
    assert rclone.secret_key.encode() not in current().get("lake").payload
    assert lake.read_path(lake.write_path("a", b"1")) == b"1"

    credentials_for(rclone, aws_secret_access_key=canary("rotated")).save("prod-aws", overwrite=True)
    with pytest.raises(CredentialsRejected):
        S3Bucket.load("lake").read_path("a")


def test_no_form_of_a_block_shows_a_secret(canary: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    secret, token, proxy = canary("secret"), canary("token"), canary("proxy")
    credentials = AwsCredentials(
        aws_access_key_id="id",
        aws_secret_access_key=secret,
        aws_session_token=token,
        aws_client_parameters=AwsClientParameters(config={"proxies": {"https": f"http://user:{proxy}@proxy:3128"}}),
        assume_role_arn=ROLE,
        assume_role_kwargs=AssumeRoleParameters(ExternalId=canary("external"), TokenCode=canary("code")),
    )
    bucket = S3Bucket(bucket_name="b", credentials=credentials)
    for value in (credentials, bucket, credentials._login()):
        print(repr(value), str(value))
    print(bucket.model_dump(), bucket.model_dump_json())
    shown = capsys.readouterr().out
    assert "**********" in shown
    assert not any(hidden in shown for hidden in (secret, token, proxy))
    options = credentials.get_client("s3").meta.config
    assert proxy in options.proxies["https"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"endpoint_url": "127.0.0.1:9000"}, "must begin with http"),
        ({"endpoint_url": "ftp://store"}, "must begin with http"),
        ({"verify": False, "verify_cert_path": "/etc/ca.pem"}, "leave one of them out"),
        ({"no_such": 1}, "no_such"),
    ],
)
def test_client_parameters_that_make_no_sense_are_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AwsCredentials(aws_client_parameters=fields)


def test_an_address_with_a_password_in_it_is_refused_without_showing_it(canary: Plant) -> None:
    with pytest.raises(ValueError, match="must not hold a user or a password") as refused:
        AwsCredentials(aws_client_parameters={"endpoint_url": f"https://me:{canary('url')}@store"})
    print(refused.value)


def test_client_parameters_reach_the_client() -> None:
    from botocore.config import Config

    parameters = AwsClientParameters(
        endpoint_url="https://store.example", verify=False, config=Config(s3={"addressing_style": "path"})
    )
    client = AwsCredentials(
        aws_access_key_id="id",
        aws_secret_access_key="unused",  # type: ignore[arg-type]
        aws_client_parameters=parameters,
    ).get_s3_client()
    assert client.meta.endpoint_url == "https://store.example"
    assert client.meta.config.s3["addressing_style"] == "path"
    assert client.meta.config.signature_version == "s3v4"
    assert client.meta.config.max_pool_connections == 64


def test_a_public_bucket_is_read_without_signing(moto: S3Server) -> None:
    anybody = AwsCredentials(
        aws_client_parameters=AwsClientParameters(
            endpoint_url=moto.endpoint_url, config={"signature_version": "unsigned"}
        )
    )
    name = moto.bucket()
    moto.client().put_object(Bucket=name, Key="a", Body=b"1", ACL="public-read")
    assert S3Bucket(bucket_name=name, credentials=anybody).read_path("a") == b"1"
