"""Tasks: functions whose runs are recorded, retried, cached, timed, and carried out beside each other.

Parameters and their meaning are those that Prefect 3 documents under "Tasks".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, Unpack, overload

from strongroom import engine, sketching
from strongroom.annotations import NotSet
from strongroom.cache_policies import DEFAULT, NO_CACHE, CacheKeyFn, CachePolicy, NoCache
from strongroom.cache_policies import task_input_hash as task_input_hash
from strongroom.calls.task_call import TaskCall
from strongroom.calls.task_results import serializes
from strongroom.context import FlowRunContext
from strongroom.deferrable import Deferrable
from strongroom.definitions import Definition, Options, module_stem
from strongroom.errors import InvalidDefinition
from strongroom.futures import PrefectFuture, PrefectFutureList
from strongroom.mapping import mapped
from strongroom.retries import exponential_backoff as exponential_backoff
from strongroom.rules import Policy
from strongroom.run_names import RunName
from strongroom.states import State

if TYPE_CHECKING:
    from strongroom.transactions import Transaction

_log = logging.getLogger(__name__)
MAPPING_PATIENCE_SECONDS = 1.0
"""How long ``map`` waits altogether for runs that do not get on, before it goes on beyond the runner's bound."""
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
TransactionHook = Callable[["Transaction"], Any]
H = TypeVar("H", bound=TransactionHook)
RetryCondition = Callable[["Task[..., Any]", Any, State[Any]], Any]


class TaskOptions(Options, total=False):
    """The options of tasks, beside those that flows have too."""

    tags: Iterable[str] | None
    cache_policy: CachePolicy | type[NotSet] | None
    cache_key_fn: CacheKeyFn | None
    cache_expiration: timedelta | None
    task_run_name: RunName | None
    retry_jitter_factor: float | None
    retry_condition_fn: RetryCondition | None
    result_storage_key: str | Callable[[], str] | None
    refresh_cache: bool | None
    viz_return_value: Any
    asset_deps: Iterable[Any] | None
    on_commit: Iterable[TransactionHook] | None
    on_rollback: Iterable[TransactionHook] | None


