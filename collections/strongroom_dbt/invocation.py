"""dbt in a process of its own: started, told what to do, listened to, and ended with everything it began."""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol, cast

from strongroom import redactor

from strongroom_dbt.errors import DbtCancelled, DbtCrashed
from strongroom_dbt.profile import RenderedProfile
from strongroom_dbt.result import DbtNode

_TICK_SECONDS = 0.25
"""How long a timeout or cancellation, which Python delivers between two waits, may have to wait."""
_CANCEL_SECONDS = 5.0
"""How long dbt may take to cancel its queries when it is interrupted."""
_LEAVE_SECONDS = 60.0
"""How long its process may take to leave after its work, such as writing DuckDB's log back into the database."""
_TAIL_LINES = 30


class DbtObserver(Protocol):
    """Who wants to know how an invocation goes, while it goes."""

    def log(self, level: str, message: str, node: str) -> None:
        """A line of dbt.

        :param level: ``debug``, ``info``, ``warn`` or ``error``.
        :param node: the unique id of the node that it is about, or empty.
        """

    def node_started(self, node: DbtNode) -> None:
        """A node began."""

    def node_finished(self, node: DbtNode) -> None:
        """A node ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command for the process of dbt.

    :param arguments: the command and its options.
    :param done: unique ids of nodes to leave out, as they were done before.
    :param failing_rows: how many of the rows that a test finds to fetch, for each test that fails.
    :param manifest: a file that holds a parsed project to work with, in dbt's own form of it.
    :param keywords: what ``dbtRunner.invoke`` takes as keywords.
    :param debug: whether to tell the lines that dbt writes for its own developers, too.
    """

    arguments: Sequence[str]
    done: Collection[str] = ()
    failing_rows: int = 0
    manifest: str | None = None
    keywords: Mapping[str, Any] = field(default_factory=dict)
    debug: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended by dbt's own account; ``failure`` has a ``kind`` and a ``message``.

    ``output`` is what the command gave besides nodes, as JSON holds it.
    """

    success: bool
    failure: Mapping[str, str] | None
    nodes: tuple[DbtNode, ...]
    elapsed: float
    output: Any = None


class Session:
    """A process of dbt that takes one command after another; the later ones find dbt imported."""

    def __init__(self, process: _Process) -> None:
        self._process = process

    def run(self, order: Order, observer: DbtObserver, cancelled: threading.Event | None = None) -> Ending:
        """Run a command and wait for its end.

        :param cancelled: ends the process when it is set.
        :raises DbtCancelled: it was set; the error has the nodes that had ended.
        :raises DbtCrashed: the process died before it could say how the work ended; likewise.
        """
        finished: list[DbtNode] = []
        self._process.request(asdict(order) | {"done": list(order.done)})
        for message in self._process.messages(cancelled or threading.Event(), finished):
            kind = message["kind"]
            if kind == "log":
                observer.log(message["level"], redactor.redact(message["message"]), message["node"])
            elif kind == "ended":
                ending = _ending(message)
                return ending if ending.nodes else replace(ending, nodes=tuple(finished))
            elif kind == "started":
                observer.node_started(_node(message["node"]))
            else:
                finished.append(_node(message["node"]))
                observer.node_finished(finished[-1])
        raise self._process.death(finished)


@contextmanager
def session(
    profile: RenderedProfile | None, folder: Path, environment: Mapping[str, str], profiles_dir: Path | None = None
) -> Iterator[Session]:
    """A process of dbt in the folder of a project; whatever ends the ``with`` ends the process first.

    :param profile: for a ``profiles.yml`` of this session; None where dbt finds one by itself.
    :param environment: what the process sees besides the environment of this one; the profile's secrets are added.
    :param profiles_dir: where dbt finds one, unless it looks for it by its own rules.
    """
    variables = {**environment, **(profile.environment() if profile is not None else {})}
    with _private_folder(profile) as private, _Process(folder, variables) as process:
        where = private if profile is not None else profiles_dir
        process.request(
            {
                "private_folder": str(private),
                "options": [] if where is None else ["--profiles-dir", str(where)],
                "bytecode_dir": bytecode_folder(os.environ, _source_of_dbt()),
            }
        )
        yield Session(process)
        process.leave()


def _ending(message: Mapping[str, Any]) -> Ending:
    failure = message["failure"] and {**message["failure"], "message": redactor.redact(message["failure"]["message"])}
    nodes = tuple(map(_node, message["nodes"]))
    return Ending(message["success"], failure, nodes, message["elapsed"], masked(message["output"]))


def _node(fields: Mapping[str, Any]) -> DbtNode:
    rows = masked(fields["failing_rows"])
    return DbtNode.from_json({**fields, "message": redactor.redact(fields["message"]), "failing_rows": rows})


def masked(value: Any) -> Any:
    """A JSON value with every known secret masked in its texts."""
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    if isinstance(value, dict):
        return {redactor.redact(key): masked(inner) for key, inner in value.items()}
    return value


@contextmanager
def _private_folder(profile: RenderedProfile | None) -> Iterator[Path]:
    """A folder of this session, with a ``profiles.yml`` that names variables where secrets stand; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="strongroom-dbt-") as folder:
        if profile is not None:
            path = Path(folder, "profiles.yml")
            path.touch(mode=0o600)
            path.write_text(profile.text, encoding="utf-8")
        yield Path(folder)


