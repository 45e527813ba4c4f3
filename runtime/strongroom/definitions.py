"""What flows and tasks share before they run: a function with options, which is a method where it stands in a class."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, cast

from strongroom.errors import InvalidDefinition, ReservedArgumentError
from strongroom.retries import Delay, Retries, default_retries
from strongroom.signatures import Signature
from strongroom.states import StateType

if TYPE_CHECKING:
    from strongroom_blocks.capabilities import ObjectStore

    from strongroom.serializers import Serializer

Hook = Callable[..., Any]
H = TypeVar("H", bound=Hook)


class Options(TypedDict, total=False):
    """The options that flows and tasks have in common; :func:`strongroom.task` says what they mean."""

    name: str | None
    description: str | None
    version: str | None
    retries: int | None
    retry_delay_seconds: Delay | None
    timeout_seconds: float | None
    persist_result: bool | None
    result_storage: ObjectStore | str | Path | None
    result_serializer: Serializer | str | None
    cache_result_in_memory: bool
    log_prints: bool | None
    durable: bool | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None
    on_running: Iterable[Hook] | None
    on_crashed: Iterable[Hook] | None
    on_cancellation: Iterable[Hook] | None


HOOKS = {
    "on_completion": StateType.COMPLETED,
    "on_failure": StateType.FAILED,
    "on_running": StateType.RUNNING,
    "on_crashed": StateType.CRASHED,
    "on_cancellation": StateType.CANCELLED,
}


class Definition:
    """A function and its options. ``fn`` is the function itself, to be called without a run."""

    def __init__(self, fn: Any, kind: str, options: Any, known: Any) -> None:
        if unknown := sorted(options.keys() - known.__annotations__.keys()):
            raise _unknown_option(kind, unknown[0], known)
        self._binds = type(fn) if isinstance(fn, classmethod | staticmethod) else None
        plain = fn.__func__ if isinstance(fn, classmethod | staticmethod) else fn
        if not callable(plain):
            raise InvalidDefinition(f"{plain!r:.80} is no function.", "Decorate a function.")
        _check_parameters(plain)
        _check_run_name(options.get(f"{kind}_run_name"), kind)
        self.fn: Callable[..., Any] = plain
        self.function: Callable[..., Any] = plain
        """What a run calls: ``fn``; of a method, bound to its object."""
        self.options: dict[str, Any] = dict(options)
        functools.update_wrapper(cast("Any", self), plain)
        get = options.get
        self.name: str = get("name") or getattr(plain, "__name__", type(plain).__name__).replace("<lambda>", "lambda")
        self.description: str | None = get("description") or inspect.getdoc(plain)
        self.version: str | None = get("version")
        self.timeout_seconds = _positive(get("timeout_seconds"))
        retries, delay = default_retries(kind, get("retries"), get("retry_delay_seconds"))
        self.retry_policy = Retries.of(retries, delay, get("retry_jitter_factor"))
        self.retries: int = self.retry_policy.count
        self.retry_delay_seconds = self.retry_policy.given(delay)
        self.persist_result: bool | None = get("persist_result")
        self.result_storage: ObjectStore | str | Path | None = get("result_storage")
        self.result_serializer: Serializer | str | None = get("result_serializer")
        if isinstance(self.result_serializer, str):
            from strongroom.serializers import resolve

            resolve(self.result_serializer)
        self.cache_result_in_memory: bool = get("cache_result_in_memory", True)
        self.log_prints: bool | None = get("log_prints")
        self.durable: bool | None = get("durable")
        self.isasync = inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)
        self.isgenerator = inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain)
        self.ismethod = False
        self.isclassmethod, self.isstaticmethod = self._binds is classmethod, self._binds is staticmethod
        self._bound = False
        self.hooks: dict[StateType, list[Hook]] = {}
        for name, state in HOOKS.items():
            hooks = get(name) or ()
            if callable(hooks):
                raise InvalidDefinition(f"{name} of {self.name!r} is a single function.", "Give a list.")
            for function in hooks:
                self._hook(state, function)

    def __setattr__(self, name: str, value: Any) -> None:
        """A test that puts another function in the place of ``fn`` has runs call it, with the inputs of the own one."""
        if name == "fn" and "function" in self.__dict__ and not self._bound:
            for kept in ("signature", "validator"):
                getattr(self, kept, None)
            self.function = value
        object.__setattr__(self, name, value)

    def changed(self, options: Any) -> Any:
        """All options with some changed; hooks that decorators added are kept."""
        hooks = {name: self.hooks[state] for name, state in HOOKS.items() if state in self.hooks}
        given = {name: value for name, value in options.items() if value is not None or name in _MAY_BE_NONE}
        return {**self.options, **hooks, **given}

    def _hook(self, kind: StateType, function: H) -> H:
        if not callable(function):
            raise InvalidDefinition(
                f"The hook {function!r:.80} of {self.name!r} is no function.", "Give a list of them."
            )
        self.hooks.setdefault(kind, []).append(function)
        return function

    def on_completion(self, fn: H) -> H:
        """Decorates a function that is called with the definition, the run and the state when a run completes."""
        return self._hook(StateType.COMPLETED, fn)

    def on_failure(self, fn: H) -> H:
        """Decorates a function that is called when a run fails, once no retries are left."""
        return self._hook(StateType.FAILED, fn)

    def on_running(self, fn: H) -> H:
        """Decorates a function that is called before each attempt of a run."""
        return self._hook(StateType.RUNNING, fn)

    def on_crashed(self, fn: H) -> H:
        """Decorates a function that is called when something other than its own code ends a run."""
        return self._hook(StateType.CRASHED, fn)

    def on_cancellation(self, fn: H) -> H:
        """Decorates a function that is called when a run is cancelled."""
        return self._hook(StateType.CANCELLED, fn)

    @property
    def on_completion_hooks(self) -> list[Hook]:
        """The functions that are called when a run completes; what is appended here is called too."""
        return self.hooks.setdefault(StateType.COMPLETED, [])

    @property
    def on_failure_hooks(self) -> list[Hook]:
        """Likewise, when a run fails."""
        return self.hooks.setdefault(StateType.FAILED, [])

    @property
    def on_running_hooks(self) -> list[Hook]:
        """Likewise, before each attempt of a run."""
        return self.hooks.setdefault(StateType.RUNNING, [])

    @property
    def on_crashed_hooks(self) -> list[Hook]:
        """Likewise, when something other than its own code ends a run."""
        return self.hooks.setdefault(StateType.CRASHED, [])

    @property
    def on_cancellation_hooks(self) -> list[Hook]:
        """Likewise, when a run is cancelled."""
        return self.hooks.setdefault(StateType.CANCELLED, [])

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function takes; of a method, without its first argument."""
        return Signature(self.function)

    @functools.cached_property
    def source_hash(self) -> str:
        """A hash of the function's own lines of code, or of its byte code where those cannot be had."""
        plain = inspect.unwrap(self.fn)
        plain = getattr(plain, "__func__", plain)
        try:
            text = inspect.getsource(plain).encode()
        except (OSError, TypeError):
            code = getattr(plain, "__code__", None)
            text = repr(plain).encode() if code is None else code.co_code + repr(code.co_consts).encode()
        return hashlib.sha256(text).hexdigest()

    @property
    def file(self) -> Path | None:
        """The file that the function stands in."""
        try:
            found = inspect.getsourcefile(inspect.unwrap(self.fn))
        except TypeError:
            return None
        return None if found is None else Path(found).absolute()

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        if self._bound or self._binds is staticmethod:
            return self
        target = owner if self._binds is classmethod else instance
        if target is None:
            return self
        bound = copy.copy(self)
        bound.__dict__.pop("signature", None)
        bound.__dict__.pop("validator", None)
        bound.function = MethodType(self.fn, target)
        bound._bound = bound.ismethod = True
        return bound

    def _bind_like(self, other: Definition) -> None:
        self.function, self._binds, self._bound = other.function, other._binds, other._bound

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name!r}>"