class Task(Deferrable, Definition, Generic[P, R]):
    """A function that runs as a task. Made by :func:`task`, which documents the options."""

    def __init__(self, fn: Callable[P, R], **options: Unpack[TaskOptions]) -> None:
        super().__init__(fn, "task", options, TaskOptions)
        tags = options.get("tags") or ()
        self.task_key = f"{module_stem(self.fn)}.{getattr(self.fn, '__qualname__', self.name)}"
        self.tags = frozenset((tags,) if isinstance(tags, str) else tags)
        self.task_run_name = options.get("task_run_name")
        self.retry_jitter_factor = options.get("retry_jitter_factor")
        self.retry_condition_fn = options.get("retry_condition_fn")
        if self.retry_condition_fn is not None and not callable(self.retry_condition_fn):
            raise InvalidDefinition(f"The retry_condition_fn of {self.name!r} is no function.", "Give a function.")
        self.cache_key_fn = options.get("cache_key_fn")
        self.cache_expiration = options.get("cache_expiration")
        self.refresh_cache = options.get("refresh_cache")
        self.on_commit_hooks = _transaction_hooks(self.name, "on_commit", options.get("on_commit"))
        self.on_rollback_hooks = _transaction_hooks(self.name, "on_rollback", options.get("on_rollback"))
        self.viz_return_value = options.get("viz_return_value")
        self.asset_deps = list(options.get("asset_deps") or ())
        if self.asset_deps:
            from strongroom.assets.lineage import watch

            watch(self)
        self.result_storage_key = options.get("result_storage_key")
        self.cache_policy = _cache_policy(self.name, options)
        self.uncached = _why_uncached(options)
        self.has_default_policy = options.get("cache_policy", NotSet) is NotSet and options.get("cache_key_fn") is None
        self.takes_turns = serializes(self.cache_policy)
        if options.get("persist_result") is None and _persists(self.cache_policy, options):
            self.persist_result = True
        self._plain_policy = Policy(
            "Task", self.retry_policy, self.timeout_seconds, asks=self.retry_condition_fn is not None
        )

    def policy(
        self,
        prepares: bool,
        recalls: bool,
        caches: bool,
        occupies: bool = False,
        transacts: bool = False,
        durable: bool = False,
    ) -> Policy:
        """What the rules have to know of one call."""
        caches = (caches and not isinstance(self.cache_policy, NoCache)) or self.uncached != ""
        transacts = transacts or self.has_transaction_hooks or (caches and self.takes_turns)
        if not (prepares or recalls or caches or occupies or transacts or durable):
            return self._plain_policy
        plain = self._plain_policy
        attempts = (plain.retries, plain.timeout_seconds)
        return Policy("Task", *attempts, prepares, recalls, caches, plain.asks, False, transacts, occupies, durable)

    @property
    def has_transaction_hooks(self) -> bool:
        """Whether something is called when its runs are committed or rolled back."""
        return bool(self.on_commit_hooks or self.on_rollback_hooks)

    def on_commit(self, fn: H) -> H:
        """Decorates a function that is called with the transaction of a run when that is committed."""
        self.on_commit_hooks.append(_transaction_hook(self.name, "on_commit", fn))
        return fn

    def on_rollback(self, fn: H) -> H:
        """Decorates a function that is called with the transaction of a run when that is rolled back."""
        self.on_rollback_hooks.append(_transaction_hook(self.name, "on_rollback", fn))
        return fn

    def changed(self, options: Any) -> Any:
        """All options with some changed; hooks that decorators added are kept."""
        changed: dict[str, Any] = super().changed(options)
        for name, hooks in (("on_commit", self.on_commit_hooks), ("on_rollback", self.on_rollback_hooks)):
            if hooks and options.get(name) is None:
                changed[name] = list(hooks)
        return changed

    def with_options(self, **options: Unpack[TaskOptions]) -> Task[P, R]:
        """A task of the same function and the same options, but for those given here."""
        other: Task[P, R] = Task(self.fn, **self.changed(options))
        other._bind_like(self)
        other.task_key = self.task_key
        return other

    if TYPE_CHECKING:

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> Any: ...
        @overload
        def __call__(self, *args: Any, wait_for: Iterable[Any] | None, **kwargs: Any) -> R: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def __call__(self, /, *args, return_state=False, wait_for=None, **kwargs):
            """Run the task here and now: what the function returns, or with ``return_state`` the run's final state.

            ``wait_for`` names futures that have to be over first. Raises what the function raises; a state that it
            returns is the caller's to look at.
            """
            if sketching.going_on and (sketch := sketching.current.get()) is not None:
                return sketch.called(self, self.signature.bind(args, kwargs), wait_for, return_state)
            return engine.start(TaskCall(self, self.signature.bind(args, kwargs), wait_for), return_state=return_state)

    if TYPE_CHECKING:

        @overload
        def submit(  # type: ignore[overload-overlap]
            self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
        ) -> PrefectFuture[T]: ...
        @overload
        def submit(self: Task[P, T], *args: P.args, **kwargs: P.kwargs) -> PrefectFuture[T]: ...
        @overload
        def submit(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[Any]: ...
        @overload
        def submit(self, *args: Any, **kwargs: Any) -> PrefectFuture[Any]: ...
        def submit(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def submit(self, /, *args, return_state=False, wait_for=None, **kwargs):
            """Run the task beside the calling code, in the flow's task runner: a future, or the final state.

            Futures among the arguments become their results; the run begins when they are over.
            """
            if sketching.going_on and (sketch := sketching.current.get()) is not None:
                return sketch.submitted(self, self.signature.bind(args, kwargs), wait_for, return_state)
            future = _schedule(_runner(), self.prepare_call(self.signature.bind(args, kwargs), wait_for))
            if return_state:
                future.wait()
                return future.state
            return future

    if TYPE_CHECKING:

        @overload
        def map(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> list[State[Any]]: ...
        @overload
        def map(self: Task[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> PrefectFutureList[T]: ...
        @overload
        def map(self: Task[..., T], *args: Any, **kwargs: Any) -> PrefectFutureList[T]: ...
        def map(self, *args: Any, **kwargs: Any) -> Any: ...
    else:

        def map(self, /, *args, return_state=False, wait_for=None, deferred=False, **kwargs):
            """Submit the task once for each element of its iterable arguments, which have to be of one length.

            ``unmapped(value)`` and what cannot be iterated over go to every run as a whole; a future is waited for, and
            its result is iterated over. Gives the futures in order, or the final states. ``deferred`` leaves the runs
            to the processes that serve the task, as ``delay`` does.
            """
            wait_for = None if wait_for is None else list(wait_for)
            parameters = self.signature.bind(args, kwargs)
            defaults = self.signature.left_out(args, kwargs)
            if sketching.going_on and (sketch := sketching.current.get()) is not None:
                return sketch.mapped(self, parameters, defaults, wait_for, return_state)
            if deferred:
                return self.map_async(parameters, defaults, wait_for)
            runner = _runner()
            futures = PrefectFutureList()
            patience = MAPPING_PATIENCE_SECONDS
            for values in self.mapped_parameters(parameters, defaults):
                futures.append(_schedule(runner, self.prepare_call(values, wait_for)))
                patience = runner.relieve(patience)
            if return_state:
                futures.wait()
                return [future.state for future in futures]
            return futures

    def prepare_call(self, parameters: dict[str, Any], wait_for: Iterable[Any] | None) -> TaskCall:
        """A call for a task runner to schedule, recorded as pending."""
        call = TaskCall(self, parameters, wait_for)
        call.submitted()
        return call

    def mapped_parameters(
        self, parameters: Mapping[str, Any], defaults: Collection[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """The parameters of each run of a mapped task; ``defaults`` are those that nobody gave."""
        return mapped(self.name, parameters, defaults, self.signature.rest)


def _runner() -> Any:
    from strongroom.task_runners.shared import shared_runner

    flow = FlowRunContext.get()
    return shared_runner() if flow is None else flow.task_runner


def _schedule(runner: Any, call: TaskCall) -> PrefectFuture[Any]:
    """Submit the call; a transaction around it waits for it."""
    around = call.scope
    future: PrefectFuture[Any] = runner.schedule(call)
    if around is not None:
        around.expect(call, future)
    return future


def _transaction_hooks(task: str, name: str, hooks: Any) -> list[TransactionHook]:
    if callable(hooks):
        raise InvalidDefinition(f"{name} of {task!r} is a single function.", "Give a list.")
    return [_transaction_hook(task, name, hook) for hook in hooks or ()]


def _transaction_hook(task: str, name: str, hook: Any) -> Any:
    if not callable(hook):
        raise InvalidDefinition(f"The {name} hook {hook!r:.80} of {task!r} is no function.", "Give a list of them.")
    return hook


def _why_uncached(options: TaskOptions) -> str:
    """What to say of a run whose result does not persist, where the options speak of a cache; else nothing."""
    wanted = isinstance(options.get("cache_policy"), CachePolicy) and not isinstance(options["cache_policy"], NoCache)
    if options.get("persist_result") is False and (wanted or options.get("cache_key_fn") is not None):
        return "persistence is off (persist_result=False)"
    if options.get("persist_result") is None and (options.get("cache_expiration") or options.get("refresh_cache")):
        return "persistence is off (give a cache_policy, or persist_result=True)"
    return ""


def _cache_policy(name: str, options: TaskOptions) -> CachePolicy | None:
    """The policy that the options amount to; None where ``result_storage_key`` is all there is."""
    policy, key_fn = options.get("cache_policy", NotSet), options.get("cache_key_fn")
    if key_fn is not None:
        if isinstance(policy, CachePolicy):
            _log.warning("The task %r has a cache_policy and a cache_key_fn: the function is used.", name)
        policy = CachePolicy.from_cache_key_fn(key_fn)
    if isinstance(policy, CachePolicy):
        if options.get("result_storage_key") is not None and policy.key_storage is None and policy != NO_CACHE:
            _log.warning("The task %r has a result_storage_key: that is its cache key, and no policy's.", name)
        if options.get("persist_result") is False and not isinstance(policy, NoCache):
            _log.warning("The task %r is not cached: it has persist_result=False.", name)
            return NO_CACHE
        return policy
    if options.get("result_storage_key") is not None:
        return None
    return NO_CACHE if policy is None else DEFAULT


def _persists(policy: CachePolicy | None, options: TaskOptions) -> bool:
    """Whether the options make sense only where the result persists."""
    if any(options.get(name) is not None for name in ("result_storage", "result_storage_key", "result_serializer")):
        return True
    given = options.get("cache_policy", NotSet) is not NotSet or options.get("cache_key_fn") is not None
    return given and not isinstance(policy, NoCache)


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(fn: None = None, /, **options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
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
    :param durable: whether a completed run is on the disk before its caller goes on, so that it is not run again after
        a kill; the flow's choice where nothing is given. It costs a write, a millisecond or more, for each run.
    :param viz_return_value: what a call gives in ``flow.visualize()``, where nothing runs.
    :param asset_deps: assets (:mod:`strongroom.assets`), or their keys, that what the task makes is made of.
    :param refresh_cache: run even where the cache has a result, and renew that.
    :param on_commit: functions of the run's transaction that are called when it is committed: at once where no other
        transaction is around it (:mod:`strongroom.transactions`); likewise ``on_rollback``, when it is undone.
    :param on_completion: functions of task, run and state that are called when a run completes; likewise
        ``on_failure``, ``on_running``, ``on_crashed`` and ``on_cancellation``.
    """
    if fn is None:
        return lambda function: Task(function, **options)
    return Task(fn, **options)


def __getattr__(name: str) -> Any:
    if name != "MaterializingTask":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from strongroom.assets import MaterializingTask

    return MaterializingTask
