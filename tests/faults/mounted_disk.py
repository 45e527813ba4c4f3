"""Run with a folder by somebody who may mount: fills a file system of 12 MiB with a registry, then makes it
read-only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from strongroom_registry import Registry
from strongroom_registry.errors import AuditUnavailable, StoreUnavailable, StrongroomError

from faults.places import SqlitePlace, opened

Result = tuple[str, str | None]


def main(folder: Path) -> dict[str, list[Result]]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], check=True)
    try:
        place = SqlitePlace(folder)
        return {"a real file system of 12 MiB, full": filled(place), "the same, mounted read-only": read_only(place)}
    finally:
        subprocess.run(["umount", folder], check=True)


def filled(place: SqlitePlace) -> list[Result]:
    """Documents until there is no room, what is there then, and another once there is room again."""
    ballast = place.path.parent / "ballast"
    kept: dict[str, bytes] = {}
    with opened(place) as registry:
        ballast.write_bytes(bytes(6_000_000))
        for number in range(1_000):
            payload = os.urandom(20_000)
            try:
                registry.put(f"document-{number}", type="lake", schema="s1", payload=payload)
            except StoreUnavailable as exc:
                error = exc
                break
            kept[f"document-{number}"] = payload
        else:
            return [("not full", "a thousand documents went into 12 MiB")]
        problem = None if error.remedy else "no remedy"
        results: list[Result] = [(f"StoreUnavailable after {len(kept)} documents", problem)]
        ballast.unlink()
        results += _compared(registry, kept)
        registry.put("afterwards", type="lake", schema="s1", payload=b"again")
    with opened(place) as registry:
        return [*results, *_compared(registry, kept | {"afterwards": b"again"})]


def _compared(registry: Registry, kept: dict[str, bytes]) -> list[Result]:
    """Each document is what it was, and the whole is sound."""
    names = {head.name for head in registry.list()}
    wrong = "" if names == set(kept) else f"{names ^ set(kept)} are too many or too few"
    is_sound = registry.verify().ok and registry.verify_audit().ok
    results: list[Result] = [("whole", wrong or None), ("sound", None if is_sound else "verify found something")]
    for name, payload in kept.items():
        results.append(("there", None if registry.get(name).payload == payload else f"{name} is another"))
    return results


def read_only(place: SqlitePlace) -> list[Result]:
    """What can be looked at is shown; what has to be written is refused, loads as well, since the audit cannot be."""
    folder = place.path.parent
    subprocess.run(["mount", "-o", "remount,ro", folder.parent], check=True)
    before = place.path.read_bytes()
    try:
        results: list[Result] = []
        with opened(place) as registry:
            results.append(("listed", None if registry.list() else "nothing is listed"))
            results.append(("sound", None if registry.verify().ok else "verify found something"))
            for what in ("put", "label", "delete", "destroy", "get"):
                results.append(_refused(registry, what))
        return [*results, ("unchanged", None if place.path.read_bytes() == before else "the file was changed")]
    finally:
        subprocess.run(["mount", "-o", "remount,rw", folder.parent], check=True)


def _refused(registry: Registry, what: str) -> Result:
    try:
        match what:
            case "put":
                registry.put("document-0", type="lake", schema="s1", payload=b"new", overwrite=True)
            case "label":
                registry.label("document-0", "stable")
            case _:
                getattr(registry, what)("document-0")
    except (StoreUnavailable, AuditUnavailable) as exc:
        return type(exc).__name__, None if exc.remedy else f"{what}: no remedy"
    except StrongroomError as exc:
        return type(exc).__name__, f"{what}: {exc}"
    return "done", f"{what} was done on a file system that is read-only"


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
