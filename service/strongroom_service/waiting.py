"""What cannot be answered where nobody may wait."""

from __future__ import annotations


class HasToWait(Exception):
    """What was asked for takes a wait, for others or for the disk, and nobody may wait here. Nothing was done."""
