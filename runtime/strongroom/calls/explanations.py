"""Why a result was taken from the cache, or was not: one sentence for the log and the run's record."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from strongroom.results.local_storage import LocalStorage

if TYPE_CHECKING:
    from strongroom.results import Hit

_KINDS = {"the code": "code", "the run": "run", "the flow's parameters": "flow parameters"}


def cached(parts: dict[str, str], hit: Hit) -> str:
    """Which run the result is from, and what both have in common."""
    kinds = list(dict.fromkeys(_kind(part) for part in parts)) or ["key"]
    source = f"run {hit.writer}" if hit.writer else "an earlier run"
    return f"Cached: the same {_listed(kinds)} as {source} of {hit.written:%Y-%m-%d %H:%M:%S} UTC."


def missed(task_key: str, run_name: str, parts: dict[str, str], reason: str) -> str:
    """Why there was no result; where nothing lies under the key, what differs from the task's last run.

    What the key was made of is remembered on this machine for that, as hashes.
    """
    if not parts:
        return f"Not cached: {(reason or 'no earlier run has the same key').rstrip('.')}."
    before = _last(task_key, {"run": run_name, "parts": {name: digest[:16] for name, digest in parts.items()}})
    if reason:
        return f"Not cached: {reason.rstrip('.')}."
    none = f"Not cached: no earlier run has the same {_listed(list(dict.fromkeys(map(_kind, parts))))}"
    if before is None:
        return f"{none}."
    former = before["parts"]
    differing = [name for name in {**parts, **former} if parts.get(name, "")[:16] != former.get(name, "")]
    if not differing:
        return f"Not cached: the last run with the same key, {before['run']}, left no result."
    verb = "differs" if len(differing) == 1 else "differ"
    return f"{none}; {_listed(differing)} {verb} from the last run's, {before['run']}."


def _kind(part: str) -> str:
    return _KINDS.get(part, "inputs" if part.startswith("the input ") else "key")


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _last(task_key: str, now: dict[str, Any]) -> dict[str, Any] | None:
    """What the task's last run was made of; this one takes its place."""
    from strongroom.settings import get_settings

    storage = LocalStorage(get_settings().storage_path)
    path = f"explained/{hashlib.sha256(task_key.encode()).hexdigest()[:32]}"
    before = None
    with suppress(OSError, ValueError):
        found = json.loads(storage.read_path(path))
        if isinstance(found, dict) and isinstance(found.get("parts"), dict) and isinstance(found.get("run"), str):
            before = found
    with suppress(OSError):
        storage.write_path(path, json.dumps(now).encode())
    return before
