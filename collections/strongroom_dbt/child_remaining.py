"""A command of dbt that leaves out what an earlier attempt has done, in the way of ``dbt retry``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def remaining(done: frozenset[str]) -> Iterator[None]:
    """Within the ``with``, commands of this process run their selection without these nodes.

    The queue is made by dbt itself, from the arguments of the command, and narrowed afterwards: what waits for a node
    that is left out waits for those before it.
    """
    if not done:
        yield
        return
    from dbt.task.build import BuildTask
    from dbt.task.runnable import GraphRunnableTask

    whole: dict[Any, Any] = {task: task.__dict__["get_graph_queue"] for task in (GraphRunnableTask, BuildTask)}
    for task, get_graph_queue in whole.items():
        task.get_graph_queue = _narrowed(get_graph_queue, done)
    try:
        yield
    finally:
        for task, get_graph_queue in whole.items():
            task.get_graph_queue = get_graph_queue


def _narrowed(get_graph_queue: Callable[[Any], Any], done: frozenset[str]) -> Callable[[Any], Any]:
    def narrowed(self: Any) -> Any:
        from dbt.graph.queue import GraphQueue

        queue = get_graph_queue(self)
        left = {unique_id for unique_id in queue.get_selected_nodes() if unique_id not in done}
        if hasattr(self, "model_to_unit_test_map"):
            _leave_out_unit_tests(self, done)
        ordered = self.get_run_mode().value != "independent"
        return GraphQueue(self.graph.get_subset_graph(left).graph, self.manifest, left, ordered)

    return narrowed


def _leave_out_unit_tests(task: Any, done: frozenset[str]) -> None:
    task.selected_unit_tests = {test for test in task.selected_unit_tests if test not in done}
    for model, tests in task.model_to_unit_test_map.items():
        task.model_to_unit_test_map[model] = [test for test in tests if getattr(test, "unique_id", test) not in done]
