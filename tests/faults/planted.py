"""Row 5: 40 planted secrets go through a whole scenario, failures included, and are searched for in all that it leaves.

From 5 characters (shorter ones are not masked anywhere) to 64 KiB, with letters of many scripts, quotes, newlines,
backslashes, percent signs, braces. A process of its own saves them in blocks, loads, labels, compares, rotates, exports
and backs them up, logs and prints them from tasks that succeed and fail, here and in worker processes that alone have
loaded them, and makes Strongroom fail in many ways. They are inputs of runs that wait, parameters of deployments and of
background tasks; artifacts, events, variables, tags, names and transactions are made of them. Searched are the database
and its log, temporary files, the journal, the ledger, results, log files, exports, backups, pickles, traces, metrics
and graphs, what the process and the commands wrote to stdout and stderr, and tracebacks with the variables of
Strongroom's frames; for each secret in clear and as URL, base64, hex, JSON and ``repr``.
"""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from canaries import find

from faults.figure import Figure, Work

SECRETS = 40
SIZES = (5, 8, 12, 20, 40, 100, 400, 2_000, 16_000, 65_536)
ALPHABETS = {
    "letters": string.ascii_letters + string.digits,
    "signs": string.ascii_letters + "%&+/=?#@:;,~ '\"\\`$<>|{}[]()*^!",
    "lines": string.ascii_letters + string.digits + "+/\n",
    "scripts": "äöüßéñçøłşαβγδжщюяאבגدجب漢字仮名한글🔑🗝" + string.ascii_letters,
}
FAMILIAR = ("Strongroom", "flow run", "audit", "lake")
"""What some of the files have to hold, so that the search is known to reach them."""


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        yield planted(work, store)


def planted(work: Work, store: str) -> Figure:
    """The scenario, and the search."""
    figure = Figure(5, "secrets, each searched for in eight forms", store)
    secrets = made_up(work.dice(5, store), work.count(SECRETS, least=6))
    home = work.folder / f"{store}-scenario"
    with work.places.make(store, work.folder / store) as place:
        done = _played(place, home, secrets)
        haystacks = _left_behind(place, home, store)
        if done.returncode:
            figure.add("the scenario failed", done.stderr.decode(errors="replace")[-1500:])
        size = sum(map(len, haystacks.values()))
        for number, secret in enumerate(secrets):
            hits = {name: form for name, content in haystacks.items() if (form := find(secret, content))}
            where = f"secret {number} ({len(secret)} characters): {hits}"
            figure.add("found" if hits else "not found", where if hits else None)
        figure.remark = f"{len(haystacks):,} files and outputs with {size / 1e6:,.0f} MB were searched"
    return figure


def made_up(dice: random.Random, count: int) -> list[str]:
    """Secrets of each size in each alphabet in turn; two of them begin and end with what a reader may strip."""
    kinds = [(size, alphabet) for size in SIZES for alphabet in ALPHABETS.values()]
    if count < len(kinds):
        kinds = dice.sample(kinds, count)
    return [_made_up(dice, size, alphabet) for size, alphabet in kinds]


def _made_up(dice: random.Random, size: int, alphabet: str) -> str:
    text = ""
    while len(text.encode()) < size or len(text) < SIZES[0]:
        text += dice.choice(alphabet)
    return dice.choice(string.ascii_letters) + text[1:-1] + dice.choice(string.ascii_letters)


def _played(place: Any, home: Path, secrets: list[str]) -> subprocess.CompletedProcess[bytes]:
    """The scenario in a process that is told the secrets through a pipe; its outputs become files."""
    for folder in ("home", "config", "tmp", "cwd", "user"):
        (home / folder).mkdir(parents=True)
    tests = str(Path(__file__).parents[1])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")},
        "HOME": str(home / "user"),
        "STRONGROOM_HOME": str(home / "home"),
        "STRONGROOM_REGISTRY": place.url,
        "STRONGROOM_KEY": place.key,
        **({"STRONGROOM_JOURNAL": place.url} if place.name == "PostgreSQL" else {}),
        "XDG_CONFIG_HOME": str(home / "config"),
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": os.pathsep.join(filter(None, (tests, os.environ.get("PYTHONPATH", "")))),
    }
    done = subprocess.run(
        [sys.executable, "-m", "faults.scenario"],
        input=json.dumps(secrets).encode(),
        env=environment,
        cwd=home / "cwd",
        capture_output=True,
        check=False,
    )
    (home / "stdout").write_bytes(done.stdout)
    (home / "stderr").write_bytes(done.stderr)
    return done


def _left_behind(place: Any, home: Path, store: str) -> Mapping[str, bytes]:
    paths = [*(path for path in home.rglob("*") if path.is_file()), *place.files()]
    if store == "PostgreSQL":
        paths += place.log_files()
    contents = {str(path): path.read_bytes() + str(path).encode() for path in paths}
    everything = b"\n".join(contents.values())
    unseen = [text for text in FAMILIAR if text.encode() not in everything]
    assert not unseen, f"the search reaches nothing that says {unseen}"
    return contents
