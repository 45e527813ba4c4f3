"""A profile of dbt's command line."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import EXAMPLE, BaseTargetConfigs, GlobalConfigs
from strongroom_dbt.profile import RenderedProfile, in_clear, rendered

_EXAMPLE: dict[str, Any] = {
    "name": "shop",
    "target": "dev",
    "target_configs": {"$type": "dbt-cli-target-configs", "$fields": EXAMPLE},
}


class DbtCliProfile(Block, slug="dbt-cli-profile", title="dbt CLI Profile"):
    """A profile with one target: ``DbtCliProfile(name="shop", target="dev", target_configs=TargetConfigs(…))``.

    It takes the place of a ``profiles.yml``, which is written nowhere: dbt finds its secrets in variables of its own
    process.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str = Field(min_length=1, description="The profile that the project asks for.")
    target: str = Field(min_length=1, description="The name of the target.")
    target_configs: BaseTargetConfigs = Field(description="Where dbt builds and as whom.")
    global_configs: GlobalConfigs | None = Field(None, description="How dbt itself behaves.")

    def get_profile(self) -> dict[str, Any]:
        """The content of ``profiles.yml``, secrets in clear: not for logs, nor for a disk."""
        found: dict[str, Any] = in_clear(self._profile())
        if self.global_configs is not None:
            found["config"] = self.global_configs.get_configs()
        return found

    def render(self) -> RenderedProfile:
        """The text of ``profiles.yml`` with variables where secrets stand, and the secrets."""
        return rendered(self._profile(), skipped=3)

    def environment(self) -> dict[str, str]:
        """How dbt itself behaves, as variables of its process."""
        return {} if self.global_configs is None else self.global_configs.environment()

    def _profile(self) -> dict[str, Any]:
        return {self.name: {"target": self.target, "outputs": {self.target: self.target_configs.target()}}}
