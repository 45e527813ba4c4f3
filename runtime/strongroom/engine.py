"""Carries out what :mod:`strongroom.rules` say: one thin shell a colour; they differ in how they wait, nothing else."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import aclosing
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, cast

from strongroom.calls.call import Call as RunCall
from strongroom.calls.call import enter_context, frames_of, leave_context
from strongroom.control.interrupting import nap
from strongroom.control.stint import run_loop
from strongroom.errors import ExternalSignal, Pause
from strongroom.rules import (
    Abandon,
    Ask,
    Call,
    Effect,
    Enter,
    Gather,
    Keep,
    LookUp,
    Occupy,
    Policy,
    Prepare,
    Recall,
    Settle,
    Sleep,
    Undo,
    Vacate,
    rules_before_a_worker,
    rules_of_a_run,
)
from strongroom.states import UNSUCCESSFUL, State, StateType, is_state_iterable
from strongroom.timeouts import Expired, await_within, call_within

if TYPE_CHECKING:
    from strongroom.calls.replayed import Replayed
    from strongroom.concurrency.tag_limits import TagSlots
    from strongroom.flows import Flow
    from strongroom.journal.records import FlowRun

sleep = nap
asleep = asyncio.sleep


class _Course:
    """A run's way through the rules: the effect that is due, until there is a final state."""

    __slots__ = ("_steps", "effect", "state")

    def __init__(self, call: RunCall, rules: Callable[[Policy], Generator[Effect, Any, Any]] = rules_of_a_run) -> None:
        self._steps = rules(call.policy)
        self.state: State[Any] | None = None
        self.effect: Effect | None = next(self._steps)

    def reply(self, value: Any) -> None:
        try:
            self.effect = self._steps.send(value)
        except StopIteration as end:
            self._end(end.value)

    def fail(self, error: BaseException) -> None:
        try:
            self.effect = self._steps.throw(error)
        except StopIteration as end:
            self._end(end.value)

    def _end(self, state: State[Any]) -> None:
        self.effect, self.state = None, state


def run_sync(call: RunCall) -> State[Any]:
    """Carry out a call of a synchronous function."""
    with _inside(call), _closing(call):
        course = _Course(call)
        while course.effect is not None:
            try:
                while (effect := course.effect) is not None:
                    course.reply(_do(call, effect))
            except BaseException as error:  # of an effect, or an interrupt between two of them
                course.fail(call.meaning(error))
    return cast("State[Any]", course.state)


async def run_async(call: RunCall) -> State[Any]:
    """Carry out a call of an asynchronous function."""
    with _inside(call), _closing(call):
        course = _Course(call)
        while course.effect is not None:
            try:
                while (effect := course.effect) is not None:
                    course.reply(await _do_async(call, effect))
            except BaseException as error:
                course.fail(call.meaning(error))
    return cast("State[Any]", course.state)


def run_generator(call: RunCall) -> Generator[Any, Any, Any]:
    """Carry out a call of a generator function, as its caller iterates."""
    with _closing(call):
        course = _Course(call)
        while (effect := course.effect) is not None:
            try:
                if type(effect) is Call:
                    reply = yield from _iterate(call, effect)
                else:
                    with _inside(call):
                        reply = _do(call, effect)
            except BaseException as error:
                course.fail(call.meaning(error))
            else:
                course.reply(reply)
    return result_of(cast("State[Any]", course.state))


async def run_async_generator(call: RunCall) -> AsyncGenerator[Any, Any]:
    """Carry out a call of an asynchronous generator function, as its caller iterates."""
    with _closing(call):
        course = _Course(call)
        while (effect := course.effect) is not None:
            try:
                reply = None
                if type(effect) is Call:
                    args, kwargs = call.arguments()
                    timeout = effect.timeout_seconds
                    due = None if timeout is None else time.monotonic() + timeout
                    async with aclosing(call.function(*args, **kwargs)) as items:
                        step: Callable[[], Awaitable[Any]] = partial(anext, items)
                        while (item := await _stepped(call, step, due)) is not _END:
                            if type(item) is Expired:
                                reply = Expired(cast("float", timeout), item.late)
                                break
                            try:
                                step = partial(items.asend, (yield item))
                            except GeneratorExit:
                                with _inside(call):
                                    await items.aclose()
                                raise
                            except BaseException as error:
                                step = partial(items.athrow, error)
                else:
                    with _inside(call):
                        reply = await _do_async(call, effect)
            except BaseException as error:
                course.fail(call.meaning(error))
            else:
                course.reply(reply)
    result_of(cast("State[Any]", course.state))


def carry_out(call: RunCall) -> State[Any]:
    """Carry out any call from synchronous code, an asynchronous one in an event loop of its own; for task runners."""
    return run_loop(run_async(call)) if call.is_async else run_sync(call)


def begin(call: RunCall) -> State[Any] | None:
    """Carry out what comes before a worker takes the call over: inputs, and what completed before a resumption.

    A final state where the run ends here; None where it is to go on.
    """
    if not (call.policy.prepares or call.policy.recalls):
        return None
    with _inside(call):
        course = _Course(call, rules_before_a_worker)
        while (effect := course.effect) is not None:
            try:
                reply = _do(call, effect)
            except BaseException as error:
                course.fail(call.meaning(error))
            else:
                course.reply(reply)
    return course.state


