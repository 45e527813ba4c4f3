"""Ctrl-C and SIGTERM, while a flow runs on the main thread; and SIGURG, by which this process interrupts that thread.

The first Ctrl-C or SIGTERM interrupts the flow, which ends its tasks and cleans up. A second one ends the process at
once. Handlers that somebody else installed, and signals that are ignored, are left alone. A signal that comes where an
exception would do harm, or be lost, comes again a moment later.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

from strongroom.context import current_run
from strongroom.errors import TerminationSignal
from strongroom.planting import is_delicate

if TYPE_CHECKING:
    from strongroom.control.control import Control

import _signal  # type: ignore[import-not-found]  # ``signal`` makes enums of all it sees, and takes ten times as long

STRIKE = signal.SIGURG
"""Nothing happens where it comes a moment too late, for processes ignore it that have no handler of it."""

PATIENCE_SECONDS = 10.0
"""A second Ctrl-C within this time is one that means the same run, also where that has not begun to end."""

_AGAIN_SECONDS = 0.001
_MOST_AGAIN = 1000

_listening: list[Control] = []
_before: dict[int, Any] = {}
_first: dict[int, float] = {}
_again: dict[int, int] = {}


def listen(control: Control) -> None:
    """Signals concern this run from now on. Called on the main thread."""
    if not _listening:
        for number, handler in _HANDLERS.items():
            found = _signal.getsignal(number)
            if _is_default(number, found):
                _before[number] = found
                _signal.signal(number, handler)
    _listening.append(control)


def forget(control: Control) -> None:
    """This run is over. One that ends on another thread, as a generator may, leaves the handlers to the next one."""
    if control in _listening:
        _listening.remove(control)
    if not _listening and threading.current_thread() is threading.main_thread():
        _first.clear()
        _give_back()


def _give_back() -> None:
    for number, handler in _HANDLERS.items():
        if number in _before and _signal.getsignal(number) is handler:
            _signal.signal(number, _before[number])
    _before.clear()


def _is_default(number: int, handler: Any) -> bool:
    if number == signal.SIGINT:
        return handler is signal.default_int_handler or _is_of_asyncio(handler)
    return bool(handler == signal.SIG_DFL)


def is_listening() -> bool:
    """Whether this process can interrupt its main thread."""
    return STRIKE in _before and _signal.getsignal(STRIKE) is _on_strike


def has_interrupted() -> bool:
    """Whether a run on the main thread was interrupted by a signal, and is not over yet."""
    return bool(_first)


def _is_of_asyncio(handler: Any) -> bool:
    """Whether it is that of ``asyncio.run``, which cancels the main task."""
    function = handler.func if isinstance(handler, functools.partial) else handler
    return getattr(function, "__func__", None) is asyncio.Runner._on_sigint  # type: ignore[attr-defined]


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    if _is_second(number):
        _end(number, "A second interrupt ended the process.")
        return
    if _comes_again(number, frame):
        return
    _first[number] = time.monotonic()
    if any(control.is_async and _is_inside(control) for control in _listening):
        raise KeyboardInterrupt
    _before[number](number, frame)


def _on_strike(number: int, frame: FrameType | None) -> None:
    if _comes_again(number, frame):
        return
    for control in _listening:
        if control.struck:
            control.struck = False
            if not control.is_async or _is_inside(control):
                raise control.blow()


def _on_termination(number: int, frame: FrameType | None) -> None:
    if _is_second(number):
        _end(number, "A second signal ended the process.")
        return
    if _comes_again(number, frame):
        return
    _first[number] = time.monotonic()
    for control in _listening:
        control.terminate()
    innermost = _listening[-1]
    if not innermost.is_async or _is_inside(innermost):
        raise innermost.blow() if innermost.reason is not None else TerminationSignal()


def _end(number: int, message: str) -> None:
    from strongroom.control.last_words import end_process

    end_process(128 + number, message)


def _comes_again(number: int, frame: FrameType | None) -> bool:
    times = _again.pop(number, 0)
    if times == _MOST_AGAIN or not is_delicate(frame):
        return False
    _again[number] = times + 1
    thread = threading.main_thread().ident
    timer = threading.Timer(_AGAIN_SECONDS, signal.pthread_kill, (thread, number))
    timer.daemon = True
    timer.start()
    return True


def _is_second(number: int) -> bool:
    first = _first.get(number)
    if first is None:
        return False
    return any(control.ending for control in _listening) or time.monotonic() - first < PATIENCE_SECONDS


def _is_inside(control: Control) -> bool:
    """Whether the code that the signal interrupted is part of the run, in a step of an event loop or outside of one."""
    run: Any = current_run()
    flow = None if run is None else run.flow_run_context
    if flow is None or flow.control is not control:
        return False
    loop = asyncio._get_running_loop()
    return loop is None or asyncio.current_task(loop) is not None


_HANDLERS = {signal.SIGINT: _on_interrupt, signal.SIGTERM: _on_termination, STRIKE: _on_strike}


def _leave_to_parent() -> None:
    """In a forked child: the runs are the parent's."""
    _listening.clear()
    _first.clear()
    _again.clear()
    _give_back()


os.register_at_fork(after_in_child=_leave_to_parent)
