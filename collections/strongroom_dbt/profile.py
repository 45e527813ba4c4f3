"""Where and as whom dbt works: a profile that is made when it is needed and never lies on a disk with its secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, JsonValue, SecretBytes, SecretStr, model_validator
from pydantic import Secret as SecretField
from strongroom import Block, MissingExtra, SecretDict, async_twin, redactor
from strongroom.checks import CheckAbsent, CheckFailed

from strongroom_dbt.errors import DbtProfileInvalid
from strongroom_dbt.targets import require_adapter, target_of

_VARIABLE_PREFIX = "DBT_ENV_SECRET_STRONGROOM_"
"""dbt masks the values of variables that start with ``DBT_ENV_SECRET_`` in its logs; only profiles may read them."""


EXAMPLE: dict[str, Any] = {
    "settings": {"type": "postgres", "host": "db.example.com", "port": 5432, "user": "dbt", "dbname": "shop"},
    "secrets": {"password": "…"},
    "schema_name": "marts",
}


@dataclass(frozen=True, slots=True)
class RenderedProfile:
    """A ``profiles.yml`` whose secrets are references to variables, and the values of these variables."""

    text: str
    secrets: Mapping[str, SecretStr]

    def environment(self) -> dict[str, str]:
        """The variables in clear: for the environment of one process."""
        return {name: secret.get_secret_value() for name, secret in self.secrets.items()}


class DbtProfile(Block, slug="dbt-profile", title="dbt profile"):
    """Where dbt builds and as whom: made from a warehouse block, with secrets that never lie on a disk.

    The warehouse is a block such as :class:`~strongroom.DuckDB`, or any block with a method ``dbt_target()``. Settings
    of the adapter that the block does not know are added by ``settings`` and, where they are secret, ``secrets``;
    nested mappings are merged. Without a warehouse they are the whole target, as in a ``profiles.yml``::

        DbtProfile(warehouse=DuckDB(path="shop.duckdb"), schema_name="marts", threads=8).save("shop-profile")
        DbtProfile(settings={"type": "postgres", "host": "db", "user": "dbt", "port": 5432, "dbname": "shop"},
                   secrets={"password": "..."}, schema_name="marts").save("shop-profile")

    Text in ``settings`` may use dbt's Jinja, such as ``{{ env_var('PGHOST') }}``.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    warehouse: Block | None = Field(default=None, description="The block of the warehouse that dbt builds in.")
    schema_name: str | None = Field(default=None, description="The schema that models are built in by default.")
    threads: int = Field(default=4, ge=1, description="How many nodes dbt works on at once.")
    target: str = Field(default="default", min_length=1, description="The target's name, `target.name` in dbt's Jinja.")
    settings: dict[str, JsonValue] = Field(default_factory=dict, description="More settings of the dbt adapter.")
    secrets: SecretDict = Field(default=SecretDict({}), description="Settings of the dbt adapter that are secret.")

    @model_validator(mode="after")
    def _has_a_type(self) -> DbtProfile:
        if self.warehouse is None and "type" not in self.settings:
            raise ValueError('needs a warehouse, or a "type" in its settings')
        return self

    def render(self, name: str, *, target: str | None = None) -> RenderedProfile:
        """The text of ``profiles.yml`` with one profile of this name, and the secrets it speaks of.

        :param target: replaces the profile's own name of the target.
        :raises DbtProfileInvalid: the warehouse block has no dbt target, or a secret is no text, number or mapping.
        """
        output = {**self._output(), "threads": self.threads}
        if self.schema_name is not None:
            output["schema"] = self.schema_name
        target = target or self.target
        return rendered({name: {"target": target, "outputs": {target: output}}}, skipped=3)

    def check(self, timeout: float) -> str:
        """Whether dbt can be told of the target, and its adapter is installed; the warehouse is a block that is checked
        by itself. Connects to nothing.

        :raises CheckAbsent: the adapter is not installed.
        :raises CheckFailed: the warehouse has no dbt target, or a secret is nothing that dbt could be given.
        """
        try:
            adapter = self.adapter_type()
            self.render("check")
            require_adapter(adapter)
        except MissingExtra as error:
            failure: CheckFailed = CheckAbsent(error.problem, error.remedy)
        except DbtProfileInvalid as error:
            failure = CheckFailed(error.problem, error.remedy)
        else:
            return f"is a target of the adapter {adapter}, which is installed"
        raise failure

    acheck: ClassVar = async_twin(check)

    def adapter_type(self) -> str:
        """The type of dbt's adapter, such as ``duckdb``."""
        return str(self._output()["type"])

    def _output(self) -> dict[str, Any]:
        warehouse = target_of(self.warehouse) if self.warehouse is not None else {}
        secrets = {name: self.secrets[name] for name in self.secrets}
        return _merged(_merged(warehouse, self.settings), secrets)


def rendered(profiles: Mapping[str, Any], *, skipped: int = 0) -> RenderedProfile:
    """A ``profiles.yml`` with a reference to a variable where ``profiles`` hold a secret; it is masked from then on.

    :param skipped: of the path to a secret, how many steps its variable's name goes without.
    :raises DbtProfileInvalid: a secret that no environment variable can carry.
    """
    secrets: dict[str, SecretStr] = {}
    text = json.dumps(_without_secrets(profiles, (), secrets, skipped), indent=2, default=str)
    redactor.register(list(secrets.values()))
    return RenderedProfile(text, secrets)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        if isinstance(value, SecretField) and isinstance(value.get_secret_value(), Mapping):
            value = {key: SecretField[Any](inner) for key, inner in value.get_secret_value().items()}
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _without_secrets(value: Any, path: tuple[str, ...], secrets: dict[str, SecretStr], skipped: int) -> Any:
    """``value`` with a reference to a variable for each secret; the values go to ``secrets``."""
    if isinstance(value, SecretStr | SecretBytes | SecretField):
        return _secret(value.get_secret_value(), path[skipped:], secrets)
    if isinstance(value, Mapping):
        return {str(key): _without_secrets(inner, (*path, str(key)), secrets, skipped) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(inner, (*path, str(index)), secrets, skipped) for index, inner in enumerate(value)]
    return value


def _secret(value: Any, path: tuple[str, ...], secrets: dict[str, SecretStr]) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {str(key): _secret(inner, (*path, str(key)), secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_secret(inner, (*path, str(index)), secrets) for index, inner in enumerate(value)]
    text = value.decode() if isinstance(value, bytes) else str(value)
    if "\0" in text:
        raise DbtProfileInvalid(
            f"The secret setting {'.'.join(path)} holds a NUL character.", "An environment variable cannot carry it."
        )
    name = f"{_VARIABLE_PREFIX}{len(secrets)}_" + re.sub(r"\W", "_", "_".join(path), flags=re.ASCII).upper()
    secrets[name] = SecretStr(text)
    return f"{{{{ env_var('{name}') }}}}"


def in_clear(value: Any) -> Any:
    """A setting with the secrets in it in clear; they are masked from then on."""
    if isinstance(value, SecretStr | SecretBytes | SecretField):
        redactor.register([value])
        inner = value.get_secret_value()
        return in_clear(inner.decode() if isinstance(inner, bytes) else inner)
    if isinstance(value, Mapping):
        return {str(key): in_clear(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [in_clear(inner) for inner in value]
    return value
