"""Blocks from the shell: made, shown, changed, compared, labelled, removed; and no secret on the way."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest
from strongroom import Block, reference_of


def versions_of(strongroom, name):
    return json.loads(strongroom("block", "history", name, "--json").stdout)


@pytest.fixture
def person(monkeypatch):
    """Somebody sits at the terminal."""
    monkeypatch.setattr("strongroom.cli.fields.at_terminal", lambda: True)


def test_a_new_block_is_saved_as_version_1(strongroom, canary):
    token = canary()
    args = ["block", "new", "crm-api", "crm", "--set", "base_url=https://crm.test", "--set", "token=-"]
    result = strongroom(*args, "-m", "first", "--label", "stable", input=f"{token}\n")
    assert result.stdout == "Saved crm, version 1 (crm-api), labelled stable.\n"
    loaded = Block.load("crm@stable")
    assert loaded.token.get_secret_value() == token
    assert str(loaded.base_url) == "https://crm.test/"
    assert loaded.page_size == 100


def test_a_secret_argument_draws_a_warning(strongroom, canary):
    token = canary()
    args = ["block", "new", "crm-api", "crm", "--set", "base_url=https://crm.test", "--set", f"token={token}"]
    result = strongroom(*args)
    assert "Warning: the secret token stood on the command line" in result.stderr
    assert "token=-" in result.stderr
    assert Block.load("crm").token.get_secret_value() == token


@pytest.mark.parametrize(
    "extra",
    [
        ["--set", "page_size=5"],
        ["--set", 'tags=["a"]'],
        ["--set", "base_url=https://x.test"],
        ["--set", "login.user=ada"],
    ],
)
def test_what_is_no_secret_draws_none(strongroom, canary, extra):
    args = ["block", "new", "crm-api", "crm", "--set", "base_url=https://crm.test", "--set", "token=-"]
    if "login" in extra[1]:
        extra = [*extra, "--set", f"login.password=@{os.devnull}"]
    assert "Warning" not in strongroom(*args, *extra, input=canary()).stderr


def test_a_secret_comes_from_a_file_with_its_last_newline_off(strongroom, canary, tmp_path_factory):
    file = tmp_path_factory.mktemp("outside") / "pem"
    lines = f"{canary()}\nsecond line\n"
    file.write_text(lines)
    strongroom("block", "new", "crm-api", "crm", "--set", "base_url=https://crm.test", "--set", f"token=@{file}")
    assert Block.load("crm").token.get_secret_value() == lines.removesuffix("\n")


def test_deeper_values_and_json(strongroom, canary):
    password, key = canary("password"), canary("key")
    strongroom(
        "block", "new", "crm-api", "crm", "--set", "base_url=https://crm.test", "--set", f"token={canary()}",
        "--set", "login.user=ada", "--set", f"login.password={password}", "--set", f"headers.X-Key={key}",
        "--set", 'tags:=["a", "b"]', "--set", "page_size=7",
    )  # fmt: skip
    loaded = Block.load("crm")
    assert loaded.login.user == "ada"
    assert loaded.login.password.get_secret_value() == password
    assert loaded.headers["X-Key"].get_secret_value() == key
    assert (loaded.tags, loaded.page_size) == (["a", "b"], 7)


def test_a_secret_of_digits_stays_a_text(strongroom):
    strongroom("block", "new", "secret", "pin", "--set", "value=-", input="0123")
    assert Block.load("pin").get() == "0123"
    strongroom("block", "new", "secret", "number", "--set", "value:=-", input="123")
    assert Block.load("number").get() == 123


def test_fields_from_a_json_file(strongroom, canary, tmp_path_factory):
    file = tmp_path_factory.mktemp("outside") / "crm.json"
    file.write_text(
        json.dumps({"base_url": "https://crm.test", "token": canary(), "login": {"user": "a", "password": canary()}})
    )
    strongroom("block", "new", "crm-api", "crm", "--from-file", str(file), "--set", "page_size=3")
    assert Block.load("crm").page_size == 3


def test_fields_from_a_toml_file(strongroom, canary, tmp_path_factory):
    file = tmp_path_factory.mktemp("outside") / "crm.toml"
    file.write_text(
        f'base_url = "https://crm.test"\ntoken = "{canary()}"\n[login]\nuser = "ada"\npassword = "{canary()}"\n'
    )
    strongroom("block", "new", "crm-api", "crm", "--from-file", str(file))
    assert Block.load("crm").login.user == "ada"


def test_fields_from_standard_input_as_json(strongroom, canary):
    content = json.dumps({"base_url": "https://crm.test", "token": canary()})
    strongroom("block", "new", "crm-api", "crm", "--from-file", "-", input=content)
    assert Block.exists("crm")


@pytest.mark.parametrize("prefix", ["CRM_", "CRM", "crm_"])
def test_fields_from_the_environment(strongroom, canary, monkeypatch, prefix):
    for name, value in {"CRM_BASE_URL": "https://crm.test", "CRM_TOKEN": canary(), "CRM_PAGE_SIZE": "9"}.items():
        monkeypatch.setenv(name, value)
    strongroom("block", "new", "crm-api", "crm", "--from-env", prefix)
    assert Block.load("crm").page_size == 9


def test_a_block_inside_a_block_is_given_by_its_name(strongroom, crm):
    strongroom("block", "new", "crm-holder", "holder", "--set", "crm=prod-crm")
    assert str(reference_of(Block.load("holder").crm)) == "prod-crm@1"
    assert "prod-crm" in strongroom("block", "show", "holder").stdout


def test_a_block_in_a_file_is_given_by_its_reference(strongroom, crm, tmp_path):
    (tmp_path / "holder.json").write_text('{"crm": {"$block": "prod-crm@1"}}')
    strongroom("block", "new", "crm-holder", "holder", "--from-file", str(tmp_path / "holder.json"))
    assert reference_of(Block.load("holder").crm).version == 1


def test_a_person_is_asked_for_each_field_and_secrets_are_hidden(strongroom, person, canary):
    token, header = canary("token"), canary("header")
    answers = ["https://crm.test", token, "25", "", "X-Key", header, "", ""]
    result = strongroom("block", "new", "crm-api", "crm", input="\n".join(answers) + "\n")
    assert "token (hidden, @FILE reads a file):" in result.stderr
    assert "page_size (a number, Enter for 100):" in result.stderr
    assert result.stdout == "Saved crm, version 1 (crm-api).\n"
    loaded = Block.load("crm")
    assert (loaded.token.get_secret_value(), loaded.page_size) == (token, 25)
    assert loaded.headers["X-Key"].get_secret_value() == header


def test_an_answer_that_does_not_fit_is_asked_for_again(strongroom, person, canary):
    token = canary()
    args = ["block", "new", "crm-api", "crm", "--set", "base_url=nonsense"]
    result = strongroom(*args, input=f"{token}\nhttps://crm.test\n")
    assert "base_url" in result.stderr
    assert str(Block.load("crm").base_url) == "https://crm.test/"


def test_a_person_can_name_a_file_for_a_secret(strongroom, person, canary, tmp_path_factory):
    file = tmp_path_factory.mktemp("outside") / "token"
    file.write_text((token := canary()) + "\n")
    strongroom("block", "new", "secret", "a", input=f"@{file}\n")
    strongroom("block", "new", "secret", "b", input="@@handle\n")
    assert (Block.load("a").get(), Block.load("b").get()) == (token, "@handle")


def test_on_a_real_terminal_a_secret_is_not_echoed(canary, tmp_path):
    token = canary()
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "strongroom", "block", "new", "secret", "typed"]
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, cwd=tmp_path, start_new_session=True
    ) as process:
        os.close(child)
        shown = read_until(parent, b"value")
        os.write(parent, token.encode() + b"\n")
        shown += read_until(parent, b"Saved typed")
        assert process.wait(timeout=30) == 0
    os.close(parent)
    assert token.encode() not in shown
    assert Block.load("typed").get() == token


def comes(descriptor: int) -> bool:
    listening = select.poll()  # takes descriptors of any number
    listening.register(descriptor, select.POLLIN)
    return bool(listening.poll(30_000))


def read_until(terminal: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        assert comes(terminal), shown
        shown += os.read(terminal, 4096)
    return shown


def test_a_taken_name_is_refused_before_anything_is_asked(strongroom, person, crm):
    result = strongroom("block", "new", "crm-api", "prod-crm", code=4)
    assert result.stderr.startswith("Error: A block named 'prod-crm' exists already.")
    assert "strongroom block set prod-crm" in result.stderr


def test_overwrite_saves_the_next_version(strongroom, crm):
    args = ["block", "new", "crm-api", "prod-crm", "--set", "base_url=https://two.test", "--set", "token=-"]
    assert json.loads(strongroom(*args, "--overwrite", "--json", input="x").stdout)["version"] == 2


def test_an_expectation_that_is_stale_is_refused(strongroom, crm):
    args = ["block", "new", "crm-api", "prod-crm", "--set", "base_url=https://two.test", "--set", "token=-"]
    strongroom(*args, "--expect", "0", input="x", code=4)
    strongroom(*args, "--expect", "1", input="x")


def test_set_changes_a_field_and_keeps_the_rest(strongroom, crm):
    strongroom("block", "set", "prod-crm", "--set", "page_size=7", "-m", "smaller pages")
    first, second = Block.load("prod-crm@1"), Block.load("prod-crm")
    assert (first.page_size, second.page_size) == (100, 7)
    assert second.token.get_secret_value() == crm
    assert versions_of(strongroom, "prod-crm")[0]["message"] == "smaller pages"


def test_set_of_a_part_keeps_the_other_parts(strongroom, crm, canary):
    one, two, password = canary("one"), canary("two"), canary("password")
    start = ["--set", f"headers.One={one}", "--set", "login.user=ada", "--set", f"login.password={password}"]
    strongroom("block", "set", "prod-crm", *start)
    strongroom("block", "set", "prod-crm", "--set", f"headers.Two={two}", "--set", "login.user=eve")
    loaded = Block.load("prod-crm")
    assert loaded.headers.get_secret_value() == {"One": one, "Two": two}
    assert (loaded.login.user, loaded.login.password.get_secret_value()) == ("eve", password)


def test_set_asks_a_person_and_enter_keeps(strongroom, person, crm):
    result = strongroom("block", "set", "prod-crm", input="\n\n7\n\n\n\n")
    assert "token (hidden, @FILE reads a file, Enter keeps it):" in result.stderr
    loaded = Block.load("prod-crm")
    assert (loaded.page_size, loaded.token.get_secret_value()) == (7, crm)


def test_set_that_fits_nowhere_changes_nothing(strongroom, crm):
    assert "page_size" in strongroom("block", "set", "prod-crm", "--set", "page_size=many", code=2).stderr
    assert len(versions_of(strongroom, "prod-crm")) == 1


def test_set_without_a_field_is_a_usage_error_in_a_script(strongroom, crm):
    assert "--set field=value" in strongroom("block", "set", "prod-crm", code=2).stderr


def test_show_has_no_secret_and_reads_none(strongroom, crm):
    result = strongroom("block", "show", "prod-crm")
    assert "https://crm.test/" in result.stdout
    assert "token" in result.stdout
    assert "********  secret" in result.stdout
    shape = json.loads(strongroom("block", "show", "prod-crm", "--json").stdout)
    assert shape["fields"]["page_size"] == 100
    assert set(shape["hidden"]) == {"token", "headers", "login"}
    actions = [entry["action"] for entry in json.loads(strongroom("audit", "ls", "--json").stdout)]
    assert "load" not in actions


def test_show_of_a_version_and_a_label(strongroom, crm):
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    for args in (["prod-crm@1"], ["prod-crm@previous"], ["prod-crm", "--version", "1"]):
        shape = json.loads(strongroom("block", "show", *args, "--json").stdout)
        assert (shape["version"], shape["fields"]["page_size"]) == (1, 100)
    assert "1 of 2" in strongroom("block", "show", "prod-crm@1").stdout


@pytest.mark.parametrize("reference", ["prod-crm@9", "prod-crm@nowhere", "prod-cmr"])
def test_what_is_not_there_is_exit_code_3(strongroom, crm, reference):
    assert strongroom("block", "show", reference, code=3).stderr.startswith("Error: There is no ")


def test_reveal_prints_the_secret_alone(strongroom, crm):
    result = strongroom("block", "reveal", "prod-crm", "token", reveals=True)
    assert (result.stdout, result.stderr) == (f"{crm}\n", "")
    assert strongroom("block", "reveal", "prod-crm", "token", "-n", reveals=True).stdout == crm


def test_reveal_without_a_field_wants_just_one_secret(strongroom, crm, canary):
    result = strongroom("block", "reveal", "prod-crm", code=2)
    assert "has 3 secret fields: token, headers, login" in result.stderr
    strongroom("block", "new", "secret", "one", "--set", "value=-", input=(secret := canary()))
    assert strongroom("block", "reveal", "one", reveals=True).stdout == f"{secret}\n"


def test_reveal_goes_deeper(strongroom, crm, canary):
    key = canary()
    strongroom("block", "set", "prod-crm", "--set", f"headers.X-Key={key}")
    assert strongroom("block", "reveal", "prod-crm", "headers.X-Key", reveals=True).stdout == f"{key}\n"
    assert (
        'prod-crm.headers has no field "X-Kay". There is X-Key.'
        in strongroom("block", "reveal", "prod-crm", "headers.X-Kay", code=2).stderr
    )


def test_reveal_is_audited(strongroom, crm):
    strongroom("block", "reveal", "prod-crm", "token", reveals=True)
    entry = json.loads(strongroom("audit", "ls", "--limit", "1", "--json").stdout)[0]
    assert (entry["action"], entry["name"], entry["version"]) == ("load", "prod-crm", 1)


def test_ls_lists_names_types_and_labels(strongroom, crm):
    strongroom("block", "label", "prod-crm", "stable")
    lines = strongroom("block", "ls").stdout.splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "VERSION", "LABELS", "UPDATED"]
    assert lines[1].split()[:4] == ["prod-crm", "crm-api", "1", "stable=1"]
    shape = json.loads(strongroom("blocks", "list", "prod-*", "--type", "crm-api", "--json").stdout)[0]
    assert set(shape) == {
        "name", "type", "version", "state", "labels", "updated", "expires", "uses", "fields", "quarantine"
    }  # fmt: skip


def test_an_empty_list_is_told_beside_the_output(strongroom, crm):
    result = strongroom("block", "ls", "nothing-*")
    assert (result.stdout, result.stderr) == ("", "No block fits.\n")
    assert strongroom("block", "ls", "nothing-*", "--json").stdout == "[]\n"


def test_diff_shows_public_values_and_of_secrets_that_they_changed(strongroom, crm, canary):
    strongroom("block", "set", "prod-crm", "--set", "page_size=7", "--set", f"token={canary()}")
    changes = json.loads(strongroom("block", "diff", "prod-crm@1", "prod-crm@2", "--all", "--json").stdout)
    by_field = {change["field"]: change for change in changes}
    assert by_field["page_size"] == {"field": "page_size", "change": "changed", "hidden": False, "old": 100, "new": 7}
    assert by_field["token"] == {"field": "token", "change": "changed", "hidden": True, "old": None, "new": None}
    assert by_field["base_url"]["change"] == "same"
    assert by_field["headers"]["change"] == "same"
    shown = strongroom("block", "diff", "prod-crm@1", "prod-crm@2").stdout
    assert "********" in shown
    assert "base_url" not in shown


def test_diff_of_the_same_says_so(strongroom, crm):
    result = strongroom("block", "diff", "prod-crm", "prod-crm@1")
    assert (result.stdout, result.stderr) == ("", "They are the same.\n")


def test_labels_move_and_are_listed(strongroom, crm):
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    strongroom("block", "label", "prod-crm@1", "stable")
    assert json.loads(strongroom("labels", "prod-crm", "--json").stdout) == [
        {"name": "prod-crm", "label": "previous", "version": 1, "current": False},
        {"name": "prod-crm", "label": "stable", "version": 1, "current": False},
    ]
    assert strongroom("block", "label", "prod-crm", "stable").stdout == "prod-crm@stable is version 2.\n"
    assert strongroom("blocks", "labels").stdout == strongroom("labels").stdout
    strongroom("block", "unlabel", "prod-crm", "stable")
    assert "stable" not in strongroom("labels").stdout


def test_a_label_can_be_copied_to_another(strongroom, crm):
    strongroom("block", "label", "prod-crm@1", "stable")
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    assert strongroom("block", "label", "prod-crm@stable", "prod").stdout == "prod-crm@prod is version 1.\n"


def test_delete_and_undelete(strongroom, crm):
    assert "strongroom block undelete prod-crm" in strongroom("block", "delete", "prod-crm", "-m", "old").stdout
    assert "prod-crm" not in strongroom("block", "ls").stdout
    assert "deleted" in strongroom("block", "ls", "--deleted").stdout
    assert "undelete" in strongroom("block", "reveal", "prod-crm", "token", code=3).stderr
    strongroom("block", "undelete", "prod-crm")
    strongroom("block", "reveal", "prod-crm", "token", reveals=True)


def test_destroy_wants_its_name_typed(strongroom, person, crm):
    assert "nothing was destroyed" in strongroom("block", "destroy", "prod-crm", input="yes\n", code=4).stderr
    strongroom("block", "show", "prod-crm")
    strongroom("block", "destroy", "prod-crm", input="prod-crm\n")
    strongroom("block", "reveal", "prod-crm", "token", code=3)


def test_destroy_in_a_script_wants_yes(strongroom, crm):
    assert "--yes" in strongroom("block", "destroy", "prod-crm@1", code=2).stderr
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    assert strongroom("block", "destroy", "prod-crm@1", "--yes").stdout == "Version 1 of prod-crm is destroyed.\n"
    strongroom("block", "reveal", "prod-crm@1", "token", code=3)
    strongroom("block", "reveal", "prod-crm@2", "token", reveals=True)


def test_destroy_of_a_label_is_refused(strongroom, crm):
    strongroom("block", "label", "prod-crm", "stable")
    strongroom("block", "destroy", "prod-crm@stable", "--yes", code=2)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["block", "new", "crm-apy", "x"], 3, "Did you mean crm-api"),
        (["block", "new", "crm-api", "Not A Name"], 2, "is no name"),
        (["block", "new", "crm-api", "x", "--set", "token"], 2, "--set field=value"),
        (["block", "new", "crm-api", "x", "--set", "=v"], 2, "--set field=value"),
        (["block", "new", "crm-api", "x", "--set", "tokn=v"], 2, "Did you mean token?"),
        (["block", "new", "crm-api", "x", "--set", "tags:=[1"], 2, "not valid JSON"),
        (["block", "new", "crm-api", "x", "--set", "base_url=https://a.test"], 2, "Give --set token=-"),
        (["block", "new", "crm-api", "x", "--set", "base_url=:", "--set", f"token=@{os.devnull}"], 2, "base_url"),
        (["block", "new", "crm-api", "x", "--set", "token=@/no/such/file"], 1, "/no/such/file"),
        (["block", "new", "crm-api", "x", "--from-env", "NOWHERE_"], 2, "NOWHERE_TOKEN"),
        (["block", "new", "crm-api", "x", "--from-file", "/no/such.json"], 1, "/no/such.json"),
        (["block", "new", "crm-api", "x", "--from-file", os.devnull], 2, "not valid JSON"),
        (["block", "show", "../etc"], 2, "no name"),
        (["block", "show", "a@b@c"], 2, "no label"),
        (["block", "history", "a@3"], 2, "Write a"),
        (["block", "diff", "nope", "nope2"], 3, "nope"),
        (["block", "label", "nope", "Bad Label"], 2, "no label"),
    ],
)
def test_bad_input_is_told_in_one_sentence(strongroom, args, code, told):
    strongroom("init")
    result = strongroom(*args, code=code)
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("content", ['{"token": "%s"', '["%s"]', '{"tokens": "%s"}', "[" * 100_000 + '"%s"'])
def test_a_file_that_is_wrong_is_not_quoted(strongroom, canary, tmp_path_factory, content):
    file = tmp_path_factory.mktemp("outside") / "crm.json"
    file.write_text(content % canary())
    result = strongroom("block", "new", "crm-api", "x", "--from-file", str(file), code=2)
    assert str(file) in result.stderr or "Did you mean token" in result.stderr


def test_values_that_do_not_fit_are_not_quoted(strongroom, canary):
    secret = canary()
    content = json.dumps({"base_url": secret, "token": {"oops": secret}, "page_size": secret, secret: 1})
    result = strongroom("block", "new", "crm-api", "x", "--from-file", "-", input=content, code=2)
    assert "a name that is no field of crm-api" in result.stderr
    content = json.dumps({"base_url": secret, "token": {"oops": secret}, "page_size": secret})
    assert "base_url: " in strongroom("block", "new", "crm-api", "x", "--from-file", "-", input=content, code=2).stderr


def test_standard_input_is_read_once(strongroom):
    args = ["block", "new", "crm-api", "x", "--set", "token=-", "--set", "base_url=-"]
    assert "Standard input can be read once" in strongroom(*args, input="x", code=2).stderr


def test_control_characters_do_not_reach_the_terminal(strongroom, crm):
    strongroom("block", "set", "prod-crm", "--set", "page_size=7", "-m", "calm \x1b[2J\x07storm")
    assert "calm \\x1b[2J\\x07storm" in strongroom("block", "history", "prod-crm").stdout
