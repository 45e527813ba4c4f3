"""What tasks and flows returned, kept where later runs and other processes find it.

Names and parameters are those that Prefect 3 documents under "Results"::

    store = ResultStore(result_storage=LocalFolder(basepath="results"))
    store.write({"answer": 42}, key="my-result")
    store.read("my-result").result
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from strongroom_blocks.twins import async_twin

from strongroom.errors import CorruptResult, MissingResult, ResultProblem
from strongroom.journal.records import StoredResult, now
from strongroom.results.locks import ResultLocks
from strongroom.results.places import (
    configured,
    get_default_result_serializer,
    resolve_result_storage,
)
from strongroom.results.record_storage import Record, RecordStorage, Storage
from strongroom.results.records import Hit, Miss, ResultRecord, ResultRecordMetadata
from strongroom.results.sealed_records import Sealer, current_sealer, load_value
from strongroom.serializers import Serializer, resolve

if TYPE_CHECKING:
    from strongroom.definitions import Definition
    from strongroom.journal.records import TaskRun
    from strongroom.locking.protocol import LockManager

_log = logging.getLogger("strongroom.results")
_IN_MEMORY = 1000


class ResultStore(ResultLocks):
    """Keeps values under keys.

    :param result_storage: a block that stores objects, the reference of one, or a folder; the settings' where nothing
        is given.
    :param metadata_storage: where the records go that say under which key a result lies and how long it is good, if
        they are to be kept apart from the results.
    :param lock_manager: how writers of one key take turns; the ledger's locks where nothing is given.
    :param serializer: ``"pickle"``, ``"json"``, ``"compressed/pickle"``, ``"compressed/json"``, or one of yours.
    :param storage_key_fn: names results that nobody gives a key; random ones where nothing is given.
    :param cache_result_in_memory: whether what this store wrote or read is given out again without reading it anew.
    """

    def __init__(
        self,
        result_storage: Storage | str | Path | None = None,
        metadata_storage: Storage | str | Path | None = None,
        lock_manager: LockManager | None = None,
        serializer: Serializer | str | None = None,
        storage_key_fn: Callable[[], str] | None = None,
        cache_result_in_memory: bool = True,
    ) -> None:
        self.result_storage = resolve_result_storage(result_storage)
        self.metadata_storage = None if metadata_storage is None else resolve_result_storage(metadata_storage)
        self.lock_manager = lock_manager
        self.serializer = resolve(serializer) if serializer is not None else get_default_result_serializer()
        self.storage_key_fn = storage_key_fn or DEFAULT_STORAGE_KEY_FN
        self.cache_result_in_memory = cache_result_in_memory
        self.refreshes = self.disabled = self.wants_policies = False
        """The settings on caching, for the stores of runs: renew all results, cache nothing, cache only by policies."""
        self._sealer = current_sealer()
        self._open()

    def _open(self) -> None:
        self._records = RecordStorage(self.result_storage, self._sealer)
        self._index = None if self.metadata_storage is None else _index(self.metadata_storage, self._sealer)
        self._memory: OrderedDict[str, ResultRecord] = OrderedDict()
        self._holding: LockManager | None = self.lock_manager

    def changed(self, **attributes: Any) -> Self:
        """A store like this one, with some of its attributes changed."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__dict__.update(attributes)
        other._open()
        return other

    def update_for_task(self, task: Definition) -> Self:
        """A store like this one, with the storage and serializer that a task has of its own."""
        return self.update_for_flow(task).changed(**configured(getattr(task, "cache_policy", None)))

    def update_for_flow(self, flow: Definition) -> Self:
        """A store like this one, with the storage and serializer that a flow has of its own."""
        changes: dict[str, Any] = {}
        if flow.result_storage is not None:
            changes["result_storage"] = resolve_result_storage(flow.result_storage)
        if flow.result_serializer is not None:
            changes["serializer"] = resolve(flow.result_serializer)
        return self.changed(**changes)

    def write(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Keep ``obj`` under ``key``, over what was there; as a cached result it is good until ``expiration``.

        Raises :class:`~strongroom.errors.UnserializableResult`, :class:`~strongroom.errors.ResultLocked` where another
        than ``holder`` has the key's lock, and what the storage raises.
        """
        self.persist_result_record(self.create_result_record(obj, key, expiration), holder)

    awrite = async_twin(write)

    def create_result_record(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None
    ) -> ResultRecord:
        """A record of ``obj`` that is not kept yet."""
        return ResultRecord(obj, ResultRecordMetadata(key or self.storage_key_fn(), expiration, self.serializer))

    def persist_result_record(self, result_record: ResultRecord, holder: str | None = None) -> None:
        """Keep a record of :meth:`create_result_record`; raises as :meth:`write`."""
        about = result_record.metadata
        key = about.storage_key
        self._check_lock(key, holder)
        self.changed(serializer=about.serializer).keep(key, result_record.result, expiration=about.expiration)
        self._remember(key, result_record)

    apersist_result_record = async_twin(persist_result_record)

    def read(self, key: str, holder: str | None = None) -> ResultRecord:
        """What was kept under ``key``, expired or not, once nobody but ``holder`` has its lock.

        Raises :class:`~strongroom.errors.MissingResult` where there is nothing, CorruptResult or ResultKeyMismatch
        where what lies there is none of ours, InvalidSerializer where this process does not know what wrote it.
        """
        if self._holding is not None and not self.is_lock_holder(key, holder):
            self.wait_for_lock(key)
        if (known := self._memory.get(key)) is not None:
            return known
        record = self._found(key)
        serializer = self.serializer if self.serializer.name == record.opened.serializer else None
        about = ResultRecordMetadata(record.key, record.opened.expires, serializer or resolve(record.opened.serializer))
        return self._remember(key, ResultRecord(load_value(record.opened, about.serializer, key), about))

    aread = async_twin(read)

    def exists(self, key: str) -> bool:
        """Whether a result lies under ``key`` that has not expired."""
        records = self._records if self._index is None else self._index
        try:
            return _fresh(records.read(key).opened.expires)
        except ResultProblem:
            return False

    aexists = async_twin(exists)

    def keep(
        self,
        key: str,
        value: Any,
        *,
        expiration: datetime | None = None,
        storage_key: str | None = None,
        writer: str = "",
    ) -> StoredResult:
        """Keep ``value``, and say where it lies: under ``key``, or with a metadata storage under ``storage_key``.

        ``writer`` names the run whose result it is. Raises :class:`~strongroom.errors.UnserializableResult`, and what
        the storage raises.
        """
        name = self.serializer.name
        body = self.serializer.dumps(value)
        place = key if self._index is None else storage_key or self.storage_key_fn()
        record = self._records.write(place, body, name, expiration, writer)
        if self._index is not None:
            about = json.dumps({"storage_key": record.key}).encode()
            self._index.write(key, about, "json", expiration, writer)
        return StoredResult(None, record.key, self._records.reference, name, record.size, expiration)

    def load(self, stored: StoredResult) -> Any:
        """The value of a result that :meth:`keep` kept, expired or not; raises as :meth:`read`."""
        if stored.key is None:
            raise MissingResult(
                "This result was kept for a resumption only.", "Persist it: @task(persist_result=True)."
            )
        return load_value(self._records.read(stored.key).opened, self.serializer, stored.key)

    def of_run(self, run: TaskRun) -> Any:
        """The value of a run's result as it is stored now; raises as :meth:`read`."""
        if run.result is None:
            raise MissingResult(f"The result of task run {run.name!r} was not stored.", "Run the task again.")
        return self.load(run.result)

    def cached(self, key: str) -> Hit | Miss:
        """The value under ``key`` if it is there and has not expired.

        What cannot be read is a miss, with a warning: a record that is damaged or another's, a storage that is away.
        """
        try:
            record = self._found(key)
            if not _fresh(record.opened.expires):
                return Miss(f"the cached result expired {_ago(record.opened.expires)}")
            value = load_value(record.opened, self.serializer, key)
        except MissingResult:
            return Miss()
        except Exception as error:
            what = str(error) if isinstance(error, ResultProblem) else f"{type(error).__name__}: {error}"
            _log.warning("The cached result %.80r is not used: %s", self._records.told(key), what)
            return Miss(f"the cached result is not used: {what}")
        opened = record.opened
        stored = StoredResult(None, record.key, self._records.reference, opened.serializer, record.size, opened.expires)
        return Hit(value, stored, opened.written, opened.writer)

    def _found(self, key: str) -> Record:
        if self._index is None:
            return self._records.read(key)
        entry = self._index.read(key)
        try:
            place = json.loads(entry.opened.body)["storage_key"]
        except (ValueError, LookupError, TypeError):
            raise CorruptResult(f"The cache record {key!r:.80} is damaged.", "Run the task again.") from None
        record = self._records.read(place)
        return record._replace(opened=replace(record.opened, expires=entry.opened.expires))

    def _remember(self, key: str, record: ResultRecord) -> ResultRecord:
        if self.cache_result_in_memory:
            self._memory[key] = record
            if len(self._memory) > _IN_MEMORY:
                self._memory.popitem(last=False)
        return record


def _index(storage: Storage, sealer: Sealer | None) -> RecordStorage:
    return RecordStorage(storage, sealer, b"cache record")


def _fresh(expires: datetime | None) -> bool:
    return expires is None or expires > now()


def _ago(moment: datetime | None) -> str:
    """How long ago, to one unit: ``3 h ago``."""
    seconds = int((now() - (moment or now())).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def result_store(
    storage: Storage | str | Path | None = None, serializer: str | Serializer | None = None
) -> ResultStore:
    """A store as the decorators' ``result_storage`` and ``result_serializer`` name it, or as the settings do.

    Reads the settings: make it once per run rather than once per task.
    """
    from strongroom.settings import get_settings

    settings = get_settings()
    store = ResultStore(storage, serializer=serializer, cache_result_in_memory=False)
    store.refreshes, store.disabled = settings.tasks_refresh_cache, settings.tasks_disable_caching
    store.wants_policies = settings.tasks_default_no_cache
    return store


def get_default_persist_setting() -> bool:
    """Whether results persist where neither flow nor task says so."""
    from strongroom.settings import get_settings

    return get_settings().results_persist_by_default


def get_default_persist_setting_for_tasks() -> bool:
    """Likewise, of tasks."""
    from strongroom.settings import get_settings

    settings = get_settings()
    own = settings.tasks_default_persist_result
    return settings.results_persist_by_default if own is None else own


def should_persist_result() -> bool:
    """Whether the result of the run around here persists; outside of runs, what the settings say."""
    from strongroom.context import current_run

    run = current_run()
    return get_default_persist_setting() if run is None else run.persist_result


def get_result_store() -> ResultStore:
    """The store of the task or flow around here; outside of runs, one as the settings say."""
    from strongroom.context import current_run

    run: Any = current_run()
    return result_store() if run is None else run.result_store()


def DEFAULT_STORAGE_KEY_FN() -> str:  # noqa: N802
    """A random key, for results that nobody gives one."""
    return uuid4().hex
