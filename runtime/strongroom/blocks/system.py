"""``prefect.blocks.system`` under its name: the types that hold a single value."""

from strongroom_blocks.types import JSON as JSON
from strongroom_blocks.types import Secret as Secret
