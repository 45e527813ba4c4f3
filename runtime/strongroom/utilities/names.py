"""``prefect.utilities.names`` under its name: names that people can tell apart."""

from __future__ import annotations

from strongroom.run_names import random_words


def generate_slug(n_words: int) -> str:
    """So many words at random, ``"swift-heron"`` for two; raises ValueError for fewer than one."""
    return random_words(n_words)
