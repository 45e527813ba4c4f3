"""What sources answered, for as long as that may be kept, and who is being asked right now.

Each reference is asked for once: who wants it while somebody asks waits for the same answer. What was answered is kept
in memory alone, for the time that the source or ``STRONGROOM_SOURCES_TTL`` declares; a refusal for at most ten seconds.

After that time a source is asked anew. While one thread asks, others are given the former answer, for one declared time
more at most. If nobody answers, so is the thread that asked, and a warning is logged. That a secret is gone or denied
counts at once.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from strongroom_registry.errors import StrongroomError

from strongroom_blocks.errors import SecretDenied, SourceUnreachable
from strongroom_blocks.redaction import redactor
from strongroom_blocks.sources import registered, settings
from strongroom_blocks.sources.address import Address
from strongroom_blocks.sources.source import SecretSource

Found = str | bytes | StrongroomError
"""A secret, or why there is none: mostly a :class:`~strongroom_blocks.errors.SourceProblem`."""

REFUSAL_TTL = 10.0
"""Seconds for which a refusal is kept, at most, so that a thousand tries do not become a thousand calls."""

_log = logging.getLogger("strongroom.sources")

_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An answer. ``came``, ``fresh_until`` and ``stale_until`` are times of the clock, in seconds."""

    found: Found = field(repr=False)
    came: float
    fresh_until: float
    stale_until: float

    @property
    def is_secret(self) -> bool:
        return not isinstance(self.found, StrongroomError)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a process knew of references at a time of the clock."""

    at: float
    known: Mapping[str, str | bytes | None] = field(repr=False)


class _Flight:
    """One call of one source that is on its way."""

    def __init__(self, room: str, scheme: str, texts: Sequence[str], timeout: float | None) -> None:
        self.room = room
        self.scheme = scheme
        self.texts = texts
        self.timeout = settings.timeout() if timeout is None else timeout
        self.landed = threading.Event()
        self.answers: dict[str, Found] = {}
        self.ttl = 0.0
        self._began = time.monotonic()

    def left(self) -> float:
        """Seconds until those who wait give up."""
        return max(0.0, self._began + self.timeout - time.monotonic())

    def start(self) -> None:
        """Ask in a thread of its own, which is left behind if it hangs."""
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(self.ask,), name=f"strongroom-source-{self.scheme}", daemon=True
        ).start()

    def ask(self) -> None:
        """Ask here."""
        try:
            source = registered.source_for(self.scheme)
            self.ttl = settings.ttl_of(source)
            rests = {text: Address.parse(text).rest for text in self.texts}
            refused = {text: problem for text, rest in rests.items() if (problem := _refused(source, text, rest))}
            wanted = {text: rest for text, rest in rests.items() if text not in refused}
            fetched = source.fetch(list(wanted.values()), timeout=self.timeout) if wanted else {}
            self.answers = {**refused, **{text: _checked(text, fetched.get(rest)) for text, rest in wanted.items()}}
        except StrongroomError as error:
            self.answers = dict.fromkeys(self.texts, error.with_traceback(None))
        except BaseException as error:
            kind = type(error).__name__
            self.answers = {text: _unreachable(text, f"the source failed: {kind}") for text in self.texts}
        finally:
            self.landed.set()

    def answer(self, text: str) -> Found:
        """What came for ``text``; that nothing came in time is an answer too."""
        if not self.landed.is_set():
            return _unreachable(text, f"the source did not answer within {self.timeout:g} s")
        return self.answers[text]


class Resolver:
    """Resolves references, for all threads of a process.

    :param clock: seconds that only go forward; tests bring their own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget every answer, and take no notice of those that are on their way."""
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._swept = self._clock()
        self._entries: dict[_Place, _Entry] = {}
        self._flights: dict[_Place, _Flight] = {}

    def known(self, text: str) -> str | bytes | None:
        """The secret, if it is kept here now; asks nobody."""
        entry = self._entries.get(_place(text, opening=False))
        return None if entry is None or isinstance(entry.found, StrongroomError) else entry.found

    def reveal(self, text: str, others: Iterable[str] = ()) -> str | bytes:
        """The secret that a reference names.

        :param others: references that are likely to be wanted next; those of the same source are fetched along.
        :raises SourceProblem: the source has none for us, or no answer.
        :raises InvalidSecretReference: there is no such source, or it does not understand the reference.
        """
        found = self._find(text, others)
        if isinstance(found, StrongroomError):
            raise _told(found, text)
        return found

    def answers(self, texts: Iterable[str], *, timeout: float | None = None) -> dict[str, Found]:
        """What the sources say to each reference: each source is asked once, and all of them at the same time.

        :param timeout: seconds that each may take; as the settings have it if not given.
        """
        wanted = list(dict.fromkeys(texts))
        found = {text: kept for text in wanted if (kept := self._fresh(text)) is not None}
        flights = {text: self._flight(text, wanted, timeout) for text in wanted if text not in found}
        return {text: self._landed(flights[text], text) if text in flights else found[text] for text in wanted}

    def forget(self, texts: Iterable[str]) -> None:
        """Drop answers, also those that are on their way: they may have been given before what changed."""
        gone = set(texts)
        with self._lock:
            for text in gone:
                self._entries.pop(_place(text), None)
                self._flights.pop(_place(text), None)
        for scheme in {Address.parse(text).scheme for text in gone}:
            registered.forget(scheme)

    def moment(self, texts: Iterable[str]) -> Moment:
        """What is known of references now, for :meth:`renew` to compare with."""
        return Moment(self._clock(), {text: self.known(text) for text in texts})

    def renew(self, texts: Iterable[str], since: Moment | None = None) -> bool:
        """Fetch anew, unless somebody else did so since a moment.

        :returns: whether any secret that was known is another one now.
        :raises SourceProblem: a source refused or did not answer. The former secret is no longer used then.
        """
        wanted = list(dict.fromkeys(texts))
        with self._renewing:
            entries = [entry for text in wanted if (entry := self._entries.get(_place(text))) is not None]
            former = since.known if since is not None else {text: self.known(text) for text in wanted}
            if since is None or not any(entry.came > since.at for entry in entries):
                self.forget(wanted)
            found = self.answers(wanted)
        for text, answer in found.items():
            if isinstance(answer, StrongroomError):
                raise _told(answer, text)
        return any(former[text] is not None and former[text] != found[text] for text in wanted)

    def _fresh(self, text: str) -> Found | None:
        entry = self._entries.get(_place(text))
        return entry.found if entry is not None and self._clock() < entry.fresh_until else None

    def _find(self, text: str, others: Iterable[str]) -> Found:
        found = self._fresh(text)
        if found is not None:
            return found
        asked_before = _place(text) in self._flights
        flight = self._flight(text, others)
        if asked_before:
            entry = self._entries.get(_place(text))
            if entry is not None and entry.is_secret and self._clock() < entry.stale_until:
                return entry.found
        return self._landed(flight, text)

    def _flight(self, text: str, others: Iterable[str], timeout: float | None = None) -> _Flight:
        """The call that is to answer: the one that is on its way, else a new one."""
        with self._lock:
            place = _place(text)
            flight = self._flights.get(place)
            if flight is not None:
                return flight
            scheme = Address.parse(text).scheme
            along = [t for t in others if t.startswith(f"{scheme}:") and (place[0], t) not in self._flights]
            texts = list(dict.fromkeys([text, *(t for t in along if self._fresh(t) is None)]))
            flight = _Flight(place[0], scheme, texts, timeout)
            self._flights.update({(flight.room, each): flight for each in texts})
        try:
            flight.start()
        except RuntimeError:  # no more threads, or none any more as the interpreter is about to end
            flight.ask()
        return flight

    def _landed(self, flight: _Flight, text: str) -> Found:
        """Wait for a call, and keep what it brought unless somebody did already."""
        flight.landed.wait(flight.left())
        with self._lock:
            for each in flight.texts:
                place = flight.room, each
                if self._flights.get(place) is flight:
                    del self._flights[place]
                    self._keep(place, flight.answer(each), flight.ttl)
            self._sweep((flight.room, text))
            entry = self._entries.get((flight.room, text))
        return entry.found if entry is not None else flight.answer(text)

    def _keep(self, place: _Place, found: Found, ttl: float) -> None:
        now = self._clock()
        if not isinstance(found, StrongroomError):
            redactor.register(found)
            self._entries[place] = _Entry(found, now, now + ttl, now + 2 * ttl)
            return
        former = self._entries.get(place)
        usable = former is not None and former.is_secret and now < former.stale_until
        if usable and former is not None and isinstance(found, SourceUnreachable):
            _log.warning("%s What it answered before is used for up to %.0f s.", found.problem, REFUSAL_TTL)
            until = min(now + REFUSAL_TTL, former.stale_until)
            self._entries[place] = _Entry(former.found, former.came, until, former.stale_until)
            return
        kept = REFUSAL_TTL if isinstance(found, SourceUnreachable) else min(REFUSAL_TTL, ttl)
        self._entries[place] = _Entry(found, now, now + kept, now)

    def _sweep(self, kept: _Place) -> None:
        """Drop what is too old for any use, so that no secret is held for long after its time."""
        now = self._clock()
        if now < self._swept + REFUSAL_TTL:
            return
        self._swept = now
        self._entries = {
            place: entry
            for place, entry in self._entries.items()
            if place == kept or now < max(entry.fresh_until, entry.stale_until)
        }

    def after_fork(self) -> None:
        """A child has what was answered, but not the threads that were asking."""
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._flights = {}


def _place(text: str, *, opening: bool = True) -> _Place:
    """Where the answer to a reference is kept: what one workspace's login brought is not for another one."""
    return registered.room_of(text.partition(":")[0], opening=opening), text


