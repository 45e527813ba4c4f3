"""What makes two task runs the same to the cache: recipes for cache keys, which add up and can leave inputs out.

``DEFAULT`` is ``INPUTS + TASK_SOURCE + RUN_ID``. ``A + B`` changes its key where either does; ``INPUTS - "debug"``
does not look at the input ``debug``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from strongroom.errors import CacheKeyProblem
from strongroom.fingerprints import hash_objects

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom_blocks.capabilities import ObjectStore

    from strongroom.context import TaskRunContext
    from strongroom.locking.isolation import IsolationLevel
    from strongroom.locking.protocol import LockManager

CacheKeyFn = Callable[["TaskRunContext", dict[str, Any]], str | None]


class CachePolicy:
    """A recipe for cache keys. Subclass it and write :meth:`compute_key` for one of your own.

    ``key_storage`` (a folder, or a block that stores objects) keeps the cache's records apart from the results;
    ``isolation_level`` says whether several runs with one key may work at once, ``lock_manager`` how they take turns.
    """

    key_storage: ObjectStore | str | Path | None = None
    isolation_level: IsolationLevel | None = None
    lock_manager: LockManager | None = None

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """The key of a call; None for "do not cache". Raises :class:`~strongroom.errors.CacheKeyProblem`."""
        raise NotImplementedError

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: CacheKeyFn) -> CacheKeyFnPolicy:
        """A policy whose keys a function makes of the task's context and its inputs."""
        return CacheKeyFnPolicy(cache_key_fn)

    def configure(
        self,
        key_storage: ObjectStore | str | Path | None = None,
        lock_manager: LockManager | None = None,
        isolation_level: IsolationLevel | str | None = None,
    ) -> Self:
        """A policy of the same keys that keeps or guards them otherwise; what is not given stays as it is.

        ``SERIALIZABLE`` without a lock manager takes the locks of the ledger, which hold among processes.
        """
        from strongroom.locking.isolation import IsolationLevel

        level = None if isolation_level is None else IsolationLevel(isolation_level)
        changed = copy.copy(self)
        _configure(changed, key_storage, lock_manager, level)
        return changed

    def __add__(self, other: CachePolicy | CacheKeyFn) -> CachePolicy:
        added = _policy(other)
        if added is None:
            return NotImplemented
        if isinstance(added, NoCache):
            return self
        parts = _parts(self)
        return _joined((*parts, *(part for part in _parts(added) if part not in parts)), (self, added))

    def __radd__(self, other: CacheKeyFn) -> CachePolicy:
        added = _policy(other)
        return NotImplemented if added is None else added + self

    def __sub__(self, other: str) -> CachePolicy:
        """The same, and all inputs count but for the one of this name."""
        return _joined((*_parts(self), Inputs(frozenset((_input_name(other),)))), (self,))


def _configure(policy: CachePolicy, key_storage: Any, lock_manager: Any, isolation_level: Any) -> None:
    given = {"key_storage": key_storage, "lock_manager": lock_manager, "isolation_level": isolation_level}
    for name, value in given.items():
        if value is not None:
            object.__setattr__(policy, name, value)  # some policies are frozen


def _policy(other: object) -> CachePolicy | None:
    if isinstance(other, CachePolicy):
        return other
    return CacheKeyFnPolicy(other) if callable(other) else None


def _parts(policy: CachePolicy) -> tuple[CachePolicy, ...]:
    return policy.policies if isinstance(policy, CompoundCachePolicy) else (policy,)


def _joined(parts: Iterable[CachePolicy], sources: Iterable[CachePolicy]) -> CompoundCachePolicy:
    """One policy of ``parts``, configured like ``sources``, which may not disagree."""
    joined = CompoundCachePolicy(tuple(parts))
    for name in ("key_storage", "lock_manager", "isolation_level"):
        found: Any = None
        for value in (getattr(source, name) for source in sources):
            if found is not None and value is not None and value != found:
                raise ValueError(f"The policies to add differ in their {name}. Configure their sum instead.")
            found = value if found is None else found
        if found is not None:
            object.__setattr__(joined, name, found)
    return joined


