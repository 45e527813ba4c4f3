"""Whether what a block stands for works: its secrets can be had, and its type's own ``check`` succeeds.

Python's own errors say which of the three words fits: ``FileNotFoundError`` is absent, ``PermissionError`` denied,
``ConnectionError`` and ``TimeoutError`` unreachable. What fits none is told as failed.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from strongroom_registry.errors import StrongroomError, UnknownDocument

from strongroom_blocks.errors import CheckFailed, CheckUnreachable
from strongroom_blocks.nesting import blocks_in
from strongroom_blocks.redaction import redactor
from strongroom_blocks.sources.resolver import Found, resolver
from strongroom_blocks.sources.secret_reference import Referenced, located

if TYPE_CHECKING:
    from strongroom_blocks.block import Block

T = TypeVar("T")

LONGEST = 300
WORKS, FAILED, SKIPPED = "works", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried.

    ``subject`` is the path of a field with its reference, or a block; ``state`` is ``works``, one of the words
    ``absent``, ``denied``, ``unreachable``, or ``unfit``, ``misconfigured``, ``failed``, ``skipped``; ``told`` says
    what was proven or what is wrong, ``remedy`` what to do about it; ``seconds`` is how long it took.
    """

    subject: str
    state: str
    told: str
    remedy: str = ""
    seconds: float = 0.0

    @property
    def is_failure(self) -> bool:
        """Whether something does not work; what was skipped is no failure of its own."""
        return self.state not in (WORKS, SKIPPED)


def check(block: Block, timeout: float) -> list[Finding]:
    """Resolve every reference in a block, asking each source anew, then check the blocks inside it and itself.

    A block is not asked while secrets of its own are missing.

    :param timeout: seconds that each source and each check may take.
    """
    references = list(located(block))
    findings = list(_resolved(references, timeout))
    missing = {path for (path, _), finding in zip(references, findings, strict=True) if finding.is_failure}
    lost = {id(reference) for path, reference in references if path in missing}
    inner = {id(each): each for each in blocks_in(block)}
    for each in [*reversed(inner.values()), block]:
        if any(id(reference) in lost for _, reference in located(each)):
            findings.append(Finding(_name(each), SKIPPED, "not asked, since a secret of it is missing"))
        else:
            findings.append(_checked(each, timeout))
    return findings


def failure(subject: str, error: BaseException, seconds: float = 0.0) -> Finding:
    """What an error means, in one of the words."""
    if isinstance(error, StrongroomError):
        absent = "absent" if isinstance(error, UnknownDocument) else FAILED
        state = error.word if isinstance(error, CheckFailed) else absent
        return Finding(subject, state, _line(error.problem), _line(error.remedy), seconds)
    name = type(error).__name__
    if isinstance(error, OSError):
        return Finding(subject, _word(error), _line(f"{name}: {error.strerror or error}"), "", seconds)
    return Finding(subject, FAILED, _line(f"{name}: {error}"), "", seconds)


def _word(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "absent"
    if isinstance(error, PermissionError):
        return "denied"
    return "unreachable" if isinstance(error, ConnectionError | TimeoutError) else FAILED


def _resolved(references: list[tuple[str, Referenced]], timeout: float) -> Iterator[Finding]:
    """One finding for each reference, in order; the sources are asked at the same time."""
    by_scheme: dict[str, dict[str, None]] = {}
    for _, reference in references:
        by_scheme.setdefault(reference.scheme, {})[reference.text] = None
    if not by_scheme:
        return
    resolver.forget(reference.text for _, reference in references)
    with ThreadPoolExecutor(len(by_scheme)) as pool:
        contexts = {scheme: contextvars.copy_context() for scheme in by_scheme}
        waiting = {
            scheme: pool.submit(contexts[scheme].run, _timed, lambda texts: resolver.answers(texts, timeout=timeout), t)
            for scheme, t in by_scheme.items()
        }
        answers = {scheme: future.result() for scheme, future in waiting.items()}
    for path, reference in references:
        found, seconds = answers[reference.scheme]
        yield _of_reference(path, reference, found[reference.text], seconds)


def _timed(ask: Callable[[Any], T], texts: Any) -> tuple[T, float]:
    began = time.monotonic()
    answer = ask(texts)
    return answer, time.monotonic() - began


def _of_reference(path: str, reference: Referenced, found: Found, seconds: float) -> Finding:
    subject = f"{path} from {reference.text}"
    if isinstance(found, StrongroomError):
        return failure(subject, found, seconds)
    try:
        reference.fit(found)
    except StrongroomError as error:
        return failure(subject, error, seconds)
    return Finding(subject, WORKS, "fetched", "", seconds)


def _checked(block: Block, timeout: float) -> Finding:
    subject, own = _name(block), getattr(type(block), "check", None)
    if not callable(own):
        return Finding(subject, WORKS, "opens; its type has nothing to ask")
    began = time.monotonic()
    try:
        told = _within(timeout, lambda: own(block, timeout))
    except Exception as error:
        return failure(subject, error, time.monotonic() - began)
    return Finding(subject, WORKS, _line(str(told)), "", time.monotonic() - began)


def _within(timeout: float, call: Callable[[], T]) -> T:
    """The outcome of a call, for which nobody waits longer than that."""
    outcome: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="strongroom-check", daemon=True)
    thread.start()
    thread.join(timeout)
    if failed:
        raise failed[0]
    if not outcome:
        raise CheckUnreachable(
            f"There was no answer within {timeout:g} s.", "See whether it can be reached from here, or allow more time."
        )
    return outcome[0]


def _name(block: Block) -> str:
    place = getattr(block, "__strongroom_origin__", None)
    return str(place.requested) if place is not None else type(block).__block__.slug


def _line(text: str) -> str:
    """One line without secrets."""
    masked = " ".join(redactor.redact(text).split())
    return masked if len(masked) <= LONGEST else f"{masked[:LONGEST]}…"
