"""A profiles.yml may name blocks and variables; secrets stay out of its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from strongroom import Block, Secret, SecretDict
from strongroom.variables import Variable
from strongroom_dbt import DbtProfileInvalid
from strongroom_dbt.core.profiles_yml import resolved_profiles


class Warehouse(Block, slug="test-dbt-warehouse"):
    host: str = "db.example.com"
    port: int = 5432
    password: SecretStr
    options: SecretDict = SecretDict({})


@pytest.fixture
def profiles(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "profiles.yml"
        path.write_text(text)
        return path

    return write


def test_a_file_without_placeholders_is_left_to_dbt(profiles: Callable[[str], Path]) -> None:
    assert resolved_profiles(profiles("shop: {outputs: {dev: {password: \"{{ env_var('X') }}\"}}}")) is None


@pytest.mark.parametrize("product", ["strongroom", "prefect"])
def test_fields_keep_their_types_and_secrets_become_variables(
    profiles: Callable[[str], Path], canary: Callable[[str], str], product: str
) -> None:
    password, token = canary("password"), canary("token")
    Warehouse(password=SecretStr(password), options=SecretDict({"token": token})).save("prod")
    place = f"{product}.blocks.test-dbt-warehouse.prod"
    path = profiles(f"""
shop:
  target: prod
  outputs:
    dev: {{type: x, password: "{{{{ {product}.blocks.secret.not-there }}}}"}}
    prod:
      host: "{{{{ {place}.host }}}}"
      port: "{{{{ {place}.port }}}}"
      password: "{{{{ {place}.password }}}}"
      token: "{{{{ {place}.options.token }}}}"
      url: "x://{{{{ {place}.password }}}}@{{{{ {place}.host }}}}"
""")
    found = resolved_profiles(path)
    assert found is not None
    output = json.loads(found.text)["shop"]["outputs"]["prod"]
    assert (output["host"], output["port"]) == ("db.example.com", 5432)
    assert list(json.loads(found.text)["shop"]["outputs"]) == ["prod"]
    assert password not in found.text
    assert token not in found.text
    assert set(found.environment().values()) == {password, token, f"x://{password}@db.example.com"}


def test_variables_choose_the_target(profiles: Callable[[str], Path]) -> None:
    Variable.set("place", "dev")
    path = profiles('shop: {target: "{{ prefect.variables.place }}", outputs: {dev: {a: 1}, prod: {a: 2}}}')
    found = resolved_profiles(path)
    asked = resolved_profiles(path, "prod")
    assert found is not None
    assert asked is not None
    assert json.loads(found.text)["shop"] == {"target": "dev", "outputs": {"dev": {"a": 1}}}
    assert json.loads(asked.text)["shop"] == {"target": "prod", "outputs": {"prod": {"a": 2}}}


def test_a_block_with_one_value_needs_no_field(profiles: Callable[[str], Path], canary: Callable[[str], str]) -> None:
    secret = canary("value")
    Secret(value=secret).save("token")
    found = resolved_profiles(profiles('a: {outputs: {default: {token: "{{ strongroom.blocks.secret.token }}"}}}'))
    assert found is not None
    assert list(found.environment().values()) == [secret]


@pytest.mark.parametrize(
    ("placeholder", "problem"),
    [
        ("strongroom.blocks.secret.nowhere", "names the block secret/nowhere: "),
        ("strongroom.blocks.test-dbt-warehouse.prod.colour", r"it has no \.colour"),
        ("strongroom.variables.nowhere", "names the variable 'nowhere', and there is none"),
    ],
)
def test_what_is_not_there_is_told(
    profiles: Callable[[str], Path], canary: Callable[[str], str], placeholder: str, problem: str
) -> None:
    Warehouse(password=SecretStr(canary("password"))).save("prod")
    with pytest.raises(DbtProfileInvalid, match=problem):
        resolved_profiles(profiles('a: {outputs: {default: {x: "{{ ' + placeholder + ' }}"}}}'))
