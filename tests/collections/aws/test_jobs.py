"""Functions, jobs and waiters, in moto."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import flow
from strongroom.checks import CheckAbsent
from strongroom_aws import AwsCredentials, GlueJobBlock, LambdaFunction
from strongroom_aws.batch import batch_submit
from strongroom_aws.client_waiter import client_waiter
from strongroom_aws.errors import AwsError, JobFailed


@pytest.fixture
def credentials(moto: S3Server) -> AwsCredentials:
    return credentials_for(moto, region_name="eu-central-1")


@pytest.fixture
def role(aws: Callable[[str], Any]) -> str:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    return str(aws("iam").create_role(RoleName=uuid.uuid4().hex, AssumeRolePolicyDocument=policy)["Role"]["Arn"])


def test_a_function_is_called(
    aws: Callable[[str], Any], credentials: AwsCredentials, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.core.config import default_user_config

    monkeypatch.setitem(default_user_config["lambda"], "use_docker", False)
    function = LambdaFunction(function_name=uuid.uuid4().hex, aws_credentials=credentials)
    with pytest.raises(CheckAbsent, match=function.function_name):
        function.check(5)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("main.py", "def main(event, context): return event")
    aws("lambda").create_function(
        FunctionName=function.function_name, Role=role, Code={"ZipFile": archive.getvalue()},
        Runtime="python3.12", Handler="main.main",
    )  # fmt: skip
    assert function.check(5) == "is active, with python3.12"
    answer = function.invoke({"a": 1}, tail=True, client_context={"who": "a test"})
    assert answer["StatusCode"] == 200
    assert answer["Payload"].read()
    assert function.invoke(invocation_type="Event")["StatusCode"] == 202


def test_a_job_of_glue_is_run_and_waited_for(aws: Callable[[str], Any], credentials: AwsCredentials, role: str) -> None:
    name = uuid.uuid4().hex
    block = GlueJobBlock(
        job_name=name, arguments={"--day": "1"}, job_watch_poll_interval=0.01, aws_credentials=credentials
    )
    with pytest.raises(CheckAbsent):
        block.check(5)
    aws("glue").create_job(Name=name, Role=role, Command={"Name": "glueetl", "ScriptLocation": "s3://a/b.py"})
    assert block.check(5) == "is there"
    run = block.trigger()
    run.wait_for_completion()
    assert run.fetch_result() == "SUCCEEDED"


def test_a_job_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, credentials: AwsCredentials) -> None:
    from strongroom_aws.glue_job import GlueJobRun

    monkeypatch.setattr(GlueJobRun, "_found", lambda _: {"JobRunState": "FAILED", "ErrorMessage": "no such table"})
    with pytest.raises(JobFailed, match="Run r1 of the Glue job 'nightly' ended as FAILED: no such table"):
        GlueJobRun("nightly", "r1", credentials).wait_for_completion()


def test_a_waiter_waits_and_says_why_it_gave_up(moto: S3Server, credentials: AwsCredentials) -> None:
    name = moto.bucket()
    at_once = {"Delay": 0, "MaxAttempts": 1}

    @flow
    def waits(bucket: str) -> None:
        client_waiter("s3", "bucket_exists", credentials, Bucket=bucket, WaiterConfig=at_once)

    waits(name)
    with pytest.raises(JobFailed, match="bucket_exists"):
        waits("no-such-bucket-at-all")


def test_a_queue_that_is_not_there_is_named(credentials: AwsCredentials) -> None:
    @flow
    def submits() -> str:
        return batch_submit("one", "no-such-queue", "no-such-definition", credentials)

    with pytest.raises(AwsError, match="'no-such-queue'"):
        submits()
