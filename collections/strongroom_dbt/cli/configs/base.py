"""What every target has, and the configuration of dbt itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field
from strongroom import Block, SecretDict

from strongroom_dbt.core.settings import PrefectDbtSettings
from strongroom_dbt.errors import DbtProfileInvalid
from strongroom_dbt.profile import in_clear
from strongroom_dbt.targets import target_of

EXAMPLE: dict[str, Any] = {
    "type": "redshift",
    "schema": "marts",
    "extras": {"host": "warehouse.example.com", "user": "dbt", "password": "…", "dbname": "shop"},
}


class DbtTarget(Block, slug="dbt-cli-any-target-configs", title="dbt CLI Any Target Configs"):
    """What targets share: the schema, the number of threads, and settings of the adapter that have no field."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    extras: SecretDict | None = Field(None, description="More settings of the adapter, secret or not.")
    allow_field_overrides: bool = Field(False, description="Whether extras may say what the fields say, and win.")

    _block_of_fields: ClassVar[str | None] = None
    """The field that holds the block of the warehouse."""

    def target(self) -> dict[str, Any]:
        """The target, with secrets that stay wrapped.

        :raises DbtProfileInvalid: extras say what the fields say, and may not.
        """
        said = self._said()
        extras = {name: self.extras[name] for name in self.extras} if self.extras is not None else {}
        twice = sorted(set(said) & set(extras))
        if twice and not self.allow_field_overrides:
            raise DbtProfileInvalid(
                f"extras say {', '.join(twice)}, which the fields say, too.", "Remove it, or set allow_field_overrides."
            )
        return {**said, **extras}

    def get_configs(self) -> dict[str, Any]:
        """The target as ``profiles.yml`` has it, secrets in clear: not for logs, nor for a disk."""
        found: dict[str, Any] = in_clear(self.target())
        return found

    def _said(self) -> dict[str, Any]:
        names = set(type(self).model_fields) - {*DbtTarget.model_fields, self._block_of_fields}
        own = {name.rstrip("_"): getattr(self, name) for name in sorted(names)}
        below: Mapping[str, Any] = {}
        if self._block_of_fields is not None:
            below = target_of(getattr(self, self._block_of_fields))
        return {**below, **{name: value for name, value in own.items() if value is not None}}


class BaseTargetConfigs(DbtTarget, slug="dbt-cli-base-target-configs", title="dbt CLI Base Target Configs"):
    """A target of an adapter."""

    type: str = Field(min_length=1, description="The adapter, such as redshift.")
    schema_: str | None = Field(None, alias="schema", description="Where models are built; at BigQuery, the dataset.")
    threads: int = Field(4, ge=1, description="How many nodes at once.")


class TargetConfigs(BaseTargetConfigs, slug="dbt-cli-target-configs", title="dbt CLI Target Configs"):
    """A target of any adapter: ``TargetConfigs(type="redshift", schema="marts", extras={"host": …})``."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    @classmethod
    def from_profiles_yml(
        cls,
        profile_name: str | None = None,
        target_name: str | None = None,
        profiles_dir: str | Path | None = None,
        allow_field_overrides: bool = False,
    ) -> Self:
        """The target of a ``profiles.yml``, so that it can be saved, and the file with its passwords removed.

        :param profile_name: by default the first profile; ``target_name`` by default the one that it says.
        :param profiles_dir: by default where dbt finds it.
        :raises DbtProfileInvalid: there is no such file, profile or target.
        """
        settings = PrefectDbtSettings() if profiles_dir is None else PrefectDbtSettings(profiles_dir=Path(profiles_dir))
        profiles = settings.load_profiles_yml()
        profile_name = profile_name or next((name for name in profiles if name != "config"), "")
        profile = profiles.get(profile_name)
        if not isinstance(profile, Mapping):
            raise DbtProfileInvalid(f"profiles.yml has no profile {profile_name!r}.", f"It has {', '.join(profiles)}.")
        target_name = target_name or profile.get("target", "default")
        outputs = profile.get("outputs", {})
        if target_name not in outputs:
            raise DbtProfileInvalid(
                f"The profile {profile_name!r} has no target {target_name!r}.", f"It has {', '.join(outputs)}."
            )
        said = dict(outputs[target_name])
        fields = {name: said.pop(name) for name in ("type", "schema", "threads") if name in said}
        return cls.model_validate({**fields, "extras": said or None, "allow_field_overrides": allow_field_overrides})


class GlobalConfigs(Block, slug="dbt-cli-global-configs", title="dbt CLI Global Configs"):
    """How dbt itself behaves; it reaches dbt as variables of its process, which every version of it reads."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"partial_parse": True, "warn_error": True}]})

    send_anonymous_usage_stats: bool | None = Field(None, description="Whether usage is told to dbt's makers.")
    use_colors: bool | None = Field(None, description="Whether output has colours.")
    partial_parse: bool | None = Field(None, description="Whether only changed files are parsed.")
    printer_width: int | None = Field(None, description="The width of lines, in characters.")
    write_json: bool | None = Field(None, description="Whether artifacts are written.")
    warn_error: bool | None = Field(None, description="Whether warnings are errors.")
    log_format: Literal["text", "json", "default", "debug"] | None = Field(None, description="How logs are written.")
    debug: bool | None = Field(None, description="Whether lines for dbt's developers are written, too.")
    version_check: bool | None = Field(None, description="Whether the project's required version is checked.")
    fail_fast: bool | None = Field(None, description="Whether the first failure ends all.")
    use_experimental_parser: bool | None = Field(None, description="Whether the newest static parser is used.")
    static_parser: bool | None = Field(None, description="Whether the static parser is used.")

    def get_configs(self) -> dict[str, Any]:
        """What is set."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    def environment(self) -> dict[str, str]:
        """What is set, as variables of dbt's process."""
        return {f"DBT_{name.upper()}": str(value) for name, value in self.get_configs().items()}
