"""Anchors in a file: a line for each workspace of each store, replaced as a whole."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from strongroom_registry.anchor import belongs_to
from strongroom_registry.errors import AnchorUnavailable
from strongroom_registry.private_output import new_private_file

SIZE_MAX = 4 * 1024 * 1024
"""The largest file of anchors that is read, in bytes: some ten thousand workspaces."""
_ENCODING = "latin-1"  # any bytes, and the same again
_LOCK_SECONDS = 10.0
_LOCK_PAUSE = 0.01


class _Read(NamedTuple):
    """What a file said, and what told it from others then."""

    identity: tuple[int, ...]
    lines: tuple[str, ...]


class AnchorFile:
    """An :class:`~strongroom_registry.anchors.store.AnchorStore` in one file, and beside it an empty one that is
    locked while it changes.

    The file is written beside its place, synced and moved there, so that a crash leaves the old or the new one. It is
    made 0600, and keeps the mode that it has. Lines that cannot be read are kept as they are.

    :param path: where the file lies; its folder has to exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(Path(path).expanduser()))
        self._lock_path = self.path.with_name(f"{self.path.name}.lock")
        self._last: _Read | None = None

    @classmethod
    def from_uri(cls, uri: str) -> AnchorFile:
        """The file that ``file:/path`` names; ``file:///path`` is the same."""
        path = uri.removeprefix("file:")
        return cls(f"/{path.lstrip('/')}" if path.startswith("///") else path)

    @property
    def uri(self) -> str:
        """``file:`` and the path."""
        return f"file:{self.path}"

    def read(self, store_id: UUID, workspace_id: UUID) -> str | None:
        mine = [line for line in self._lines() if belongs_to(line, store_id, workspace_id)]
        if len(mine) > 1:
            raise self._unavailable("read", "it has two lines for one workspace")
        return mine[0] if mine else None

    def update(self, store_id: UUID, workspace_id: UUID, choose: Callable[[str | None], str | None]) -> None:
        with self._locked():
            self._last = None  # what looks the same could be another file all the same
            lines = self._lines()
            mine = [line for line in lines if belongs_to(line, store_id, workspace_id)]
            chosen = choose(mine[0] if mine else None)
            if chosen is not None:
                self._replace([*(line for line in lines if line not in mine), chosen])

    def check_writable(self) -> None:
        os.close(self._open_lock())
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise self._unavailable("written", os.strerror(errno.EACCES))

    def _lines(self) -> tuple[str, ...]:
        try:
            last = self._last
            if last is not None and _identity(os.stat(self.path)) == last.identity:
                return last.lines
            self._last = last = self._read()
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise self._unavailable("read", exc.strerror) from None
        return last.lines

    def _read(self) -> _Read:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise self._unavailable("read", "it is no ordinary file")
            content = file.read(SIZE_MAX + 1)
        if len(content) > SIZE_MAX:
            raise self._unavailable("read", f"it has more than {SIZE_MAX} bytes")
        return _Read(_identity(status), tuple(filter(None, content.decode(_ENCODING).split("\n"))))

    def _replace(self, lines: list[str]) -> None:
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode) if self.path.exists() else 0o600
            with new_private_file(self.path, replace=True, mode=mode) as file:
                file.write("".join(f"{line}\n" for line in lines).encode(_ENCODING))
        except OSError as exc:
            raise self._unavailable("written", exc.strerror) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among those who change the file; a crash of theirs lets go of it."""
        descriptor = self._open_lock()
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise self._unavailable("written", f"another process keeps {self._lock_path} locked") from None
                time.sleep(_LOCK_PAUSE)
            except OSError as exc:
                raise self._unavailable("written", exc.strerror) from None

    def _open_lock(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            return os.open(self._lock_path, flags, 0o600)
        except OSError as exc:
            raise self._unavailable("written", exc.strerror) from None

    def _unavailable(self, what: str, why: str | None) -> AnchorUnavailable:
        return AnchorUnavailable(
            f"The anchor at {self.path} cannot be {what}: {why}.",
            "Make its file and folder usable for this user, or name another place in STRONGROOM_ANCHOR.",
        )


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
