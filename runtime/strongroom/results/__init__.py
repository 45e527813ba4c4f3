"""What tasks and flows returned, kept where later runs and other processes find it: sealed, under keys.

Names are those that Prefect 3 documents under "Results"; each is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.results.local_storage import LocalStorage as LocalStorage
    from strongroom.results.places import aget_default_result_storage as aget_default_result_storage
    from strongroom.results.places import get_default_result_serializer as get_default_result_serializer
    from strongroom.results.places import get_default_result_storage as get_default_result_storage
    from strongroom.results.places import resolve_result_storage as resolve_result_storage
    from strongroom.results.places import resolve_serializer as resolve_serializer
    from strongroom.results.records import Hit as Hit
    from strongroom.results.records import Miss as Miss
    from strongroom.results.records import ResultRecord as ResultRecord
    from strongroom.results.records import ResultRecordMetadata as ResultRecordMetadata
    from strongroom.results.store import DEFAULT_STORAGE_KEY_FN as DEFAULT_STORAGE_KEY_FN
    from strongroom.results.store import ResultStore as ResultStore
    from strongroom.results.store import get_default_persist_setting as get_default_persist_setting
    from strongroom.results.store import get_default_persist_setting_for_tasks as get_default_persist_setting_for_tasks
    from strongroom.results.store import get_result_store as get_result_store
    from strongroom.results.store import result_store as result_store
    from strongroom.results.store import should_persist_result as should_persist_result

_HOMES = {
    "local_storage": ("LocalStorage",),
    "places": (
        "aget_default_result_storage",
        "get_default_result_serializer",
        "get_default_result_storage",
        "resolve_result_storage",
        "resolve_serializer",
    ),
    "records": (
        "Hit",
        "Miss",
        "ResultRecord",
        "ResultRecordMetadata",
    ),
    "store": (
        "DEFAULT_STORAGE_KEY_FN",
        "ResultStore",
        "get_default_persist_setting",
        "get_default_persist_setting_for_tasks",
        "get_result_store",
        "result_store",
        "should_persist_result",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
