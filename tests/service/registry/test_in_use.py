"""Blocks, flows, commands and collections, with a registry that a server keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import Secret, flow, task
from strongroom.cli import main
from strongroom_aws import AwsCredentials
from strongroom_aws.s3 import download_from_bucket, upload_to_bucket
from strongroom_registry import current

Canary = Callable[[str], str]


def run(*arguments: str, input: str | None = None) -> str:
    """What a command prints."""
    done = CliRunner().invoke(main, list(arguments), input=input, prog_name="strongroom")
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_flow_loads_blocks_and_its_results_are_sealed_with_keys_of_sessions(
    workspace: str, canary: Canary, tmp_path: Path
) -> None:
    secret = canary("password")
    Secret(value=secret).save("db-password")
    calls: list[int] = []

    @task(persist_result=True, cache_key_fn=lambda context, arguments: f"number-{arguments['number']}")
    def measured(number: int) -> dict[str, int]:
        calls.append(number)
        return {"number": number, "length": len(Secret.load("db-password").get())}

    @flow(persist_result=True)
    def nightly() -> dict[str, int]:
        return measured(7)

    assert nightly() == nightly() == {"number": 7, "length": len(secret)}
    assert calls == [7]
    purposes = [entry.name for entry in current().audit() if entry.action == "seal"]
    assert purposes == ["sealing/results"]


FLOW = """
from strongroom import Secret, flow, task

@task(persist_result=True, cache_key_fn=lambda context, arguments: "same")
def measured():
    print("measured")
    return len(Secret.load("db-password").get())

@flow
def nightly():
    return measured()

print(nightly())
"""


def test_results_of_one_process_open_in_the_next(workspace: str, canary: Canary) -> None:
    Secret(value=canary("password")).save("db-password")
    printed = [subprocess.run([sys.executable, "-c", FLOW], capture_output=True, text=True) for _ in range(2)]
    assert [done.returncode for done in printed] == [0, 0], printed[0].stderr
    assert [done.stdout.count("measured") for done in printed] == [1, 0]
    assert printed[0].stdout.splitlines()[-1] == printed[1].stdout.splitlines()[-1]


def test_commands_work_as_with_any_registry(workspace: str, canary: Canary) -> None:
    secret = canary("token")
    run("block", "new", "secret", "api-token", "--set", "value=-", input=secret)
    assert "api-token" in run("block", "ls")
    assert secret not in run("block", "show", "api-token")
    assert run("block", "reveal", "api-token").strip() == secret
    run("block", "label", "api-token@1", "stable")
    assert [line["name"] for line in json.loads(run("block", "ls", "--json"))] == ["api-token"]
    loads = [line for line in json.loads(run("audit", "ls", "--json")) if line["action"] == "load"]
    assert [(line["name"], line["version"]) for line in loads] == [("api-token", 1)]
    assert "1 version" in run("verify")
    assert "current" in run("keys", "ls")
    assert workspace in run("workspace", "ls")
    run("keys", "rotate")
    anchor = json.loads(run("anchor", "show", "--json"))["registry"]["anchor"]
    assert "comes of what its anchor says" in run("anchor", "check", anchor)
    run("block", "delete", "api-token")
    assert json.loads(run("block", "ls", "--json")) == []
    run("workspace", "new", f"{workspace}-second")
    run("workspace", "rm", f"{workspace}-second", "--yes")


def test_a_command_is_run_with_blocks_in_its_environment(workspace: str, canary: Canary) -> None:
    secret = canary("token")
    Secret(value=secret).save("api-token")
    code = "import os; print(len(os.environ['API_TOKEN_VALUE']))"
    command = [sys.executable, "-m", "strongroom", "exec", "api-token", "--", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(len(secret))), done.stderr


def test_what_is_done_with_the_keys_is_done_where_the_server_runs(workspace: str, tmp_path: Path) -> None:
    for command in (
        ("keys", "add", f"file:{tmp_path / 'second.key'}"),
        ("keys", "rotate", "--level", "provider"),
        ("keys", "recovery-kit"),
        ("backup", str(tmp_path / "backup")),
        ("init",),
    ):
        done = CliRunner().invoke(main, list(command), prog_name="strongroom")
        assert done.exit_code != 0
        assert "server" in done.output, done.output
    assert list(tmp_path.glob("second.key")) == []


def test_a_task_of_a_collection_uses_a_block(workspace: str, rclone: S3Server) -> None:
    bucket = rclone.bucket()
    credentials_for(rclone).save("lake")

    @flow
    def nightly() -> bytes:
        credentials = AwsCredentials.load("lake")
        key = upload_to_bucket(b"content", bucket, credentials, key="raw/a")
        return download_from_bucket(bucket=bucket, key=key, aws_credentials=credentials)

    assert nightly() == b"content"
