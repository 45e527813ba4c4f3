"""What flows and tasks share before they run: a function with options, that is also a method where it stands in a class."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MethodType
from typing import Any, Self, TypeVar

from strongroom.errors import InvalidDefinition
from strongroom.signatures import Signature
from strongroom.states import StateType

Hook = Callable[..., Any]
H = TypeVar("H", bound=Hook)


class Definition:
    """A function and what is known about it. ``fn`` is the function itself, to be called without a run."""

    fn: Callable[..., Any]
    name: str
    description: str | None
    version: str | None

    def __init__(
        self,
        fn: Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any],
        name: str | None,
        description: str | None,
        version: str | None,
        hooks: dict[StateType, Iterable[Hook] | None],
    ) -> None:
        self._binds: type | None = type(fn) if isinstance(fn, classmethod | staticmethod) else None
        plain: Any = fn.__func__ if isinstance(fn, classmethod | staticmethod) else fn
        if not callable(plain):
            raise InvalidDefinition(f"{plain!r:.80} is no function.", "Decorate a function.")
        self.fn = plain
        functools.update_wrapper(self, plain)
        self.name = name or getattr(plain, "__name__", type(plain).__name__).replace("<lambda>", "lambda")
        self.description = description if description is not None else inspect.getdoc(plain)
        self.version = version
        self.isasync = inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)
        self.isgenerator = inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain)
        self._bound = False
        self.hooks: dict[StateType, list[Hook]] = {}
        for kind, functions in hooks.items():
            for function in functions or ():
                self._hook(kind, function)

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

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function takes; of a method, without its first argument."""
        return Signature(self.fn)

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
        bound.fn = MethodType(self.fn, target)
        bound._bound = True
        return bound

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name!r}>"


def module_stem(function: Callable[..., Any]) -> str:
    """The last part of the module's name; the file's name for a script, whether it is run or imported."""
    module = getattr(function, "__module__", None) or ""
    if module == "__main__":
        try:
            return Path(inspect.getfile(function)).stem
        except (TypeError, OSError):
            return module
    return module.rpartition(".")[2]
