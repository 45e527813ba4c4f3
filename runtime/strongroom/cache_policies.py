"""What makes two task runs the same to the cache: recipes for cache keys, which add up and can leave inputs out.

``DEFAULT`` is ``INPUTS + TASK_SOURCE + RUN_ID``. ``A + B`` changes its key where either does; ``INPUTS - "debug"``
does not look at the input ``debug``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.fingerprints import hash_objects

if TYPE_CHECKING:
    from strongroom.context import TaskRunContext

CacheKeyFn = Callable[["TaskRunContext", dict[str, Any]], str | None]


class CachePolicy:
    """A recipe for cache keys. Subclass it and write :meth:`compute_key` for one of your own."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """The key of a call; None for "do not cache". Raises :class:`~strongroom.errors.CacheKeyProblem`."""
        raise NotImplementedError

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: CacheKeyFn) -> CachePolicy:
        """A policy whose keys a function makes of the task's context and its inputs."""
        return CacheKeyFnPolicy(cache_key_fn)

    def __add__(self, other: CachePolicy) -> CachePolicy:
        if isinstance(other, NoCache):
            return self
        return CompoundCachePolicy((*_parts(self), *(part for part in _parts(other) if part not in _parts(self))))

    def __sub__(self, other: str) -> CachePolicy:
        return self


def _parts(policy: CachePolicy) -> tuple[CachePolicy, ...]:
    return policy.policies if isinstance(policy, CompoundCachePolicy) else (policy,)


@dataclass(frozen=True)
class Inputs(CachePolicy):
    """The same while the inputs are, but for those in ``exclude``."""

    exclude: frozenset[str] = frozenset()

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return hash_objects({name: value for name, value in inputs.items() if name not in self.exclude})

    def __sub__(self, other: str) -> CachePolicy:
        if not isinstance(other, str):
            raise TypeError(f"The name of an input can be left out, not {type(other).__name__}.")
        return Inputs(self.exclude | {other})


@dataclass(frozen=True)
class TaskSource(CachePolicy):
    """The same while the task's own lines of code are; functions that it calls are not looked at."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return task_ctx.task.source_hash


@dataclass(frozen=True)
class FlowParameters(CachePolicy):
    """The same while the parameters of the surrounding flow run are; no caching outside of flows."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return hash_objects(flow_parameters) if task_ctx.flow_run_context is not None else None


@dataclass(frozen=True)
class RunId(CachePolicy):
    """The same within one flow run, or within one task run where the task runs outside of flows."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return str(task_ctx.flow_run_id or task_ctx.task_run_id)


@dataclass(frozen=True)
class CacheKeyFnPolicy(CachePolicy):
    """The same while a function says so."""

    cache_key_fn: CacheKeyFn

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return self.cache_key_fn(task_ctx, inputs)


@dataclass(frozen=True)
class NoCache(CachePolicy):
    """Never the same: nothing is cached."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return None

    def __add__(self, other: CachePolicy) -> CachePolicy:
        return other


@dataclass(frozen=True)
class CompoundCachePolicy(CachePolicy):
    """The same while all of its parts say so; a part without an opinion is passed over."""

    policies: tuple[CachePolicy, ...] = ()

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        keys = [policy.compute_key(task_ctx, inputs, flow_parameters, **kwargs) for policy in self.policies]
        known = [key for key in keys if key is not None]
        return hash_objects(*known) if known else None

    def __sub__(self, other: str) -> CachePolicy:
        return CompoundCachePolicy(tuple(policy - other for policy in self.policies))


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
