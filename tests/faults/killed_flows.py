"""Row 12: flows are killed with SIGKILL at random moments, and resumed, which is killed as well at times.

Each kind of flow runs in a process of its own and writes a diary. Afterwards the run history says what of it had
completed; a resumption must not carry that out again, and what it does carry out again may only be what came after all
that is in the history. Where the flow is durable, no task is carried out again that had returned. The resumption gives
what a flow gives that nobody killed. In the end nothing is left: no process, no file in the temporary folder, no
folder of captured results, no lock and no slot whose holder does not live, and nothing that waits in the ledger.

The moments are those of a clock. What dies is the process of the flow; the machine, and PostgreSQL's server, live on.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from uuid import UUID

from strongroom.journal.current import open_journal
from strongroom.journal.journal import Journal
from strongroom.journal.records import FlowRun
from strongroom.ledger import open_ledger
from strongroom.processes import has_ended
from strongroom.resume import resume
from strongroom.task_runners import DaskTaskRunner, ProcessPoolTaskRunner

from faults.figure import Figure, Work

KILLS = 100
"""Of each kind of flow, on each store."""
IN_ORDER = frozenset({"called", "durable", "subflows", "suspended"})
"""Kinds of which one task ends after another, so that the history has all up to some moment."""
DURABLE = frozenset({"durable", "durable_processes"})
KINDS = (
    "called", "durable", "submitted", "subflows", "transactions", "locks", "suspended", "processes",
    "durable_processes", "dask",
)  # fmt: skip
SHARES = {"processes": 0.5, "durable_processes": 0.5, "dask": 0.2}
"""Of the kinds that take long, so much of the number."""
_LOADED = (DaskTaskRunner, ProcessPoolTaskRunner)  # so that no child has to
_FILE = Path(__file__).with_name("flows_to_kill.py")
_PATH = os.pathsep.join(filter(None, (str(_FILE.parents[1]), os.environ.get("PYTHONPATH"))))
_GONE_SECONDS = 30.0


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        for kind in KINDS:
            yield killed(work, store, kind)


def killed(work: Work, store: str, kind: str, check: Callable[..., str | None] | None = None) -> Figure:
    """So many kills of flows of one kind; ``check`` looks at each in the place of the usual one."""
    figure = Figure(12, f"killed while it runs: {kind.replace('_', ' ')}", store)
    dice, most = work.dice(12, store, kind), 0
    with _home(work, store, kind) as home:
        home.live(kind)  # makes the registry
        whole = home.live(kind)
        if whole.keys("paused"):
            whole = home.live(kind, UUID(whole.keys("run")[0]))
        assert whole.result is not None, whole.said
        for _ in range(work.count(round(KILLS * SHARES.get(kind, 1.0)))):
            life = _Life(home, kind, dice, whole)
            outcome = life.run()
            problem = (check or _Life.wrong)(life)
            most = max(most, life.again)
            figure.add(outcome, problem)
    figure.remark = f"at most {most} tasks after one kill were carried out again"
    return figure


@dataclass(frozen=True)
class Lived:
    """What a process left: its diary, how long it took, and what it printed."""

    lines: tuple[tuple[str, str], ...]
    seconds: float
    said: str

    def keys(self, what: str) -> list[str]:
        return [key for told, key in self.lines if told == what]

    @property
    def result(self) -> str | None:
        return next(iter(self.keys("result")), None)


@dataclass(frozen=True)
class _Home:
    """Where the flows of a kind run: a folder, the address of their history, and what their environment has."""

    folder: Path
    journal: str
    ledger: str
    environment: Mapping[str, str]

    def live(self, kind: str, run_id: UUID | None = None, seconds: float | None = None, **more: str) -> Lived:
        """Run a flow, or resume one, in a child that is killed so many seconds after the flow began."""
        diary = self.folder / f"diary-{secrets.token_hex(6)}"
        diary.touch()
        (self.folder / "diary-now").write_text(str(diary))
        child = os.fork()
        if child == 0:
            _live(kind, run_id, {**self.environment, **more, "DIARY": str(diary)})
        while not diary.stat().st_size and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            time.sleep(0.001)
        start = time.perf_counter()
        ended = _ended_within(child, seconds)
        took = time.perf_counter() - start
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        lines = [line.partition(" ") for line in diary.read_text().splitlines()]
        output = diary.with_suffix(".out")
        return Lived(tuple((told, key) for told, _, key in lines), took, output.read_text() if output.exists() else "")


def _ended_within(child: int, seconds: float | None) -> bool:
    end = None if seconds is None else time.perf_counter() + seconds
    while end is not None and time.perf_counter() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.001)
    return end is None and bool(os.waitpid(child, 0))


def _live(kind: str, run_id: UUID | None, environment: Mapping[str, str]) -> NoReturn:
    """What the child does: it never comes back."""
    try:
        output = os.open(Path(environment["DIARY"]).with_suffix(".out"), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(environment)
        from strongroom.journal import current_journal
        from strongroom.ledger import current_ledger

        from faults import flows_to_kill

        try:
            if run_id is None:
                found = getattr(flows_to_kill, kind)(return_state=True)
            else:
                found = resume(str(run_id))
            told = "paused" if found.is_paused() else "result"
            flows_to_kill.write(told, found.result() if told == "result" else "")
        finally:
            current_journal().close()
            current_ledger().close()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(0)


class _Life:
    """A flow that is killed and resumed, perhaps killed again, and resumed to its end."""

    def __init__(self, home: _Home, kind: str, dice: random.Random, whole: Lived) -> None:
        self._home, self._kind, self._dice, self._whole = home, kind, dice, whole
        self._turn = secrets.token_hex(4) + "-"
        self.parts: list[Lived] = []
        self.kept: list[set[str]] = []
        """After each part, what the history had of it."""
        self.again = 0

    def run(self) -> str:
        """Live it; says in a few words when the first kill came."""
        first = self._part(None, self._dice.uniform(0, self._whole.seconds))
        run_id = next(iter(first.keys("run")), None)
        if run_id is None or not self._is_known(UUID(run_id)):
            return "before the history had it"
        if first.result is not None:
            return "when all was done"
        if self._dice.random() < 0.4:
            self._part(UUID(run_id), self._dice.uniform(0, self._whole.seconds))
        for _ in range(3):
            if self.parts[-1].result is None and not self._is_over(UUID(run_id)):
                self._part(UUID(run_id), None)
        times = "twice" if len([part for part in self.parts[:-1] if not part.keys("paused")]) > 1 else "once"
        return f"in the middle, {times}"

    def _is_over(self, run_id: UUID) -> bool:
        with closing(open_journal(self._home.journal)) as journal:
            return journal.flow_run(str(run_id)).state.is_completed()

    def _part(self, run_id: UUID | None, seconds: float | None) -> Lived:
        part = self._home.live(self._kind, run_id, seconds, TURN=self._turn)
        self.parts.append(part)
        ids = [UUID(key) for key in self.parts[0].keys("run")][:1]
        with closing(open_journal(self._home.journal)) as journal:
            known = [run for run in journal.flow_runs(limit=50) if run.id in ids]
            self.kept.append(set().union(*(_completed(journal, run) for run in known)))
        return part

    def _is_known(self, run_id: UUID) -> bool:
        with closing(open_journal(self._home.journal)) as journal:
            return any(run.id == run_id for run in journal.flow_runs(limit=50))

    def wrong(self) -> str | None:
        """What is not as promised, or None."""
        return self._wrong_end() or self._done_again() or self._left_behind()

    def _wrong_end(self) -> str | None:
        last = self.parts[-1]
        if len(self.parts) == 1 or (self._is_over(UUID(self.parts[0].keys("run")[0])) and last.result is None):
            return None
        wanted = (self._whole.result or "").replace("whole-", self._turn)
        return None if last.result == wanted else f"it ended with {last.result!r}, not {wanted!r}: {last.said[-2000:]}"

    def _done_again(self) -> str | None:
        for number, part in enumerate(self.parts[:-1]):
            done = [key for earlier in self.parts[: number + 1] for key in earlier.keys("done")]
            later = Counter(key for more in self.parts[number + 1 :] for key in more.keys("done"))
            again = [key for key in dict.fromkeys(done) if later[key]]
            self.again = max(self.again, len(again))
            if wrong := sorted(set(again) & self.kept[number]):
                return f"completed in the history, and carried out again: {wrong}"
            if self._kind in DURABLE and (wrong := sorted(set(again) & set(part.keys("back")))):
                return f"durable, returned, and carried out again: {wrong}"
            if self._kind in IN_ORDER and (lost := _gap(list(dict.fromkeys(done)), self.kept[number])):
                return f"not in the history, though a later one is: {lost}"
        return None

    def _left_behind(self) -> str | None:
        return self._home_left() or _ledger_left(self._home.ledger)

    def _home_left(self) -> str | None:
        end = time.monotonic() + _GONE_SECONDS
        while left := _processes(self._home.environment["MARK"]):
            if time.monotonic() > end:
                return f"processes are left: {left}"
            time.sleep(0.02)
        if files := list((self._home.folder / "tmp").iterdir()):
            return f"temporary files are left: {[file.name for file in files]}"
        captured = self._home.folder / "home" / "storage" / "captured"
        for key in self.parts[0].keys("run")[:1] if len(self.parts) > 1 else ():
            # What dies between its last word in the history and its clean-up leaves a mark, by which others remove it.
            if (captured / key).exists() and not (captured / key / ".completed").exists():
                return f"captured results of a run that completed are left: {key}"
        return None


def _gap(done: list[str], kept: set[str]) -> list[str]:
    """Those that are not kept, and came before one that is."""
    last = max((place for place, key in enumerate(done) if key in kept), default=-1)
    return [key for key in done[: max(last, 0)] if key not in kept]


def _completed(journal: Journal, run: FlowRun) -> set[str]:
    own = {found.name for found in journal.completed(run.id).values()}
    return own.union(*(_completed(journal, subflow) for subflow in journal.subflow_runs(run.id)))


def _processes(mark: str) -> list[str]:
    """The processes whose environment has this mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARK={mark}\0".encode() in path.read_bytes():
                found.append(path.parent.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()[:200])
        except OSError:
            continue
    return found


