"""``strongroom typegen``: files that are written, checked and left alone."""

from __future__ import annotations

import sys


def test_the_file_is_written_and_then_current(strongroom, crm, tmp_path):
    path = tmp_path / "my_blocks.py"
    strongroom("typegen", "-o", str(path))
    assert '"prod-crm": "crm-api"' in path.read_text()
    assert path.read_text() == strongroom("typegen").stdout
    assert "is current" in strongroom("typegen", "-o", str(path), "--check").stdout


def test_a_stale_file_fails_the_check_and_is_left_as_it_is(strongroom, crm, tmp_path, canary):
    path = tmp_path / "my_blocks.py"
    assert "is not current" in strongroom("typegen", "-o", str(path), "--check", code=1).stderr
    assert not path.exists()
    strongroom("typegen", "-o", str(path))
    before = path.read_text()
    strongroom("block", "new", "secret", "another", "--set", "value=-", input=canary())
    assert "without --check" in strongroom("typegen", "-o", str(path), "--check", code=1).stderr
    assert path.read_text() == before
    strongroom("typegen", "-o", str(path))
    strongroom("typegen", "-o", str(path), "--check")


def test_a_file_of_somebody_else_is_not_overwritten(strongroom, crm, tmp_path):
    path = tmp_path / "flow.py"
    path.write_text("print('mine')\n")
    assert "was not written by typegen" in strongroom("typegen", "-o", str(path), code=1).stderr
    assert path.read_text() == "print('mine')\n"


def test_a_glob_takes_some_of_many(strongroom, crm, canary):
    strongroom("block", "new", "secret", "another", "--set", "value=-", input=canary())
    some = strongroom("typegen", "prod-*").stdout
    assert "prod-crm" in some
    assert "another" not in some
    odd = strongroom("typegen", '"""\nimport os\\').stdout
    compile(odd, "odd.py", "exec")
    assert "\nimport os" not in odd


def test_a_check_needs_a_file(strongroom, crm):
    assert "no file to check" in strongroom("typegen", "--check", code=2).stderr


def test_a_type_of_the_users_own_is_found_as_everywhere(process, strongroom, crm, tmp_path):
    (tmp_path / "crm_types.py").write_text(
        "from pydantic import SecretStr\nfrom strongroom import Block\n"
        "class CrmApi(Block, slug='crm-api'):\n    base_url: str\n    token: SecretStr\n"
    )
    found = process("typegen", env={"STRONGROOM_BLOCK_MODULES": "crm_types"})
    assert "import crm_types" in found.stdout
    assert "-> crm_types.CrmApi:" in found.stdout
    unknown = process("typegen")
    assert "The class of the type crm-api cannot be imported" in unknown.stderr
    assert "-> Block:" in unknown.stdout


def test_it_runs_as_it_was_written(process, strongroom, canary, tmp_path):
    strongroom("block", "new", "secret", "api.token-1", "--set", "value=-", input=canary())
    strongroom("typegen", "-o", str(tmp_path / "my_blocks.py"))
    import subprocess

    code = "from my_blocks import load; print(type(load('api.token-1@1')).__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "Secret\n"
