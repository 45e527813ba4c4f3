"""dbt's artifacts in an object store: those of every run, and the last good ones to compare with."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom import StoredObject, redactor

from strongroom_dbt.errors import DbtProjectInvalid

ARTIFACTS = (
    "manifest.json", "run_results.json", "catalog.json", "sources.json", "semantic_manifest.json", "index.html",
    "static_index.html",
)  # fmt: skip
"""What dbt writes for others to read."""
LATEST = "latest"
LAST = "last"
_KEPT = ("build", "run", "seed", "snapshot", "test", "retry", "clone", "run-operation", "source freshness")
_COMMANDS = (*_KEPT, "docs generate")


class StoredArtifacts:
    """A folder of an object store: ``runs/TIME-COMMAND-ID/manifest.json`` and the other artifacts of each run.

    ``last/`` has those of the last run, ``latest/`` those of the last one that succeeded. Commands that only look leave
    no artifacts.
    """

    def __init__(self, store: Any, folder: str) -> None:
        self._store = store
        self._folder = folder.strip("/")

    def keep(self, target: Path, since: float, command: str, success: bool) -> tuple[str, ...]:
        """Store what a command wrote, with every known secret masked.

        :param target: the folder that it wrote to.
        :param since: seconds since 1970: older files are of other commands.
        :returns: the keys of this run's artifacts.
        """
        if command not in _COMMANDS:
            return ()
        written = [p for name in ARTIFACTS if (p := target / name).is_file() and p.stat().st_mtime >= since]
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        run = f"runs/{moment}-{command.replace(' ', '-')}-{secrets.token_hex(3)}"
        keys = []
        for path in written:
            content = redactor.redact(path.read_text(encoding="utf-8")).encode()
            keys.append(self._store.write_path(self._key(run, path.name), content))
            if path.name == "run_results.json" and command not in _KEPT:
                continue  # of what was compiled on the way
            for place in (LAST, LATEST) if success else (LAST,):
                self._store.write_path(self._key(place, path.name), content)
        return tuple(keys)

    def fetch(self, to: Path, run: str = LATEST) -> Path:
        """Fetch the artifacts of a run into a local folder; returns it.

        :raises DbtProjectInvalid: the store has none.
        """
        found = 0
        for entry in self._listed(run):
            name = entry.key.rpartition("/")[2]
            if name in ARTIFACTS:
                (to / name).write_bytes(self._store.read_path(entry.key))
                found += 1
        if not found:
            raise DbtProjectInvalid(
                f"The artifacts of no run are in {self._key(run, '')} of the store.",
                "Let a build of the project succeed with this store first, or give a folder.",
            )
        return to

    def _listed(self, run: str) -> list[StoredObject]:
        return list(self._store.list_objects(self._key(run, "").rstrip("/")))

    def _key(self, run: str, name: str) -> str:
        return "/".join(part for part in (self._folder, run) if part) + f"/{name}"