def enter(call: RunCall, state: State[Any]) -> State[Any]:
    """Put a call into a state that the rules did not lead to, such as the crash of its worker, and call the hooks."""
    with _inside(call):
        return cast("State[Any]", _do(call, Enter(state)))


def result_of(state: State[Any]) -> Any:
    """What a caller gets: the result, or the exception; an interrupt in any case."""
    interrupt(state)
    return state.result()


def interrupt(state: State[Any], *, asked: bool = False) -> None:
    """Go on with what interrupted the run: Ctrl-C, a call to exit, a cancelled asynchronous task, a request to end.

    ``asked`` tells that the caller asked for the state, and gets that of an outermost run which was suspended.
    """
    if state.type is StateType.COMPLETED or not isinstance(state.data, BaseException):
        return
    error = state.data
    if isinstance(error, ExternalSignal):
        raise error.original or error
    if isinstance(error, Pause) and error.outermost and asked:
        return
    if state.type in _FROM_OUTSIDE and not isinstance(error, Exception):
        raise error


_FROM_OUTSIDE = frozenset({StateType.CRASHED, StateType.PAUSED})


def start(call: RunCall, *, return_state: bool) -> Any:
    """Carry out a call in the colour of its function: what ``my_task(…)`` and ``my_flow(…)`` give."""
    if call.is_generator and not return_state:
        return run_async_generator(call) if call.is_async else run_generator(call)
    if call.is_async:
        return _awaited(call, return_state)
    state = run_sync(call)
    interrupt(state, asked=return_state)
    if return_state:
        return state
    if (states := _returned_states(call, state)) is not None:
        return states
    _raise_shortly(state)
    return state.result()


def _returned_states(call: RunCall, state: State[Any]) -> Any:
    """The states that the function returned, where its caller is to look at them by itself; else None.

    Several of them are given to the caller even where they make the run a failed one, and so is the one of a task.
    """
    data = state.data
    if is_state_iterable(data):
        return data
    if call.policy.kind == "Task" and (state.by_hand or isinstance(data, State)):
        return data if isinstance(data, State) else state
    return None


async def _awaited(call: RunCall, return_state: bool) -> Any:
    state = await run_async(call)
    interrupt(state, asked=return_state)
    if return_state:
        return state
    if (states := _returned_states(call, state)) is not None:
        return states
    _raise_shortly(state)
    return await state.aresult()


def _raise_shortly(state: State[Any]) -> None:
    """Raise what ended a run, with the frames of the caller's own functions."""
    if state.type in UNSUCCESSFUL:
        error = state.exception()
        raise error.with_traceback(frames_of(error))


def resume_flow_run(flow: Flow[Any, Any], parameters: dict[str, Any], flow_run: FlowRun) -> State[Any]:
    """Go on with a flow run that another process left: what completed there is not run again.

    ``parameters`` are those that the run began with. Blocks until the run is over, whatever the colour of the flow.
    """
    from strongroom.calls.flow_call import FlowCall

    state = carry_out(FlowCall(flow, parameters, resumed=flow_run))
    interrupt(state, asked=True)
    return state


def replay_flow_run(flow: Flow[Any, Any], parameters: dict[str, Any], replayed: Replayed) -> State[Any]:
    """Run a flow again as it ran before, in this process. Blocks until the run is over, whatever the flow's colour."""
    from strongroom.calls.flow_call import FlowCall

    state = carry_out(FlowCall(flow, parameters, replayed=replayed))
    interrupt(state, asked=True)
    return state


class _inside:  # noqa: N801  a class, for generators cost each task a microsecond more
    """The code in the block is part of the run."""

    __slots__ = ("_call", "_token")

    def __init__(self, call: RunCall) -> None:
        self._call = call

    def __enter__(self) -> None:
        self._token = enter_context(self._call)  # type: ignore[arg-type]

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        leave_context(self._token)


class _closing:  # noqa: N801  likewise
    """The block is all that there is of the run."""

    __slots__ = ("_call",)

    def __init__(self, call: RunCall) -> None:
        self._call = call

    def __enter__(self) -> None:
        if self._call.log_prints:
            from strongroom import prints

            prints.install()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._call.over()


_DEEDS: dict[type, Callable[[RunCall, Any], Any]] = {
    Prepare: lambda call, _: call.prepare(),
    Recall: lambda call, _: call.recall(),
    LookUp: lambda call, _: call.look_up(),
    Gather: lambda call, effect: call.gather(effect.value),
    Abandon: lambda call, effect: call.abandon(effect.interrupt),
    Keep: lambda call, effect: call.keep(effect.state),
    Occupy: lambda call, effect: _slots(call).occupy() if effect.waits else _slots(call).try_occupy(),
    Vacate: lambda call, _: _slots(call).vacate(),
    Undo: lambda call, _: None,
    Settle: lambda call, _: call.settle(),
}
_TRANSACTED = frozenset({LookUp, Keep, Undo})
"""What means more where the call is a transaction."""


