"""How often one may ask: a bucket of tokens for each identity, and for each address of those who are nobody yet.

Buckets live in the memory of a process, so that no request waits for another machine to be counted: of several
processes each allows the whole rate.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from strongroom_service.errors import TooManyRequests
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.exchange import Incoming
from strongroom_service.http.route import Route
from strongroom_service.ip_addresses import network_of

BUCKETS_MAX = 20_000
"""How many are kept; the one that was not used for longest goes first, and is full again when it comes back."""


class RateLimit:
    """Buckets that fill again by ``rate`` a second up to ``burst``. Safe to use from several threads.

    :param rate: how many requests a second, in the long run; 0 for any number.
    :param burst: how many at once.
    :param clock: seconds that only go forward.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(max(1, burst))
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str) -> float:
        """Take one from a bucket: 0 if there was one, else the seconds until there is."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._clock()
            level, since = self._buckets.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - since) * self._rate)
            allowed = level >= 1.0
            self._buckets[key] = (level - 1.0 if allowed else level, now)
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1.0 - level) / self._rate

    def check(self, key: str, who: str) -> None:
        """Take one, or raise TooManyRequests, which says when to try again."""
        seconds = self.take(key)
        if seconds:
            wait = max(1, math.ceil(seconds))
            raise TooManyRequests(
                f"{who} asks more often than the service allows.",
                f"Try again in {wait} second{'s' * (wait != 1)}; keep what was loaded instead of asking for it anew.",
                retry_after=wait,
            )


class AddressLimit:
    """A gate: how often an address may log in, and ask without a token or with one that does not count. Of IPv6 a
    network of 64 bits is one address, since who has one has all of it."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit

    def admit(self, incoming: Incoming) -> None:
        if self._counts(incoming):
            self._limit.check(network_of(incoming.address), "This address")

    def turned_away(self, incoming: Incoming) -> None:
        """One with a token that does not count takes as much as one without, which was counted before."""
        if incoming.address and not self._counts(incoming):
            self._limit.check(network_of(incoming.address), "This address")

    def _counts(self, incoming: Incoming) -> bool:
        signs_in = incoming.route.is_open and (not incoming.route.vault or "/login" in incoming.path)
        return bool(incoming.address) and (signs_in or not incoming.token)


class IdentityLimit:
    """A stage: how often an identity may ask, with however many tokens."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit

    def __call__(self, call: Call, _route: Route, proceed: Callable[[], Answer]) -> Answer:
        if call.caller.accessor and not call.is_again:
            self._limit.check(call.caller.identity, call.caller.identity)
        return proceed()
