"""``python -m strongroom``: the command line without its script on the path."""

from __future__ import annotations

from strongroom.cli.root import main

main()
