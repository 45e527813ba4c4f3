"""Blocks: typed, encrypted, versioned documents, loaded by name. ``strongroom`` re-exports what users need."""

from strongroom_blocks.block import Block
from strongroom_blocks.extras import require_extra
from strongroom_blocks.origin import reference_of
from strongroom_blocks.redaction import redactor
from strongroom_blocks.secrets import PRIVATE, PUBLIC, SecretDict, reveal

__all__ = ["PRIVATE", "PUBLIC", "Block", "SecretDict", "redactor", "reference_of", "require_extra", "reveal"]
