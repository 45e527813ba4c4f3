"""Several states, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from strongroom.states import State, StateType


class StateGroup:
    """How many of some states are of which type: ``StateGroup(futures_states).fail_count``."""

    def __init__(self, states: Iterable[State[Any]]) -> None:
        self.states = list(states)
        self.type_counts: Counter[StateType] = Counter(state.type for state in self.states)
        self.total_count = len(self.states)
        self.cancelled_count = self.type_counts[StateType.CANCELLED]
        self.paused_count = self.type_counts[StateType.PAUSED]
        self.final_count = sum(state.is_final() for state in self.states)
        self.not_final_count = self.total_count - self.final_count

    @property
    def fail_count(self) -> int:
        """How many failed or crashed."""
        return self.type_counts[StateType.FAILED] + self.type_counts[StateType.CRASHED]

    def all_completed(self) -> bool:
        """Whether every one is completed."""
        return self.type_counts[StateType.COMPLETED] == self.total_count

    def all_final(self) -> bool:
        """Whether every one is final."""
        return self.not_final_count == 0

    def any_cancelled(self) -> bool:
        """Whether one is cancelled."""
        return self.cancelled_count > 0

    def any_failed(self) -> bool:
        """Whether one failed or crashed."""
        return self.fail_count > 0

    def any_paused(self) -> bool:
        """Whether one is paused."""
        return self.paused_count > 0

    def counts_message(self) -> str:
        """The counts in words: ``"total=3, not_final=1, 'COMPLETED'=2, 'RUNNING'=1"``."""
        parts = [f"total={self.total_count}"]
        if self.not_final_count:
            parts.append(f"not_final={self.not_final_count}")
        return ", ".join([*parts, *(f"{kind.value!r}={count}" for kind, count in self.type_counts.items() if count)])

    def __repr__(self) -> str:
        return f"StateGroup<{self.counts_message()}>"