_MAY_BE_NONE = frozenset({
    "cache_policy", "flow_run_name", "log_prints", "persist_result", "refresh_cache", "result_serializer",
    "result_storage", "result_storage_key", "retries", "retry_condition_fn", "retry_delay_seconds",
    "retry_jitter_factor", "task_run_name", "viz_return_value",
})  # fmt: skip
"""Options whose None means something in ``with_options``; of the others it means "as before"."""


def _unknown_option(kind: str, name: str, known: Any) -> InvalidDefinition:
    from difflib import get_close_matches

    near = get_close_matches(name, known.__annotations__, n=1)
    remedy = f"Did you mean {near[0]!r}?" if near else f"help(strongroom.{kind}) names them."
    return InvalidDefinition(f"A {kind} has no option {name!r}.", remedy)


_RESERVED = ("return_state", "wait_for")


def _check_parameters(function: Callable[..., Any]) -> None:
    code = getattr(function, "__code__", None)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code is not None else ()
    for name in _RESERVED:
        if name in names:
            raise ReservedArgumentError(
                f"{function.__qualname__} has a parameter {name!r}, which calls of flows and tasks have already.",
                "Give it another name.",
            )


def _check_run_name(name: Any, kind: str) -> None:
    if name is not None and not isinstance(name, str) and not callable(name):
        raise InvalidDefinition(
            f"{kind}_run_name is {type(name).__name__}.", "Use a string, or a function that gives one."
        )


def module_stem(function: Callable[..., Any]) -> str:
    """The last part of the module's name; the file's name for a script, whether it is run, loaded or imported."""
    module = getattr(function, "__module__", None) or ""
    if module.startswith("__"):
        try:
            return Path(inspect.getfile(function)).stem
        except (TypeError, OSError):
            return module
    return module.rpartition(".")[2]


def _positive(seconds: float | None) -> float | None:
    if seconds is not None and seconds <= 0:
        raise InvalidDefinition(f"timeout_seconds={seconds} lets nothing run.", "Give a positive number, or None.")
    return None if seconds is None else float(seconds)