def _slots(call: RunCall) -> TagSlots:
    return cast("TagSlots", call.slots)


def _do(call: RunCall, effect: Effect) -> Any:
    kind = type(effect)
    if kind is Enter:
        state = call.enter(cast("Enter", effect).state)
        for hook in call.hooks(state):
            _guarded(call, lambda hook=hook: finished(hook()))  # type: ignore[misc]
        return state
    if kind is Call:
        return _call(call, cast("Call", effect).timeout_seconds)
    if kind is Sleep:
        return sleep(cast("Sleep", effect).seconds)
    if kind is Ask:
        return _guarded(call, lambda: finished(call.condition(cast("Ask", effect).state)()))
    if kind in _TRANSACTED and (call.policy.transacts or call.transaction is not None):
        from strongroom.transactions.steps import carry_out as carry_out_steps

        return carry_out_steps(call.transact(effect))
    return _DEEDS[kind](call, effect)


async def _do_async(call: RunCall, effect: Effect) -> Any:
    kind = type(effect)
    if kind is Enter:
        state = call.enter(cast("Enter", effect).state)
        for hook in call.hooks(state):
            await _guarded_async(call, hook)
        return state
    if kind is Call:
        awaitable = _awaitable(call)
        timeout = cast("Call", effect).timeout_seconds
        return await (awaitable if timeout is None else await_within(timeout, awaitable))
    if kind is Sleep:
        return await asleep(cast("Sleep", effect).seconds)
    if kind is Ask:
        return await _guarded_async(call, call.condition(cast("Ask", effect).state))
    if kind is Occupy and cast("Occupy", effect).waits:
        return await _slots(call).aoccupy()  # a thread that waits would be missing for those that give slots back
    if kind in _TRANSACTED and (call.policy.transacts or call.transaction is not None):
        from strongroom.transactions.steps import acarry_out

        return await acarry_out(call.transact(effect))
    if call.may_block(effect):
        return await asyncio.to_thread(_DEEDS[kind], call, effect)
    return _DEEDS[kind](call, effect)


def _call(call: RunCall, timeout: float | None) -> Any:
    args, kwargs = call.arguments()
    if timeout is None:
        value = call.function(*args, **kwargs)
        return list(value) if type(value) is GeneratorType else value
    return call_within(timeout, lambda: _listed(call.function(*args, **kwargs)))


def _listed(value: Any) -> Any:
    return list(value) if type(value) is GeneratorType else value


def _awaitable(call: RunCall) -> Coroutine[Any, Any, Any]:
    args, kwargs = call.arguments()
    return _listed_async(call.function(*args, **kwargs))


async def _listed_async(value: Any) -> Any:
    if type(value) is AsyncGeneratorType:
        return [item async for item in value]
    value = await value
    if type(value) is AsyncGeneratorType:
        return [item async for item in value]
    return _listed(value)


def _iterate(call: RunCall, effect: Call) -> Generator[Any, Any, Any]:
    """Like ``yield from`` the user's generator, which is part of the run while it works and not while it waits."""
    args, kwargs = call.arguments()
    items = call.function(*args, **kwargs)
    due = None if effect.timeout_seconds is None else time.monotonic() + effect.timeout_seconds
    step: Callable[[], Any] = partial(next, items)
    while True:
        try:
            with _inside(call):
                item = step() if due is None else call_within(max(due - time.monotonic(), 1e-3), step)
        except StopIteration as end:
            return end.value
        if type(item) is Expired:
            with _inside(call):
                items.close()
            return Expired(cast("float", effect.timeout_seconds), item.late)
        try:
            step = partial(items.send, (yield item))
        except GeneratorExit:
            with _inside(call):
                items.close()
            raise
        except BaseException as error:
            step = partial(items.throw, error)


async def _stepped(call: RunCall, step: Callable[[], Awaitable[Any]], due: float | None) -> Any:
    """The user's next item, made as part of the run; ``_END`` after the last, :class:`Expired` where it comes late."""
    with _inside(call):
        try:
            return await (step() if due is None else await_within(max(due - time.monotonic(), 0), step()))
        except StopAsyncIteration:
            return _END


_END = object()


def finished(value: Any) -> Any:
    """What a user's hook gives; of an asynchronous one, once it was awaited."""
    if not inspect.iscoroutine(value):
        return value
    if asyncio._get_running_loop() is None:
        return asyncio.run(value)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, value).result()


def _guarded(call: RunCall, function: Callable[[], Any]) -> Any:
    """What a hook or condition gives. One that raises is logged, and changes nothing else."""
    try:
        return function()
    except Exception:
        call.logger.exception("A hook or condition of this run raised an exception")
        return None


async def _guarded_async(call: RunCall, function: Callable[[], Any]) -> Any:
    try:
        value = function()
        return await value if inspect.isawaitable(value) else value
    except Exception:
        call.logger.exception("A hook or condition of this run raised an exception")
        return None
