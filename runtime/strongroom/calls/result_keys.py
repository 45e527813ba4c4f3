"""Under which key a result lies: one that a policy computes, one that the user writes out, or the run's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.errors import CacheKeyProblem

if TYPE_CHECKING:
    from strongroom.calls.task_results import TaskResults


def why_not_cached(call: TaskResults) -> str:
    """What forbids to cache a call's result, in the words of the log; empty where nothing does."""
    task = call.task
    if task.uncached and (not call.persist_result or task.persist_result is False):
        return task.uncached
    store = call.result_store()
    if store.disabled:
        return "STRONGROOM_TASKS_DISABLE_CACHING is on"
    if store.wants_policies and task.has_default_policy:
        return "the task has no policy of its own, and STRONGROOM_TASKS_DEFAULT_NO_CACHE is on"
    return ""


def cache_key(call: TaskResults) -> str | None:
    """What identifies a result like this call's; None where nothing is cached.

    Raises :class:`~strongroom.errors.CacheKeyProblem`.
    """
    task, flow = call.task, call.flow_run_context
    if task.result_storage_key is not None and getattr(task.cache_policy, "key_storage", None) is None:
        return storage_key(call)  # where the result lies is where it is looked up
    if task.cache_policy is None:
        return None
    try:
        return task.cache_policy.compute_key(
            task_ctx=call,
            inputs=call.parameters,
            flow_parameters={} if flow is None else flow.parameters,
        )
    except CacheKeyProblem:
        raise
    except Exception as error:
        raise CacheKeyProblem(f"Its cache key cannot be computed: {type(error).__name__}: {error}.") from None


def storage_key(call: TaskResults) -> str:
    """The key that ``result_storage_key`` spells out, else the run's id."""
    template = call.task.result_storage_key
    if template is None:
        return str(call.task_run.id)
    if callable(template):
        return template()
    from strongroom import runtime

    return template.format(flow_run=runtime.flow_run, task_run=runtime.task_run, parameters=call.parameters)
