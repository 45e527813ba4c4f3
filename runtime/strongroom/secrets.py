"""The way out of secret kinds, for collections."""

from strongroom_blocks.secrets import plain as plain
