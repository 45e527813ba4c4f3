"""The picture of a flow that ``flow.visualize()`` gives: shown in a notebook, or written to a file and opened."""

from __future__ import annotations

import logging
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger("strongroom")


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG. ``path`` is the file that it was written to; None in a notebook, which shows it by itself."""

    svg: str
    path: Path | None = None

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<picture in {self.path}>" if self.path else "<picture>"


def present(name: str, svg: str) -> Picture:
    """In a notebook the picture; elsewhere it is also written to ``<name>.svg`` here, and opened on a desktop."""
    if _in_notebook():
        return Picture(svg)
    path = Path(f"{re.sub(r'[^-A-Za-z0-9_.]+', '-', name).strip('-.') or 'flow'}.svg").absolute()
    path.write_text(svg, encoding="utf-8")
    if _on_desktop():
        import webbrowser

        webbrowser.open(path.as_uri())
    else:
        _log.warning("The picture of the flow is in %s.", path)
    return Picture(svg, path)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _on_desktop() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
