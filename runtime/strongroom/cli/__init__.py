"""The command line: what the library does, for a shell."""

from __future__ import annotations

from strongroom.cli.root import main as main