def _input_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"The name of an input can be left out, not {type(name).__name__}.")
    return name


def _noted(task_ctx: TaskRunContext, what: str, value: str | None) -> None:
    """Remember what a key is made of, so that the log can say why the next one is another."""
    parts = getattr(task_ctx, "key_parts", None)
    if parts is not None and value is not None:
        parts[what] = value


@dataclass(frozen=True)
class Inputs(CachePolicy):
    """The same while the inputs are, but for those in ``exclude``."""

    exclude: frozenset[str] = frozenset()

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        digests = {}
        for name, value in inputs.items():
            if name not in self.exclude:
                digests[name] = _hash_of_input(name, value)
                _noted(task_ctx, f"the input {name!r}", digests[name])
        return hash_objects(digests)

    def __sub__(self, other: str) -> CachePolicy:
        changed = Inputs(frozenset((*self.exclude, _input_name(other))))
        _configure(changed, self.key_storage, self.lock_manager, self.isolation_level)
        return changed


def _hash_of_input(name: str, value: Any) -> str:
    try:
        return hash_objects(value)
    except CacheKeyProblem as error:
        raise CacheKeyProblem(
            f"the input {name!r} cannot be hashed ({error.problem.rstrip('.')})", error.remedy
        ) from None


@dataclass(frozen=True)
class TaskSource(CachePolicy):
    """The same while the task's own lines of code are; functions that it calls are not looked at."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        _noted(task_ctx, "the code", task_ctx.task.source_hash)
        return task_ctx.task.source_hash


@dataclass(frozen=True)
class FlowParameters(CachePolicy):
    """The same while the parameters of the surrounding flow run are; no caching outside of flows."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        if task_ctx.flow_run_context is None:
            return None
        key = hash_objects(flow_parameters)
        _noted(task_ctx, "the flow's parameters", key)
        return key


@dataclass(frozen=True)
class RunId(CachePolicy):
    """The same within one flow run, or within one task run where the task runs outside of flows."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        key = str(task_ctx.flow_run_id or task_ctx.task_run_id)
        _noted(task_ctx, "the run", key)
        return key


@dataclass(frozen=True)
class CacheKeyFnPolicy(CachePolicy):
    """The same while a function says so."""

    cache_key_fn: CacheKeyFn

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        key = self.cache_key_fn(task_ctx, inputs)
        _noted(task_ctx, "the key of the cache_key_fn", None if key is None else hash_objects(key))
        return key


@dataclass(frozen=True)
class NoCache(CachePolicy):
    """Never the same: nothing is cached."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return None

    def __add__(self, other: CachePolicy | CacheKeyFn) -> CachePolicy:
        added = _policy(other)
        return NotImplemented if added is None else added

    def __sub__(self, other: str) -> CachePolicy:
        _input_name(other)
        return self


_None = NoCache
"""What Prefect calls it."""


@dataclass(frozen=True)
class CompoundCachePolicy(CachePolicy):
    """The same while all of its parts say so; a part without an opinion is passed over."""

    policies: tuple[CachePolicy, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(self.policies))

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        keys = [policy.compute_key(task_ctx, inputs, flow_parameters, **kwargs) for policy in self.policies]
        known = [key for key in keys if key is not None]
        return hash_objects(*known) if known else None

    def __sub__(self, other: str) -> CachePolicy:
        _input_name(other)
        parts = tuple(part - other if isinstance(part, Inputs) else part for part in self.policies)
        if not any(isinstance(part, Inputs) for part in parts):
            parts = (*parts, Inputs(frozenset((other,))))
        return _joined(parts, (self,))


INPUTS = Inputs()
TASK_SOURCE = TaskSource()
FLOW_PARAMETERS = FlowParameters()
RUN_ID = RunId()
NO_CACHE = NONE = NoCache()
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID


def task_input_hash(context: TaskRunContext, arguments: dict[str, Any]) -> str | None:
    """A ready-made ``cache_key_fn``: the same task, the same code, the same inputs.

    Raises :class:`~strongroom.errors.CacheKeyProblem` for inputs that cannot be hashed; the task then runs uncached.
    """
    return hash_objects(context.task.task_key, context.task.source_hash, arguments)
