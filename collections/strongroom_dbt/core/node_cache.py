"""Which nodes need no work, because nothing of what they are made of has changed since they were built."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from strongroom import Block, LocalFolder

from strongroom_dbt.core.plan import Manifest

_KEYS, _RESULTS = "dbt-node-keys.json", "dbt-node-results.json"
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """What a build remembers from one run to the next.

    :param expiration: how long a node counts as built; None for ever.
    :param result_storage: where the results of nodes are kept: a folder, or ``"s3-bucket/name"`` for a saved block.
    :param key_storage: where it is kept what they were built from; likewise. By default both are kept together, in the
        folder of the artifacts unless one of them says another place.
    :param use_source_freshness_expiration: a node counts as built no longer than its sources count as fresh.
    :param exclude_materializations: always built, as they add to what is there.
    :param exclude_resource_types: always run.
    """

    expiration: timedelta | None = None
    result_storage: Path | str | None = None
    key_storage: Path | str | None = None
    use_source_freshness_expiration: bool = False
    exclude_materializations: frozenset[str] = frozenset({"incremental"})
    exclude_resource_types: frozenset[Any] = frozenset({"test", "snapshot", "unit_test"})


class NodeCache:
    """The nodes that were built before, and from what.

    :param folder: where it is kept, unless the configuration says another place.
    :param full_refresh: what is built anew is not the same as what is added to.
    """

    def __init__(self, config: CacheConfig, folder: Path, manifest: Manifest, target: str, full_refresh: bool) -> None:
        self._config = config
        self._manifest = manifest
        self._salt = f"{target}:{full_refresh}"
        self._keys_at = _store(config.key_storage or config.result_storage, folder)
        self._results_at = _store(config.result_storage or config.key_storage, folder)
        self._known: dict[str, Any] = _read(self._keys_at, _KEYS)
        self._results: dict[str, Any] = _read(self._results_at, _RESULTS)
        self._keys: dict[str, str] = {}

    def predictions(self, chosen: Collection[str]) -> dict[str, str]:
        """``hit``, ``miss`` or ``excluded`` for each node."""
        now = time.time()
        return {node: self._prediction(node, now) for node in chosen}

    def result(self, node: str) -> dict[str, Any]:
        """What is known of the run that built it."""
        return dict(self._results.get(node, {}))

    def keep(self, built: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember the nodes that were built, with their results; forget those that failed."""
        for node, result in built.items():
            if not self._is_kept(node):
                continue
            if result["status"] == "success":
                self._known[node] = {"key": self.key(node), "until": self._until(node)}
                self._results[node] = dict(result)
            elif result["status"] == "error":
                self._known.pop(node, None)
        self._keys_at.write_path(_KEYS, json.dumps(self._known).encode())
        self._results_at.write_path(_RESULTS, json.dumps(self._results, default=str).encode())

    def key(self, node: str) -> str:
        """What a node is made of, as a digest: its own source, its macros, and the same of the nodes before it."""
        if node not in self._keys:
            for before in self._manifest.before(node):
                if before in self._manifest.nodes:
                    self.key(before)
            self._keys[node] = self._digest(node)
        return self._keys[node]

    def _digest(self, node: str) -> str:
        about = self._manifest.nodes[node]
        macros = [
            self._manifest.macros.get(name, {}).get("macro_sql", name)
            for name in about.get("depends_on", {}).get("macros", ())
        ]
        before = [self.key(other) if other in self._manifest.nodes else other for other in self._manifest.before(node)]
        parts = [about.get("checksum"), about.get("config"), about.get("relation_name"), macros, before, self._salt]
        if about.get("checksum", {}).get("name") == "path":  # a seed that is too large for dbt to read
            parts.append(time.time_ns())
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def _prediction(self, node: str, now: float) -> str:
        if not self._is_kept(node):
            return "excluded"
        known = self._known.get(node)
        if known is None or known["key"] != self.key(node) or (known["until"] or now + 1) <= now:
            return "miss"
        return "hit"

    def _is_kept(self, node: str) -> bool:
        about = self._manifest.nodes.get(node)
        if about is None:
            return False
        excluded = {str(getattr(kind, "value", kind)) for kind in self._config.exclude_resource_types}
        materialized = about.get("config", {}).get("materialized")
        return about["resource_type"] not in excluded and materialized not in self._config.exclude_materializations

    def _until(self, node: str) -> float | None:
        seconds = None if self._config.expiration is None else self._config.expiration.total_seconds()
        if self._config.use_source_freshness_expiration:
            limits = [self._fresh_for(source) for source in self._manifest.sources_behind(node)]
            seconds = min((limit for limit in limits if limit is not None), default=seconds)
        return None if seconds is None else time.time() + seconds

    def _fresh_for(self, source: str) -> float | None:
        freshness = self._manifest.sources[source].get("freshness") or {}
        for name in ("warn_after", "error_after"):
            limit = freshness.get(name) or {}
            if limit.get("count") is not None:
                return float(limit["count"] * _SECONDS[limit["period"]])
        return None


def _store(place: Path | str | None, folder: Path) -> Any:
    if isinstance(place, str) and "/" in place and not place.startswith(("/", ".", "~")):
        return Block.load(place)
    return LocalFolder(basepath=Path(place or folder).expanduser().resolve())


def _read(store: Any, name: str) -> dict[str, Any]:
    try:
        found = json.loads(store.read_path(name))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
