"""How a run is named by the start of its id."""

from __future__ import annotations

from strongroom.errors import AmbiguousRun, UnknownRun
from strongroom.journal.records import FlowRun


def prefix_bounds(id_or_prefix: str) -> tuple[bytes, bytes]:
    """The lowest and the highest id that start like this; raises UnknownRun for what is the start of no id."""
    digits = id_or_prefix.strip().replace("-", "").lower()
    if not 1 <= len(digits) <= 32 or digits.strip("0123456789abcdef"):
        raise UnknownRun(f"{id_or_prefix!r:.60} is not the id of a run.", "See `strongroom runs ls`.")
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def chosen(runs: list[FlowRun], id_or_prefix: str) -> FlowRun:
    """The one run that was found; raises UnknownRun or AmbiguousRun."""
    if len(runs) == 1:
        return runs[0]
    if not runs:
        raise UnknownRun(f"No run has the id {id_or_prefix!r:.60}.", "See `strongroom runs ls`.")
    several = ", ".join(f"{str(run.id)[:13]} ({run.name})" for run in runs[:3])
    raise AmbiguousRun(f"Several runs' ids start with {id_or_prefix!r:.60}: {several}.", "Give more of the id.")