def _ledger_left(url: str) -> str | None:
    """Locks and slots that somebody holds, and what waits."""
    with closing(open_ledger(url)) as ledger, ledger.reading() as session:
        for table in ("locks", "concurrency_leases"):
            holders = [row[0] for row in session.execute(f"SELECT process FROM {table}")]
            if [holder for holder in holders if not has_ended(holder)]:
                return f"held in {table}: {holders}"
        for table in ("suspensions", "cancellations", "inputs"):
            if left := session.execute(f"SELECT * FROM {table}"):
                return f"left in {table}: {left}"
    return None


@contextmanager
def _home(work: Work, store: str, kind: str) -> Iterator[_Home]:
    folder = work.folder / f"{store}-{kind}"
    with work.places.make(store, folder / "place") as place, _dask(kind, folder) as dask:
        home = folder / "home"
        (folder / "tmp").mkdir(parents=True)
        journal = place.url if store == "PostgreSQL" else f"sqlite:///{home / 'runs.db'}"
        environment = {
            "STRONGROOM_HOME": str(home),
            "STRONGROOM_JOURNAL": journal,
            "STRONGROOM_RESULTS_AUTO_KEEP_DAYS": "0",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "TMPDIR": str(folder / "tmp"),
            "MARK": secrets.token_hex(8),
            "TURN": "whole-",
            **dask,
        }
        ledger = place.url if store == "PostgreSQL" else f"sqlite:///{home / 'ledger.db'}"
        with _limit(ledger):
            yield _Home(folder, journal, ledger, environment)


@contextmanager
def _limit(url: str) -> Iterator[None]:
    """The limit that the flows take slots of."""
    from strongroom.concurrency.limits import create_limit
    from strongroom.ledger import using_ledger

    with closing(open_ledger(url)) as ledger, using_ledger(ledger):
        create_limit("faults", 1)
    yield


@contextmanager
def _dask(kind: str, folder: Path) -> Iterator[dict[str, str]]:
    """A cluster that lives on while flows that use it die."""
    if kind != "dask":
        yield {}
        return
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": _PATH, "DIARIES": str(folder / "diary-now")},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield {"DASK_SCHEDULER": process.stdout.readline().strip()}
        process.stdin.close()


_CLUSTER = """
import sys
from distributed import LocalCluster
with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None, processes=False, protocol="tcp") as it:
    print(it.scheduler_address, flush=True)
    sys.stdin.read()
"""
