"""A command with blocks in its environment: the variables, the process, the exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PRINT = (
    "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(('PROD_', 'A_', 'S_'))}))"
)


@pytest.fixture
def types(tmp_path: Path) -> dict[str, str]:
    """Where a process of its own finds the type that the tests of this one have in memory."""
    (tmp_path / "crm_types.py").write_text(
        "from pydantic import HttpUrl, SecretStr\nfrom strongroom import Block, SecretDict\n"
        "class CrmApi(Block, slug='crm-api'):\n    base_url: HttpUrl\n    token: SecretStr\n    page_size: int = 100\n"
        "    tags: list[str] = []\n    headers: SecretDict = SecretDict({})\n    login: None = None\n"
    )
    return {"PYTHONPATH": str(tmp_path), "STRONGROOM_BLOCK_MODULES": "crm_types"}


@pytest.fixture
def process(process, types):
    """A process that knows the type of the tests."""
    return lambda *args, env=None, **options: process(*args, env={**types, **(env or {})}, **options)


def secret(strongroom, name, value):
    strongroom("block", "new", "secret", name, "--set", "value=-", input=value)


def test_fields_become_variables_of_the_command(process, crm):
    done = process("exec", "prod-crm", "--", sys.executable, "-c", PRINT, reveals=True)
    variables = json.loads(done.stdout)
    assert variables["PROD_CRM_TOKEN"] == crm
    assert variables["PROD_CRM_BASE_URL"] == "https://crm.test/"
    assert variables["PROD_CRM_PAGE_SIZE"] == "100"
    assert done.stderr == ""


def test_several_blocks_and_versions(process, strongroom, crm, canary):
    secret(strongroom, "a", first := canary())
    strongroom("block", "new", "secret", "a", "--set", "value=-", "--overwrite", input=canary())
    done = process("exec", "prod-crm", "a@1", "--", sys.executable, "-c", PRINT, reveals=True)
    variables = json.loads(done.stdout)
    assert (variables["A_VALUE"], variables["PROD_CRM_TOKEN"]) == (first, crm)


def test_the_command_replaces_the_process(crm, types, tmp_path):
    command = [sys.executable, "-m", "strongroom", "exec", "prod-crm", "--", "sh", "-c", "echo $$"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, **types}
    ) as running:
        assert int(running.communicate(timeout=60)[0]) == running.pid


def test_a_signal_ends_the_command_itself(crm, types, tmp_path):
    command = [sys.executable, "-m", "strongroom", "exec", "prod-crm", "--", "sh", "-c", "echo up; exec sleep 60"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, **types}
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == -signal.SIGTERM


@pytest.mark.parametrize("code", [0, 1, 3, 42])
def test_the_exit_code_is_the_commands_own(process, crm, code):
    process("exec", "prod-crm", "--", "sh", "-c", f"exit {code}", code=code)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["exec", "prod-crm", "--", "no-such-command"], 127, "no command 'no-such-command'"),
        (["exec", "prod-crm", "--", "/"], 126, "cannot be executed"),
        (["exec", "prod-cmr", "--", "true"], 125, "Did you mean prod-crm?"),
        (["exec", "prod-crm@9", "--", "true"], 125, "9"),
        (["exec", "Not A Name", "--", "true"], 125, "no name"),
        (["exec", "prod-crm"], 125, "No command is given"),
        (["exec", "prod-crm", "--"], 125, "No command is given"),
        (["exec", "--", "true"], 125, "No block is named"),
        (["exec", "--wat", "--", "true"], 125, "--wat"),
    ],
)
def test_our_own_failures_have_codes_of_their_own(process, crm, args, code, told):
    done = process(*args, code=code)
    assert told in done.stderr
    assert not done.stdout


def test_options_of_the_command_are_left_alone(process, crm):
    done = process("exec", "prod-crm", "--", "printf", "%s.", "--debug", "--json", "--", "-h")
    assert done.stdout == "--debug.--json.--.-h."


def test_two_blocks_that_set_one_variable_are_both_named(process, strongroom, canary):
    secret(strongroom, "a-b", canary())
    secret(strongroom, "a.b", canary())
    done = process("exec", "a-b", "a.b", "--", "true", code=125)
    assert "'a-b' and 'a.b' both set A_B_VALUE" in done.stderr


def test_the_same_block_twice_is_no_collision(process, crm):
    process("exec", "prod-crm", "prod-crm", "--", "true")


def test_what_no_variable_can_hold_is_told(process, strongroom, canary):
    secret(strongroom, "nul", f"{canary()}\0")
    assert "holds a NUL byte" in process("exec", "nul", "--", "true", code=125).stderr


def test_odd_values_arrive_as_they_are(process, strongroom, canary):
    odd = f"{canary()}\n'\"$(id)\\ é \t€"
    secret(strongroom, "s", odd)
    done = process("exec", "s", "--", sys.executable, "-c", PRINT, reveals=True)
    assert json.loads(done.stdout)["S_VALUE"] == odd


def test_the_load_is_in_the_audit_though_the_process_is_gone(process, strongroom, crm):
    process("exec", "prod-crm", "--", "true")
    entry = json.loads(strongroom("audit", "ls", "--limit", "1", "--json").stdout)[0]
    assert (entry["action"], entry["name"]) == ("load", "prod-crm")


def test_without_a_registry_nothing_is_created(process, strongroom_home):
    assert "strongroom init" in process("exec", "x", "--", "true", code=125).stderr
    assert not strongroom_home.exists()


def variables(done):
    return json.loads(done.stdout)


def test_a_single_field_is_the_only_variable(process, crm):
    done = process("exec", "prod-crm#token", "--", sys.executable, "-c", PRINT, reveals=True)
    assert variables(done) == {"PROD_CRM_TOKEN": crm}
    assert process("exec", "prod-crm#", "--", "true")


def test_a_field_under_a_name_of_its_own(process, crm):
    args = ["-e", "S_ONE=prod-crm#token", "--env", "S_TWO=prod-crm.page_size", "--", sys.executable, "-c", PRINT]
    assert variables(process("exec", *args, reveals=True)) == {"S_ONE": crm, "S_TWO": "100"}


@pytest.mark.parametrize(
    ("prefix", "expected"), [("S", "S_TOKEN"), ("s_", "S__TOKEN"), ("", "TOKEN"), ("S_1", "S_1_TOKEN")]
)
def test_a_prefix_stands_instead_of_the_name(process, crm, prefix, expected):
    show = f"import os; print(os.environ[{expected!r}], 'PROD_CRM_TOKEN' in os.environ)"
    done = process("exec", "prod-crm", "--prefix", prefix, "--", sys.executable, "-c", show, reveals=True)
    assert done.stdout == f"{crm} False\n"


def test_a_prefix_of_single_fields(process, crm):
    done = process("exec", "prod-crm#token", "--prefix", "S", "--", sys.executable, "-c", PRINT, reveals=True)
    assert variables(done) == {"S_TOKEN": crm}


def test_a_type_that_follows_its_tools_keeps_their_names(process, strongroom, canary):
    strongroom(
        "block", "new", "aws-credentials", "prod-aws", "--set", "aws_access_key_id=A",
        "--set", "aws_secret_access_key=-", input=(key := canary()),
    )  # fmt: skip
    show = "import os; print(os.environ['AWS_SECRET_ACCESS_KEY'])"
    done = process("exec", "prod-aws", "--prefix", "S", "--", sys.executable, "-c", show, reveals=True)
    assert done.stdout == f"{key}\n"


def test_a_pristine_environment_holds_the_blocks_alone(process, crm):
    show = "import json, os; print(json.dumps(sorted(os.environ)))"
    python = "python3"  # found by the PATH of the caller, which is not passed on
    given = {"LC_ALL": "C.UTF-8", "LEFT_BEHIND": "yes"}  # or Python would set LC_CTYPE itself
    done = process("exec", "prod-crm#token", "--pristine", "--", python, "-c", show, env=given)
    assert set(json.loads(done.stdout)) - {"LC_CTYPE"} == {"PROD_CRM_TOKEN"}
    kept = process("exec", "prod-crm#token", "--", python, "-c", show, env=given)
    assert {"LEFT_BEHIND", "PATH"} < set(json.loads(kept.stdout))


def test_blocks_that_collide_under_one_prefix_are_both_named(strongroom, crm, canary):
    secret(strongroom, "a", canary())
    secret(strongroom, "b", canary())
    done = strongroom("exec", "a", "b", "--prefix", "S", "--", "true", code=125)
    assert "'a' and 'b' both set S_VALUE" in done.stderr
    done = strongroom("exec", "a", "-e", "A_VALUE=b#value", "--", "true", code=125)
    assert "'a' and 'b' both set A_VALUE" in done.stderr


def test_two_versions_of_a_block_collide_too(strongroom, canary):
    secret(strongroom, "a", canary())
    strongroom("block", "new", "secret", "a", "--set", "value=-", "--overwrite", input=canary())
    assert "'a@1' and 'a@2' both set A_VALUE" in strongroom("exec", "a@1", "a@2", "--", "true", code=125).stderr


def test_a_block_and_a_field_of_it_agree(process, crm):
    process("exec", "prod-crm", "prod-crm#token", "-e", "PROD_CRM_TOKEN=prod-crm#token", "--", "true")


def test_what_decides_which_code_runs_is_not_set_in_passing(process, strongroom, canary):
    strongroom("block", "new", "duckdb", "db", "--set", "path=:memory:")
    refused = strongroom("exec", "db", "--prefix", "", "--", "true", code=125).stderr
    assert "would set PATH" in refused
    assert "--env PATH=NAME#FIELD" in refused
    done = process("exec", "-e", "PATH=db#path", "--", "sh", "-c", "echo $PATH")
    assert done.stdout == ":memory:\n"  # said by name, and sh itself was found by the caller's PATH


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["prod-crm#tokn"], 'prod-crm has no field "tokn"'),
        (["prod-crm#login"], "prod-crm#login has no value"),
        (["-e", "X=prod-crm#login"], "prod-crm#login has no value"),
        (["-e", "X=prod-crm"], "names no field"),
        (["-e", "X=prod-crm#base_url.x"], "single value"),
        (["-e", "X"], "names no variable"),
        (["-e", "1X=prod-crm#token"], "names no variable"),
        (["-e", "=prod-crm#token"], "names no variable"),
        (["prod-crm", "--prefix", "1"], "No variable can start with '1'"),
        (["prod-crm", "--prefix", "A=B"], "No variable can start with 'A=B'"),
    ],
)
def test_what_was_asked_for_in_vain_is_told(strongroom, crm, args, told):
    done = strongroom("exec", *args, "--", "true", code=125)
    assert told in done.stderr
    assert not done.stdout


def test_the_command_dies_of_a_closed_pipe_as_it_would_by_itself(crm, types, tmp_path):
    """Python ignores SIGPIPE, and a process that replaces it would go on ignoring it."""
    status = "grep SigIgn /proc/self/status || echo SigIgn: 0"
    command = [sys.executable, "-m", "strongroom", "exec", "prod-crm", "--", "sh", "-c", status]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **types}, check=True
    )
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1))


def test_an_empty_command_is_none(process, crm):
    assert "no command ''" in process("exec", "prod-crm", "--", "", code=127).stderr
