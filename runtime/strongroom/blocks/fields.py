"""``prefect.blocks.fields`` under its name: what fields of blocks can be, beside what pydantic has."""

from strongroom_blocks import SecretDict as SecretDict
