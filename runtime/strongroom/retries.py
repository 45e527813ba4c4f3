"""How often a run is tried again, and how long it waits before."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strongroom.errors import InvalidDefinition

Delay = float | Sequence[float] | Callable[[int], Sequence[float]]
MAX_DELAYS = 50


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Delays that double: ``backoff_factor * 2**n`` seconds before retry ``n``, counted from 0."""

    def delays(retries: int) -> list[float]:
        return [backoff_factor * 2**retry for retry in range(retries)]

    return delays


def default_retries(kind: str, count: int | None, delay: Delay | None) -> tuple[int | None, Delay | None]:
    """``retries`` and ``retry_delay_seconds`` of a ``kind`` ("task", "flow"): the settings' where nobody said any."""
    prefix = f"STRONGROOM_{kind.upper()}S_DEFAULT_RETR"
    if f"{prefix}IES" not in os.environ and f"{prefix}Y_DELAY_SECONDS" not in os.environ:
        return count, delay
    from strongroom.settings import get_settings

    settings = get_settings()
    delays = getattr(settings, f"{kind}s_default_retry_delay_seconds")
    count = getattr(settings, f"{kind}s_default_retries") if count is None else count
    return count, (list(delays) if delay is None and delays else delay)


@dataclass(frozen=True, slots=True)
class Retries:
    """A retry policy as a value.

    :param count: how many times a failed run is tried again.
    :param delays: seconds before each retry; the last one goes on where there are fewer than ``count``.
    :param jitter: lengthens each delay by a random part, up to this factor of it: 0.5 makes 10 s into 10 to 15 s.
    """

    count: int = 0
    delays: tuple[float, ...] = ()
    jitter: float | None = None

    @staticmethod
    def of(count: int | None, delay: Delay | None, jitter: float | None = None) -> Retries:
        """A policy from what the decorators take; raises :class:`~strongroom.errors.InvalidDefinition`."""
        count = 0 if count is None else count
        if count < 0:
            raise InvalidDefinition(f"retries={count} is negative.", "Use 0 for none.")
        if delay is None:
            delays: tuple[float, ...] = ()
        elif callable(delay):
            delays = tuple(delay(count))
        elif isinstance(delay, int | float):
            delays = (delay,)
        else:
            delays = tuple(delay)
        if len(delays) > MAX_DELAYS:
            raise InvalidDefinition(
                f"retry_delay_seconds has {len(delays)} delays, more than {MAX_DELAYS}.", "The last one repeats."
            )
        if any(seconds < 0 for seconds in delays) or (jitter is not None and jitter < 0):
            raise InvalidDefinition("A retry delay or jitter factor is negative.", "Use 0 for none.")
        return Retries(count, delays, jitter)

    def given(self, delay: Delay | None) -> float | list[float]:
        """The delays as people look at them: the number that was given, else the list; 0 where there are none."""
        return (self.delays or (0,))[0] if delay is None or isinstance(delay, int | float) else list(self.delays)

    def delay(self, retry: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds before retry ``retry``, counted from 0; ``draw`` gives a number from 0 to 1 for the jitter."""
        if not self.delays:
            return 0.0
        base = self.delays[min(retry, len(self.delays) - 1)]
        return base * (1 + self.jitter * draw()) if self.jitter else base
