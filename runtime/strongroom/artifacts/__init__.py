"""Artifacts: what runs show to people — links, reports, tables, pictures, progress — kept with the run that made it.

Names, parameters and behaviour are those that Prefect 3 documents under "Artifacts"::

    create_markdown_artifact("# Sales\\n…", key="sales-report", description="Quarterly")
    create_table_artifact([{"customer": "Ada", "churn": 0.85}], key="reach-out")

    progress = create_progress_artifact(0.0, description="batches")
    update_progress_artifact(progress, 50.0)

Artifacts of one key are versions of one thing, the newest of which ``Artifact.get(key)`` gives. Secrets that this
process knows are masked in all of them.
"""

from strongroom.artifacts.artifact import Artifact as Artifact
from strongroom.artifacts.creating import acreate_image_artifact as acreate_image_artifact
from strongroom.artifacts.creating import acreate_link_artifact as acreate_link_artifact
from strongroom.artifacts.creating import acreate_markdown_artifact as acreate_markdown_artifact
from strongroom.artifacts.creating import acreate_progress_artifact as acreate_progress_artifact
from strongroom.artifacts.creating import acreate_table_artifact as acreate_table_artifact
from strongroom.artifacts.creating import aupdate_progress_artifact as aupdate_progress_artifact
from strongroom.artifacts.creating import create_image_artifact as create_image_artifact
from strongroom.artifacts.creating import create_link_artifact as create_link_artifact
from strongroom.artifacts.creating import create_markdown_artifact as create_markdown_artifact
from strongroom.artifacts.creating import create_progress_artifact as create_progress_artifact
from strongroom.artifacts.creating import create_table_artifact as create_table_artifact
from strongroom.artifacts.creating import update_progress_artifact as update_progress_artifact
from strongroom.artifacts.kinds import ImageArtifact as ImageArtifact
from strongroom.artifacts.kinds import LinkArtifact as LinkArtifact
from strongroom.artifacts.kinds import MarkdownArtifact as MarkdownArtifact
from strongroom.artifacts.kinds import ProgressArtifact as ProgressArtifact
from strongroom.artifacts.kinds import TableArtifact as TableArtifact
from strongroom.artifacts.progress import Progress as Progress
from strongroom.artifacts.progress import watch_progress as watch_progress
from strongroom.artifacts.rows import artifacts_of as artifacts_of
from strongroom.artifacts.rows import delete_artifacts as delete_artifacts
from strongroom.artifacts.rows import delete_artifacts_of as delete_artifacts_of
from strongroom.artifacts.rows import find_artifact as find_artifact
from strongroom.artifacts.rows import list_artifacts as list_artifacts
