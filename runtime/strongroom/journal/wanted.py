"""Which runs a listing is about: one choice, asked of rows in memory and of databases alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from strongroom.journal.records import FlowRun
    from strongroom.states import StateType


class RunFilters(TypedDict, total=False):
    """What a listing may ask for; what is left out, or None, does not matter.

    ``states`` are types, ``state_names`` names of states (``"TimedOut"``); a run is in one of either. ``tags``: it has
    all of them; ``name``: its name contains this. ``since`` and ``until``: it was created from the one on, and before
    the other. Runs of subflows are left out without ``subflows``.
    """

    states: Iterable[StateType] | None
    state_names: Iterable[str] | None
    flow: str | None
    deployment: str | None
    tags: Iterable[str] | None
    name: str | None
    since: datetime | None
    until: datetime | None
    subflows: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of one listing: ``Wanted(**filters)``."""

    states: Iterable[StateType] | None = None
    state_names: Iterable[str] | None = None
    flow: str | None = None
    deployment: str | None = None
    tags: Iterable[str] | None = None
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    subflows: bool = False

    def __post_init__(self) -> None:
        for field in ("states", "state_names", "tags"):
            if (given := getattr(self, field)) is not None:
                object.__setattr__(self, field, tuple(given))

    def fits(self, run: FlowRun) -> bool:
        """Whether a run is one of them."""
        return (
            (self.subflows or run.parent_flow_run_id is None)
            and self._state_fits(run)
            and self.flow in (None, run.flow_name)
            and self.deployment in (None, run.deployment)
            and run.tags.issuperset(self.tags or ())
            and (self.name is None or self.name in run.name)
            and (self.since is None or run.created >= self.since)
            and (self.until is None or run.created < self.until)
        )

    def _state_fits(self, run: FlowRun) -> bool:
        if self.states is None and self.state_names is None:
            return True
        return run.state.type in (self.states or ()) or run.state.name in (self.state_names or ())

    def where(self, mark: str, position: str) -> tuple[str, list[Any]]:
        """The same as a condition on the columns of ``flow_runs``, and its values.

        ``mark`` stands for a value (``?``, ``%s``); ``position`` is the function that finds a text in another one.
        """
        conditions, values = ["1 = 1"], list[Any]()

        def ask(condition: str, *given: Any) -> None:
            conditions.append(condition.replace("?", mark))
            values.extend(given)

        if not self.subflows:
            ask("parent_flow_run_id IS NULL")
        if self.states is not None or self.state_names is not None:
            kinds, names = [getattr(kind, "value", kind) for kind in self.states or ()], [*(self.state_names or ())]
            ask(f"(state_type IN ({_marks(kinds)}) OR state_name IN ({_marks(names)}))", *kinds, *names)
        if self.flow is not None:
            ask("flow_name = ?", self.flow)
        if self.deployment is not None:
            ask("deployment = ?", self.deployment)
        for tag in self.tags or ():
            ask(f"{position}(tags, ?) > 0", json.dumps(tag))
        if self.name is not None:
            ask(f"{position}(name, ?) > 0", self.name)
        if self.since is not None:
            ask("created >= ?", self.since.timestamp())
        if self.until is not None:
            ask("created < ?", self.until.timestamp())
        return " AND ".join(conditions), values


def _marks(values: list[str]) -> str:
    return ", ".join("?" * len(values)) or "NULL"
