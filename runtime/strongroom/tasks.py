"""Tasks: functions whose runs are recorded, retried, cached, timed, and carried out beside each other.

Parameters and their meaning are those that Prefect 3 documents under "Tasks".
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from strongroom import engine
from strongroom.annotations import NotSet, allow_failure, quote, unmapped
from strongroom.cache_policies import (
    DEFAULT as DEFAULT_POLICY,
)
from strongroom.cache_policies import CacheKeyFn, CachePolicy, NoCache
from strongroom.cache_policies import task_input_hash as task_input_hash
from strongroom.calls.task_call import TaskCall
from strongroom.context import FlowRunContext
from strongroom.definitions import Definition, Hook, module_stem
from strongroom.errors import InvalidDefinition, MappingLengthMismatch, MappingMissingIterable
from strongroom.futures import PrefectFuture, PrefectFutureList
from strongroom.retries import Delay, Retries
from strongroom.retries import exponential_backoff as exponential_backoff
from strongroom.rules import Policy
from strongroom.run_names import RunName
from strongroom.states import State, StateType

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom_blocks.capabilities import ObjectStore

    from strongroom.serializers import Serializer

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
RetryCondition = Callable[["Task[..., Any]", Any, State[Any]], Any]


class Task(Definition, Generic[P, R]):
    """A function that runs as a task. Made by :func:`task`, which documents the options."""

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        version: str | None = None,
        cache_policy: CachePolicy | type[NotSet] | None = NotSet,
        cache_key_fn: CacheKeyFn | None = None,
        cache_expiration: timedelta | None = None,
        task_run_name: RunName | None = None,
        retries: int | None = None,
        retry_delay_seconds: Delay | None = None,
        retry_jitter_factor: float | None = None,
        retry_condition_fn: RetryCondition | None = None,
        persist_result: bool | None = None,
        result_storage: ObjectStore | str | Path | None = None,
        result_storage_key: str | Callable[[], str] | None = None,
        result_serializer: Serializer | str | None = None,
        cache_result_in_memory: bool = True,
        timeout_seconds: float | None = None,
        log_prints: bool | None = None,
        refresh_cache: bool | None = None,
        on_completion: Iterable[Hook] | None = None,
        on_failure: Iterable[Hook] | None = None,
        on_running: Iterable[Hook] | None = None,
        on_crashed: Iterable[Hook] | None = None,
        on_cancellation: Iterable[Hook] | None = None,
    ) -> None:
        super().__init__(fn, name, description, version, {
            StateType.COMPLETED: on_completion, StateType.FAILED: on_failure, StateType.RUNNING: on_running,
            StateType.CRASHED: on_crashed, StateType.CANCELLED: on_cancellation,
        })  # fmt: skip
        self.options = dict(
            name=name, description=description, tags=tags, version=version, cache_policy=cache_policy,
            cache_key_fn=cache_key_fn, cache_expiration=cache_expiration, task_run_name=task_run_name, retries=retries,
            retry_delay_seconds=retry_delay_seconds, retry_jitter_factor=retry_jitter_factor,
            retry_condition_fn=retry_condition_fn, persist_result=persist_result, result_storage=result_storage,
            result_storage_key=result_storage_key, result_serializer=result_serializer,
            cache_result_in_memory=cache_result_in_memory, timeout_seconds=timeout_seconds, log_prints=log_prints,
            refresh_cache=refresh_cache,
        )  # fmt: skip
        self.task_key = f"{module_stem(self.fn)}.{getattr(self.fn, '__qualname__', self.name)}"
        self.tags = frozenset((tags,) if isinstance(tags, str) else tags or ())
        self.task_run_name = task_run_name
        self.retries = Retries.of(retries, retry_delay_seconds, retry_jitter_factor)
        self.retry_condition_fn = retry_condition_fn
        self.timeout_seconds = _timeout(timeout_seconds)
        self.log_prints = log_prints
        self.cache_expiration = cache_expiration
        self.refresh_cache = bool(refresh_cache)
        self.cache_result_in_memory = cache_result_in_memory
        self.result_storage = result_storage
        self.result_storage_key = result_storage_key
        self.result_serializer = result_serializer
        self.cache_policy = _cache_policy(self.name, persist_result, cache_policy, cache_key_fn, result_storage_key)
        implied = (
            cache_policy is not NotSet and self.cache_policy is not None and not isinstance(self.cache_policy, NoCache)
        ) or any(each is not None for each in (cache_key_fn, result_storage, result_storage_key, result_serializer))
        self.persist_result = persist_result if persist_result is not None else True if implied else None
        self._plain_policy = Policy("Task", self.retries, self.timeout_seconds, asks=retry_condition_fn is not None)

    def policy(self, prepares: bool, recalls: bool, caches: bool) -> Policy:
        """What the rules have to know of one call."""
        caches = caches and not isinstance(self.cache_policy, NoCache)
        if not (prepares or recalls or caches):
            return self._plain_policy
        plain = self._plain_policy
        return Policy("Task", plain.retries, plain.timeout_seconds, prepares, recalls, caches, plain.asks)

    def with_options(self, **options: Any) -> Task[P, R]:
        """A task of the same function and the same options, but for those given here."""
        unknown = options.keys() - self.options.keys() - _HOOKS.keys()
        if unknown:
            raise InvalidDefinition(f"Tasks have no option {sorted(unknown)[0]!r}.", "See help(strongroom.task).")
        hooks = {name: options.pop(name, self.hooks.get(kind)) for name, kind in _HOOKS.items()}
        other = Task(self.fn, **{**self.options, **options}, **hooks)  # type: ignore[arg-type]
        other._binds, other._bound, other.task_key = self._binds, self._bound, self.task_key
        return other

    if TYPE_CHECKING:

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __call__(
            self: Task[..., Coroutine[Any, Any, T]],
            *args: Any,
            return_state: Literal[True],
            wait_for: Any = ...,
            **kwargs: Any,
        ) -> Coroutine[Any, Any, State[T]]: ...
        @overload
        def __call__(self, *args: Any, return_state: Literal[True], wait_for: Any = ..., **kwargs: Any) -> State[R]: ...
        @overload
        def __call__(self, *args: Any, wait_for: Iterable[Any] | None, **kwargs: Any) -> R: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def __call__(self, *args, return_state=False, wait_for=None, **kwargs):
            """Run the task here and now: what the function returns, or with ``return_state`` the run's final state.

            ``wait_for`` names futures that have to be over first. Raises what the function raises.
            """
            return engine.start(TaskCall(self, self.signature.bind(args, kwargs), wait_for), return_state=return_state)

    if TYPE_CHECKING:

        @overload
        def submit(self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> PrefectFuture[T]: ...
        @overload
        def submit(self: Task[P, T], *args: P.args, **kwargs: P.kwargs) -> PrefectFuture[T]: ...
        @overload
        def submit(
            self: Task[..., Coroutine[Any, Any, T]],
            *args: Any,
            return_state: Literal[True],
            wait_for: Any = ...,
            **kwargs: Any,
        ) -> State[T]: ...
        @overload
        def submit(
            self: Task[..., T], *args: Any, return_state: Literal[True], wait_for: Any = ..., **kwargs: Any
        ) -> State[T]: ...
        @overload
        def submit(
            self: Task[..., Coroutine[Any, Any, T]],
            *args: Any,
            return_state: Literal[False] = ...,
            wait_for: Any = ...,
            **kwargs: Any,
        ) -> PrefectFuture[T]: ...
        @overload
        def submit(
            self: Task[..., T], *args: Any, return_state: Literal[False] = ..., wait_for: Any = ..., **kwargs: Any
        ) -> PrefectFuture[T]: ...
        def submit(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def submit(self, *args, return_state=False, wait_for=None, **kwargs):
            """Run the task beside the calling code, in the flow's task runner: a future, or the final state.

            Futures among the arguments become their results; the run begins when they are over.
            """
            future = _runner().schedule(self.prepare_call(self.signature.bind(args, kwargs), wait_for))
            if return_state:
                future.wait()
                return future.state
            return future

    if TYPE_CHECKING:

        @overload
        def map(
            self: Task[..., Any],
            *args: Any,
            return_state: Literal[True],
            wait_for: Any = ...,
            deferred: bool = ...,
            **kwargs: Any,
        ) -> list[State[Any]]: ...
        @overload
        def map(
            self: Task[..., Coroutine[Any, Any, T]],
            *args: Any,
            return_state: Literal[False] = ...,
            wait_for: Any = ...,
            deferred: bool = ...,
            **kwargs: Any,
        ) -> PrefectFutureList[T]: ...
        @overload
        def map(
            self: Task[..., T],
            *args: Any,
            return_state: Literal[False] = ...,
            wait_for: Any = ...,
            deferred: bool = ...,
            **kwargs: Any,
        ) -> PrefectFutureList[T]: ...
        def map(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def map(self, *args, return_state=False, wait_for=None, **kwargs):
            """Submit the task once for each element of its iterable arguments, which have to be of one length.

            ``unmapped(value)`` and what cannot be iterated over go to every run as a whole; a future is waited for, and
            its result is iterated over. Gives the futures in order, or the final states.
            """
            runner = _runner()
            wait_for = None if wait_for is None else list(wait_for)
            futures = PrefectFutureList(
                runner.schedule(self.prepare_call(values, wait_for))
                for values in self.mapped_parameters(self.signature.bind(args, kwargs))
            )
            if return_state:
                futures.wait()
                return [future.state for future in futures]
            return futures

    def prepare_call(self, parameters: dict[str, Any], wait_for: Iterable[Any] | None) -> TaskCall:
        """A call for a task runner to schedule, recorded as pending."""
        call = TaskCall(self, parameters, wait_for)
        call.submitted()
        return call

    def mapped_parameters(self, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The parameters of each run of a mapped task."""
        return mapped(self.name, parameters)


