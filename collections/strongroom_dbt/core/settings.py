"""Where a dbt project is, where its profiles are, and how much dbt says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from strongroom import require_extra

from strongroom_dbt.errors import DbtProfileInvalid, DbtProjectInvalid

LEVELS = ("debug", "info", "warn", "error", "none")


class PrefectDbtSettings(BaseSettings):
    """What scripts that were written for Prefect set of dbt; ``DBT_…`` variables set the same.

    What is not set is looked for as dbt does: the project in the current folder and those above it; the profiles in
    the current folder, in the project's, and in ``~/.dbt``.
    """

    model_config = SettingsConfigDict(env_prefix="DBT_", extra="ignore")

    profiles_dir: Path | None = Field(None, description="The folder of profiles.yml.")
    project_dir: Path | None = Field(None, description="The folder of dbt_project.yml.")
    log_level: str = Field("info", description="The least level of dbt's lines that are told.")
    target_path: Path | None = Field(None, description="Where artifacts go; by default where the project says.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _a_level(cls, value: Any) -> str:
        name = str(getattr(value, "value", value)).lower().replace("warning", "warn")
        if name not in LEVELS:
            raise ValueError(f"must be one of {', '.join(LEVELS)}")
        return name

    def project_folder(self) -> Path:
        """The folder of the project.

        :raises DbtProjectInvalid: there is none.
        """
        start = (self.project_dir or Path.cwd()).expanduser().resolve()
        candidates = [start] if self.project_dir is not None else [start, *start.parents]
        for folder in candidates:
            if (folder / "dbt_project.yml").is_file():
                return folder
        raise DbtProjectInvalid(
            f"There is no dbt project in {start}: no file dbt_project.yml.",
            "Set project_dir, or DBT_PROJECT_DIR, to the folder that holds it.",
        )

    def profiles_folder(self) -> Path | None:
        """The folder of ``profiles.yml``; None where there is none."""
        if self.profiles_dir is not None:
            return self.profiles_dir.expanduser().resolve()
        places = [Path.cwd(), *([self.project_folder()] if self._has_project() else []), Path.home() / ".dbt"]
        return next((place for place in places if (place / "profiles.yml").is_file()), None)

    def load_profiles_yml(self) -> dict[str, Any]:
        """What ``profiles.yml`` says, as it stands there.

        :raises DbtProfileInvalid: there is no such file.
        """
        folder = self.profiles_folder()
        if folder is None or not (folder / "profiles.yml").is_file():
            raise DbtProfileInvalid(
                f"There is no profiles.yml in {folder or Path.home() / '.dbt'}.", "Set profiles_dir."
            )
        yaml = require_extra("yaml", extra="dbt")
        found = yaml.safe_load((folder / "profiles.yml").read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}

    def validate_for_orchestrator(self) -> None:
        """See that project and profiles are there.

        :raises DbtProjectInvalid: there is no project. ``DbtProfileInvalid``: there are no profiles.
        """
        self.project_folder()
        self.load_profiles_yml()

    def _has_project(self) -> bool:
        try:
            self.project_folder()
        except DbtProjectInvalid:
            return False
        return True
