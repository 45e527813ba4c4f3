"""The functions that make artifacts, and the one that says how far something is."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from strongroom_blocks.redaction import redactor
from strongroom_blocks.twins import function_twin

from strongroom.artifacts.artifact import Artifact, check_client
from strongroom.artifacts.kinds import (
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    Table,
    TableArtifact,
    percentage,
)
from strongroom.artifacts.progress import tell
from strongroom.artifacts.rows import update_data


def create_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None, client: Any = None
) -> UUID:
    """Show a link, as ``link_text`` where that is given. Gives the artifact's id."""
    return _id(LinkArtifact(link=link, link_text=link_text, key=key, description=description).create(client))


def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """Show a text in Markdown. Gives the artifact's id."""
    return _id(MarkdownArtifact(markdown=markdown, key=key, description=description).create())


def create_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> UUID:
    """Show a table: a list of dictionaries, a list of lists, or a dictionary of lists. Gives the artifact's id."""
    return _id(TableArtifact(table=table, key=key, description=description).create())


def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """Show a picture that everybody can fetch from ``image_url``. Gives the artifact's id."""
    return _id(ImageArtifact(image_url=image_url, key=key, description=description).create())


def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """Show how much is done, in percent from 0 to 100. Gives the id, for :func:`update_progress_artifact`."""
    made = ProgressArtifact(progress=progress, key=key, description=description).create()
    tell(made)
    return _id(made)


def update_progress_artifact(
    artifact_id: UUID, progress: float, description: str | None = None, client: Any = None
) -> UUID:
    """Say how much is done by now, in percent from 0 to 100. The artifact has no version more. Gives its id.

    Raises :class:`~strongroom.errors.UnknownArtifact` and :class:`~strongroom.errors.InvalidArtifact`.
    """
    check_client(client)
    masked = None if description is None else redactor.redact(description)
    changed = update_data(artifact_id, "progress", percentage(progress), masked)
    tell(changed)
    return _id(changed)


acreate_link_artifact = function_twin(create_link_artifact)
acreate_markdown_artifact = function_twin(create_markdown_artifact)
acreate_table_artifact = function_twin(create_table_artifact)
acreate_image_artifact = function_twin(create_image_artifact)
acreate_progress_artifact = function_twin(create_progress_artifact)
aupdate_progress_artifact = function_twin(update_progress_artifact)


def _id(artifact: Artifact) -> UUID:
    return cast("UUID", artifact.id)