def bytecode_folder(environment: Mapping[str, str], source: Path) -> str | None:
    """Where the process may keep compiled modules, if nowhere else: without them dbt takes seconds more to import.

    Python keeps them beside the sources unless told not to (``PYTHONDONTWRITEBYTECODE``, as many images do) or not
    allowed to. Then the user's cache folder serves, unless a folder was named already.

    :param source: one of the modules that the process will import.
    """
    forbidden = environment.get("PYTHONDONTWRITEBYTECODE") or not os.access(source.parent, os.W_OK)
    named = environment.get("PYTHONPYCACHEPREFIX")
    if named or not forbidden or Path(importlib.util.cache_from_source(str(source))).is_file():
        return None
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache", "strongroom", "bytecode")
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return str(cache)


def _source_of_dbt() -> Path:
    spec = importlib.util.find_spec("dbt")
    places = [Path(place, "cli", "main.py") for place in (spec and spec.submodule_search_locations) or ()]
    return next((place for place in places if place.is_file()), Path("main.py"))


class _Lines:
    """Bytes in, whole lines out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines


class _Process:
    """The child: its two pipes, its output, its end."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._left = False
        self._events_of, self._words = _Lines(), _Lines()
        self._output: deque[str] = deque(maxlen=_TAIL_LINES)
        request_read, self._request = os.pipe()
        self._events, events_write = os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "strongroom_dbt.child", str(request_read), str(events_write)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                pass_fds=(request_read, events_write),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._request)
            os.close(self._events)
            raise
        finally:
            os.close(request_read)
            os.close(events_write)
        self._stdout = cast("IO[bytes]", self._child.stdout)

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and what it started: asked first, so that dbt can cancel its queries, then by force."""
        os.close(self._events)
        try:
            if not self._left:
                os.kill(self._child.pid, signal.SIGINT)
            self._wait(_LEAVE_SECONDS if self._left else _CANCEL_SECONDS)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            os.close(self._request)
            self._stdout.close()

    def request(self, content: Mapping[str, Any]) -> None:
        """Tell the process what to do. The pipe stays open: it is how the process notices that this one is gone."""
        line = json.dumps(content).encode() + b"\n"
        with suppress(BrokenPipeError):  # it died already, which death() will tell
            while line:
                line = line[os.write(self._request, line) :]

    def leave(self) -> None:
        """Let the process go by itself: there is nothing more to do."""
        self.request({"over": True})
        self._left = True

    def messages(self, cancelled: threading.Event, finished: Sequence[DbtNode]) -> Iterator[dict[str, Any]]:
        """Each event, until the process has no more to say.

        :raises DbtCancelled: ``cancelled`` is set.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ, self._events_of)
            selector.register(self._stdout, selectors.EVENT_READ, self._words)
            while self._events in selector.get_map():
                if cancelled.is_set():
                    raise DbtCancelled("The invocation of dbt was cancelled.", nodes=tuple(finished))
                for key, _ in selector.select(_TICK_SECONDS):
                    chunk = os.read(key.fd, 1 << 16)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.data is self._events_of:
                        yield from map(json.loads, self._events_of.feed(chunk))
                    else:
                        self._output.extend(line.decode(errors="replace") for line in self._words.feed(chunk))

    def death(self, finished: Sequence[DbtNode]) -> DbtCrashed:
        """How it died, though it never said so."""
        death = self._wait(_CANCEL_SECONDS)
        os.set_blocking(self._stdout.fileno(), False)
        self._output.extend((self._stdout.read() or b"").decode(errors="replace").splitlines())
        ended = f" {len(finished)} of its nodes had ended." if finished else ""
        return DbtCrashed(
            f"The process of dbt {_manner_of_death(death)} before its work was done.{ended}",
            redactor.redact("\n".join(["Its last words:", *self._output])) if self._output else "",
            nodes=tuple(finished),
        )

    def _wait(self, seconds: float) -> os.waitid_result | None:
        # Not Popen.wait, which reaps: as long as the zombie stands, the number of its group is nobody else's.
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if death := os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return death
            time.sleep(0.01)
        return None


def _manner_of_death(death: os.waitid_result | None) -> str:
    if death is None:
        return "fell silent"
    if death.si_code == os.CLD_EXITED:
        return f"ended with exit code {death.si_status}"
    killer = signal.Signals(death.si_status).name
    return f"was killed by {killer}" + (", perhaps for want of memory," if killer == "SIGKILL" else "")
