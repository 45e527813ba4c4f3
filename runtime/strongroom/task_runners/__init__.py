"""What carries out submitted tasks."""

from typing import TYPE_CHECKING, Any

from strongroom.task_runners.runner import TaskRunner as TaskRunner
from strongroom.task_runners.threads import ConcurrentTaskRunner as ConcurrentTaskRunner
from strongroom.task_runners.threads import ThreadPoolTaskRunner as ThreadPoolTaskRunner

if TYPE_CHECKING:
    from strongroom.task_runners.background import PrefectTaskRunner as PrefectTaskRunner
    from strongroom.task_runners.dask import DaskTaskRunner as DaskTaskRunner
    from strongroom.task_runners.dask_clients import get_async_dask_client as get_async_dask_client
    from strongroom.task_runners.dask_clients import get_dask_client as get_dask_client
    from strongroom.task_runners.processes import ProcessPoolTaskRunner as ProcessPoolTaskRunner

_HOME_OF = {
    "DaskTaskRunner": "dask",
    "PrefectTaskRunner": "background",
    "ProcessPoolTaskRunner": "processes",
    "get_async_dask_client": "dask_clients",
    "get_dask_client": "dask_clients",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