def _refused(source: SecretSource, text: str, rest: str) -> StrongroomError | None:
    """What there is against a reference before the source is asked; it keeps no other from arriving."""
    if not settings.is_allowed(text):
        return SecretDenied(
            f'The secret "{text}" is denied: this process may not resolve it.',
            f"Add it to {settings.ALLOWED}, or point at another one.",
        )
    try:
        source.check(rest)
    except StrongroomError as error:
        return error.with_traceback(None)
    return None


def _checked(text: str, answer: object) -> Found:
    if isinstance(answer, str | bytes | StrongroomError):
        return answer
    if answer is None:
        return _unreachable(text, "the source gave no answer")
    return _unreachable(text, f"the source answered with {type(answer).__name__}, which is no secret")


def _unreachable(text: str, why: str) -> SourceUnreachable:
    return SourceUnreachable(
        f'The secret "{text}" could not be fetched: {why}.',
        f"See whether the source can be reached from here; {settings.TIMEOUT} sets how long to wait.",
    )


def _told(problem: StrongroomError, text: str) -> StrongroomError:
    """An error of its own for each who asks, since raising one notes where; it names the reference."""
    told = (
        problem.problem if text in problem.problem else f'The secret "{text}" could not be fetched: {problem.problem}'
    )
    return type(problem)(told, problem.remedy)


resolver = Resolver()
"""The resolver of this process."""

os.register_at_fork(after_in_child=resolver.after_fork)
