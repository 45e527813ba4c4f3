"""``prefect.blocks.core`` under its name: the base of all blocks."""

from strongroom_blocks import Block as Block
