"""``prefect.filesystems`` under its name: a folder of this machine that keeps objects."""

from strongroom_blocks.types import LocalFileSystem as LocalFileSystem
