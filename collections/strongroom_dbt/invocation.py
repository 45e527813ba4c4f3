"""One invocation of dbt in a process of its own: started, listened to, and ended with everything it began."""

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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
        """A line of dbt at ``info``, ``warn`` or ``error``; ``node`` is the unique id it is about, or empty."""

    def node_started(self, node: DbtNode) -> None:
        """A node began."""

    def node_finished(self, node: DbtNode) -> None:
        """A node ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an invocation ended by dbt's own account; ``failure`` has a ``kind`` and a ``message``."""

    success: bool
    failure: Mapping[str, str] | None
    nodes: tuple[DbtNode, ...]
    elapsed: float


def run(
    arguments: Sequence[str],
    *,
    profile: RenderedProfile,
    observer: DbtObserver,
    environment: Mapping[str, str],
    cancelled: threading.Event | None = None,
) -> Ending:
    """Run dbt with these arguments; whatever ends this call ends the process first.

    :param environment: what the process sees besides the environment of this one; the profile's secrets are added.
    :param cancelled: ends the process when it is set.
    :raises DbtCancelled: it was set.
    :raises DbtCrashed: the process died before it could say how the work ended.
    """
    with _profiles_folder(profile) as folder, _Process(folder, {**environment, **profile.environment()}) as process:
        process.request(
            arguments=[*arguments, "--profiles-dir", str(folder)],
            profiles_dir=str(folder),
            bytecode_dir=bytecode_folder(os.environ, _source_of_dbt()),
        )
        for message in process.messages(cancelled or threading.Event()):
            kind = message["kind"]
            if kind == "log":
                observer.log(message["level"], redactor.redact(message["message"]), message["node"])
            elif kind == "ended":
                process.ending = _ending(message)
                break
            else:
                notify = observer.node_started if kind == "started" else observer.node_finished
                notify(_node(message["node"]))
        return process.result()


def _ending(message: Mapping[str, Any]) -> Ending:
    failure = message["failure"] and {**message["failure"], "message": redactor.redact(message["failure"]["message"])}
    return Ending(message["success"], failure, tuple(map(_node, message["nodes"])), message["elapsed"])


def _node(fields: Mapping[str, Any]) -> DbtNode:
    return DbtNode.from_json({**fields, "message": redactor.redact(fields["message"])})


@contextmanager
def _profiles_folder(profile: RenderedProfile) -> Iterator[Path]:
    """A private folder with ``profiles.yml``, which names variables where secrets stand; gone when this is over."""
    with tempfile.TemporaryDirectory(prefix="strongroom-dbt-") as folder:
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
        self.ending: Ending | None = None
        self._output: deque[str] = deque(maxlen=_TAIL_LINES)
        request_read, self._request = os.pipe()
        self._events, events_write = os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "strongroom_dbt.child", str(request_read), str(events_write)],
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
            if self.ending is None:
                os.kill(self._child.pid, signal.SIGINT)
            self._wait(_LEAVE_SECONDS if self.ending is not None else _CANCEL_SECONDS)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            os.close(self._request)
            self._stdout.close()

    def request(self, **content: Any) -> None:
        """Tell the process what to do. The pipe stays open: it is how the process notices that this one is gone."""
        line = json.dumps(content).encode() + b"\n"
        with suppress(BrokenPipeError):  # it died already, which result() will tell
            while line:
                line = line[os.write(self._request, line) :]

    def messages(self, cancelled: threading.Event) -> Iterator[dict[str, Any]]:
        """Each event, until the process has no more to say.

        :raises DbtCancelled: ``cancelled`` is set.
        """
        events, output = _Lines(), _Lines()
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ, events)
            selector.register(self._stdout, selectors.EVENT_READ, output)
            while self._events in selector.get_map():
                if cancelled.is_set():
                    raise DbtCancelled("The invocation of dbt was cancelled.")
                for key, _ in selector.select(_TICK_SECONDS):
                    chunk = os.read(key.fd, 1 << 16)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.data is events:
                        yield from map(json.loads, events.feed(chunk))
                    else:
                        self._output.extend(line.decode(errors="replace") for line in output.feed(chunk))

    def result(self) -> Ending:
        """How it ended.

        :raises DbtCrashed: it never said so.
        """
        if self.ending is not None:
            return self.ending
        death = self._wait(_CANCEL_SECONDS)
        os.set_blocking(self._stdout.fileno(), False)
        self._output.extend((self._stdout.read() or b"").decode(errors="replace").splitlines())
        raise DbtCrashed(
            f"The process of dbt {_manner_of_death(death)} before its work was done.",
            redactor.redact("\n".join(["Its last words:", *self._output])) if self._output else "",
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
