"""For tests: sources of secrets of one's own in place of real ones."""

from strongroom_blocks.sources.registered import using_sources as using_sources
