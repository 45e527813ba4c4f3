"""Row 9: a store that has documents, and a key that is wrong, absent, cut short, older, or that of another node.

Each time it is opened in the way most eager to make something (``create=True``, under its own workspace and under a new
one) and has to be refused by a named error; nothing in the store and no key file may be made or changed, and the right
key has to open it afterwards as before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from strongroom_registry import open_registry
from strongroom_registry.errors import KeyProblem, StrongroomError
from strongroom_registry.keys.material import new_key_text

from faults.figure import Figure, Work
from faults.places import digest_of, key_file, opened

WRONG_KEYS = 100
CREATE = ({"create": True}, {"create": False}, {"create": True, "workspace": "another"})


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        with work.places.make(store, work.folder / store) as place:
            _fill(place)
            yield _refused(work, store, place, "wrong key", _wrong(work, place))
            yield _refused(work, store, place, "absent key", _absent(work))
            yield _refused(work, store, place, "truncated key", _truncated(work, place))
            yield _refused(work, store, place, "empty environment", _empty_environment(work))
            yield _refused(work, store, place, "another node's key", _another_node(work, store))
            yield _refused(work, store, place, "older key", _older(work, place))


def _fill(place: Any) -> None:
    with opened(place) as registry:
        for number in range(5):
            registry.put(f"document-{number}", type="lake", schema="s1", payload=b"%d" % number)
        registry.label("document-1", "stable")


Open = Callable[[dict[str, Any]], None]
"""Opens the registry as somebody does whose key is not right; given the options that are tried."""


def _refused(work: Work, store: str, place: Any, what: str, attempts: Iterator[Open]) -> Figure:
    figure = Figure(9, what, store)
    with _quiet_environment(work.folder / f"{store}-nobody"):
        for attempt in attempts:
            for options in CREATE:
                before, keys = digest_of(place), _files(work.folder)
                outcome, problem = _outcome(attempt, {"url": place.url, **options})
                if problem is None and digest_of(place) != before:
                    problem = f"{options}: something in the store was changed"
                if problem is None and _files(work.folder) != keys:
                    problem = f"{options}: files were made: {_files(work.folder) - keys}"
                figure.add(outcome, problem)
        with opened(place) as registry:
            is_whole = registry.verify().ok and registry.verify_audit().ok and len(registry.list()) == 5
            figure.add("opens with its key", None if is_whole else "the right key does not open it as before")
    return figure


def _outcome(attempt: Open, options: dict[str, Any]) -> tuple[str, str | None]:
    try:
        attempt(options)
    except KeyProblem as exc:
        return type(exc).__name__, None if exc.remedy else f"{exc} has no remedy"
    except StrongroomError as exc:
        return type(exc).__name__, f"refused as {exc}"
    return "opened", f"{options}: it was opened"


def _files(folder: Path) -> set[tuple[str, bytes]]:
    """The key files that there are, and what is in them."""
    return {(str(path), path.read_bytes()) for path in folder.rglob("*.key")}


@contextmanager
def _quiet_environment(home: Path) -> Iterator[None]:
    """No setting of Strongroom, and nobody's home."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
    environment |= {"XDG_CONFIG_HOME": str(home / "config"), "STRONGROOM_HOME": str(home / "data")}
    with patch.dict(os.environ, environment, clear=True):
        yield


def _with(key: str) -> Open:
    def attempt(options: dict[str, Any]) -> None:
        with open_registry(**options, key=key, actor="evidence") as registry:
            registry.put("added", type="lake", schema="s1", payload=b"added")

    return attempt


def _wrong(work: Work, place: Any) -> Iterator[Open]:
    for _ in range(work.count(WRONG_KEYS, least=2)):
        yield _with(key_file(work.folder))
    changed = work.folder / "changed.key"
    text = Path(place.key.removeprefix("file:")).read_text()
    for bit in range(4 * 64) if work.scale >= 1 else range(0, 4 * 64, 64):
        digit = -1 - bit // 4
        at = len(text) + digit
        changed.write_text(text[:at] + f"{int(text[at], 16) ^ 1 << bit % 4:x}" + text[at + 1 :])
        changed.chmod(0o600)
        yield _with(f"file:{changed}")


def _absent(work: Work) -> Iterator[Open]:
    yield _with(f"file:{work.folder / 'nowhere' / 'absent.key'}")
    yield _with(f"file:{work.folder / 'absent.key'}")
    yield _with("env:NOWHERE_SET")
    yield _with("passphrase:")


def _truncated(work: Work, place: Any) -> Iterator[Open]:
    text = Path(place.key.removeprefix("file:")).read_text()
    cut = work.folder / "cut.key"
    for size in range(0, len(text.rstrip()), 1 if work.scale >= 1 else 20):
        cut.write_text(text[:size])
        cut.chmod(0o600)
        yield _with(f"file:{cut}")


def _empty_environment(work: Work) -> Iterator[Open]:
    """A new machine: nothing says where the key is."""

    def attempt(options: dict[str, Any]) -> None:
        with open_registry(**options, actor="evidence"):
            pass

    yield attempt
    with patch.dict(os.environ, {"STRONGROOM_KEY": "env:ALSO_NOT_SET"}):
        yield attempt


def _another_node(work: Work, store: str) -> Iterator[Open]:
    """Two nodes, each with a key of its own under the same setting: the one that came second is refused, whoever that
    is."""
    for _ in range(work.count(20)):
        with patch.dict(os.environ, {"NODE_KEY": new_key_text()}):
            yield _with("env:NODE_KEY")


def _older(work: Work, place: Any) -> Iterator[Open]:
    """After the registry was given a new key: the one that it had before."""
    former = place.key
    place.key = key_file(work.folder)
    with open_registry(place.url, key=former, actor="evidence") as registry:
        registry.rotate("provider", to=place.key)
    yield _with(former)
