"""The suite that a source of secrets has to pass. Needs pytest."""

from strongroom_blocks.sources.testing import SecretSourceContract as SecretSourceContract
