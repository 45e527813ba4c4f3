"""What the client does with variables and artifacts."""

from __future__ import annotations

from uuid import UUID

from strongroom.artifacts.artifact import Artifact
from strongroom.client.schemas.filters import ArtifactFilter, VariableFilter
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