def mapped(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One set of parameters for each element of those that can be iterated over."""
    whole: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    for key, value in parameters.items():
        if isinstance(value, unmapped):
            whole[key] = value.value
            continue
        mark = value if isinstance(value, allow_failure | quote) else None
        inner = value.value if mark is not None else value
        if isinstance(inner, PrefectFuture):
            inner = inner.result()
        if _iterable(inner):
            each[key] = [item if mark is None else mark.rewrap(item) for item in inner]
        else:
            whole[key] = value
    if not each:
        raise MappingMissingIterable(
            f"No argument of {name}.map can be iterated over: {', '.join(parameters) or 'it takes none'}.",
            "Pass a list, or use .submit for a single run.",
        )
    lengths = {key: len(items) for key, items in each.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise MappingLengthMismatch(
            f"The arguments of {name}.map are of different lengths: {shown}.",
            "Wrap what is no list of inputs in unmapped().",
        )
    count = next(iter(lengths.values()))
    return [{key: each[key][n] if key in each else whole[key] for key in parameters} for n in range(count)]


def _iterable(value: Any) -> bool:
    return (
        not isinstance(value, str | bytes | bytearray)
        and hasattr(type(value), "__iter__")
        and not hasattr(value, "read")
    )


def _runner() -> Any:
    from strongroom.task_runners.shared import shared_runner

    flow = FlowRunContext.get()
    return shared_runner() if flow is None else flow.task_runner


def _timeout(seconds: float | None) -> float | None:
    if seconds is not None and seconds <= 0:
        raise InvalidDefinition(f"timeout_seconds={seconds} lets nothing run.", "Give a positive number, or None.")
    return None if seconds is None else float(seconds)


def _cache_policy(
    name: str, persist: bool | None, policy: Any, key_fn: CacheKeyFn | None, storage_key: Any
) -> CachePolicy | None:
    """The policy that the options amount to; None where ``result_storage_key`` is all there is."""
    if key_fn is not None:
        if policy is not NotSet and policy is not None:
            raise InvalidDefinition(f"The task {name!r} has both a cache_policy and a cache_key_fn.", "Choose one.")
        policy = CachePolicy.from_cache_key_fn(key_fn)
    given = policy is not NotSet and policy is not None and not isinstance(policy, NoCache)
    if persist is False and given:
        raise InvalidDefinition(
            f"The task {name!r} is to be cached, and not to persist its result.", "Leave out persist_result=False."
        )
    if policy is NotSet:
        return None if storage_key is not None else DEFAULT_POLICY
    return NoCache() if policy is None and storage_key is None else cast("CachePolicy | None", policy)


_HOOKS = {
    "on_completion": StateType.COMPLETED,
    "on_failure": StateType.FAILED,
    "on_running": StateType.RUNNING,
    "on_crashed": StateType.CRASHED,
    "on_cancellation": StateType.CANCELLED,
}


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    fn: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] | None = None,
    version: str | None = None,
    cache_policy: CachePolicy | type[NotSet] | None = NotSet,
    cache_key_fn: CacheKeyFn | None = None,
    cache_expiration: timedelta | None = None,
    task_run_name: RunName | None = None,
    retries: int | None = None,
    retry_delay_seconds: Delay | None = None,
    retry_jitter_factor: float | None = None,
    retry_condition_fn: RetryCondition | None = None,
    persist_result: bool | None = None,
    result_storage: ObjectStore | str | Path | None = None,
    result_storage_key: str | Callable[[], str] | None = None,
    result_serializer: Serializer | str | None = None,
    cache_result_in_memory: bool = True,
    timeout_seconds: float | None = None,
    log_prints: bool | None = None,
    refresh_cache: bool | None = None,
    on_completion: Iterable[Hook] | None = None,
    on_failure: Iterable[Hook] | None = None,
    on_running: Iterable[Hook] | None = None,
    on_crashed: Iterable[Hook] | None = None,
    on_cancellation: Iterable[Hook] | None = None,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a task of a function, synchronous or not, a generator or a method: ``@task`` or ``@task(retries=3)``.

    :param name: what people read; the function's name where none is given.
    :param description: what it does; the docstring where none is given.
    :param tags: given to each run, beside those of ``strongroom.tags``.
    :param version: shown, and nothing more.
    :param cache_policy: what makes two runs the same to the cache (:mod:`strongroom.cache_policies`). Caching needs
        results that persist; giving a policy implies that. Where results persist and no policy is given, it is DEFAULT.
    :param cache_key_fn: a function of the context and the inputs that gives the cache key, in place of a policy.
    :param cache_expiration: how long a cached result is good for; for ever where nothing is given.
    :param task_run_name: a template to fill in with the inputs (``"load-{table}"``), or a function that gives the name.
    :param retries: how many times a run that fails is tried again.
    :param retry_delay_seconds: seconds before each retry: a number, a list (the last one goes on), or a function of the
        number of retries that gives a list, such as :func:`exponential_backoff`.
    :param retry_jitter_factor: lengthens each delay by a random part, up to this factor of it.
    :param retry_condition_fn: a function of task, run and state that says whether to try again.
    :param persist_result: whether results are stored; the flow's choice, or the settings', where nothing is given.
    :param result_storage: a block that stores objects, its reference, or a folder.
    :param result_storage_key: the key of the result there, a template: ``"{flow_run.name}/{parameters[day]}"``.
    :param result_serializer: ``"pickle"``, ``"json"``, ``"compressed/pickle"``, ``"compressed/json"``, or one of yours.
    :param cache_result_in_memory: whether the state holds the result; where not, it is read when it is asked for.
    :param timeout_seconds: how long each attempt may take; then it fails as ``TimedOut``.
    :param log_prints: whether what it prints becomes lines of its log.
    :param refresh_cache: run even where the cache has a result, and renew that.
    :param on_completion: functions of task, run and state that are called when a run completes; likewise ``on_failure``,
        ``on_running``, ``on_crashed`` and ``on_cancellation``.
    """
    if fn is None:
        return lambda function: Task(function, **options)
    return Task(fn, **options)


__all__ = [
    "Task",
    "copy",
    "exponential_backoff",
    "task",
    "task_input_hash",
]
