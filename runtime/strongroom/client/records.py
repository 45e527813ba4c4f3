"""What the client does with variables, artifacts and limits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from strongroom.artifacts.artifact import Artifact
from strongroom.client.schemas.filters import ArtifactFilter, VariableFilter
from strongroom.concurrency.limits import ConcurrencyLimit
from strongroom.errors import UnknownArtifact
from strongroom.variables import Variable


class RecordMethods:
    """Reading what flows keep in the ledger, and removing it."""

    def read_variable_by_name(self, name: str) -> Variable | None:
        """The variable of this name; None where there is none."""
        from strongroom.variables import find_variable

        return find_variable(name)

    def read_variables(self, variable_filter: VariableFilter | None = None, limit: int | None = None) -> list[Variable]:
        """Variables, by name."""
        from strongroom.variables import list_variables

        return [each for each in list_variables() if variable_filter is None or variable_filter.fits(each)][:limit]

    def delete_variable_by_name(self, name: str) -> None:
        """Remove a variable."""
        Variable.unset(name)

    def read_artifacts(self, *, artifact_filter: ArtifactFilter | None = None, limit: int = 200) -> list[Artifact]:
        """Artifacts with all their versions, newest first."""
        from strongroom.artifacts.rows import list_artifacts

        return [each for each in list_artifacts(every=True) if artifact_filter is None or artifact_filter.fits(each)][
            :limit
        ]

    def read_latest_artifacts(
        self, *, artifact_filter: ArtifactFilter | None = None, limit: int = 200
    ) -> list[Artifact]:
        """The newest version of each artifact."""
        from strongroom.artifacts.rows import list_artifacts

        return [each for each in list_artifacts() if artifact_filter is None or artifact_filter.fits(each)][:limit]

    def delete_artifact(self, artifact_id: UUID | str) -> None:
        """Remove one version of an artifact; raises UnknownArtifact."""
        from strongroom.artifacts.rows import delete_artifacts

        if not delete_artifacts(artifact_id=artifact_id):
            raise UnknownArtifact(f"No artifact has the id {artifact_id}.", "List them: client.read_artifacts().")

    def read_global_concurrency_limit_by_name(self, name: str) -> ConcurrencyLimit:
        """The limit of this name; raises UnknownLimit."""
        from strongroom.concurrency.limits import read_limit

        return read_limit(name)

    def read_global_concurrency_limits(self, limit: int = 10, offset: int = 0) -> list[ConcurrencyLimit]:
        """Limits, by name."""
        from strongroom.concurrency.limits import list_limits

        return list_limits()[offset : offset + limit]

    def delete_global_concurrency_limit_by_name(self, name: str) -> None:
        """Remove a limit; raises UnknownLimit."""
        from strongroom.concurrency.limits import delete_limit

        delete_limit(name)

    def create_concurrency_limit(self, tag: str, concurrency_limit: int) -> Any:
        """Let so many task runs with a tag go on at once; 0 lets none."""
        from strongroom.concurrency.limits import create_limit

        return create_limit(f"tag:{tag}", concurrency_limit)

    def read_concurrency_limit_by_tag(self, tag: str) -> ConcurrencyLimit:
        """The limit of a tag; raises UnknownLimit."""
        return self.read_global_concurrency_limit_by_name(f"tag:{tag}")

    def delete_concurrency_limit_by_tag(self, tag: str) -> None:
        """Remove the limit of a tag; raises UnknownLimit."""
        self.delete_global_concurrency_limit_by_name(f"tag:{tag}")
