"""Locks of one machine: for processes that share a folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.liveness import is_dead, this_process
from strongroom.locking.waiting import Locks

_TAME = re.compile(r"[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]{0,150}")


class FileSystemLockManager(Locks):
    """One file a lock, which says who holds it until when; it is there while somebody does.

    What a process that was killed leaves behind is taken over, as is a lock whose ``hold_timeout`` has passed.
    """

    def __init__(self, lock_files_directory: str | os.PathLike[str]) -> None:
        self.lock_files_directory = Path(lock_files_directory).expanduser()

    def take(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        """Give the lock to ``holder`` if it is free, or is the holder's already."""
        with self._opened(key, create=True) as file:
            held = file.holder()
            if held is None:
                file.write(holder, hold_timeout)
            return held is None or held == holder

    def give_back(self, key: str, holder: str) -> bool:
        """Free the lock if ``holder`` has it."""
        try:
            with self._opened(key) as file:
                if file.holder() != holder:
                    return False
                file.path.unlink()
                return True
        except FileNotFoundError:
            return False

    def holder_of(self, key: str) -> str | None:
        """Who has the lock; None for one that is free."""
        try:
            with self._opened(key) as file:
                return file.holder()
        except FileNotFoundError:
            return None

    @contextmanager
    def _opened(self, key: str, create: bool = False) -> Iterator[_LockFile]:
        """The file of a lock, for the caller alone: the kernel lets one process after the other."""
        path = self.lock_files_directory / f"{_name(key)}.lock"
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        if create:
            self.lock_files_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            descriptor = os.open(path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if _is_still_there(descriptor, path):
                    yield _LockFile(path, descriptor)
                    return
            finally:
                os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _LockFile:
    path: Path
    descriptor: int

    def holder(self) -> str | None:
        content = self._content()
        if content is None or is_dead(content["process"]):
            return None
        until = content["until"]
        return None if until is not None and until <= time.time() else str(content["holder"])

    def write(self, holder: str, hold_timeout: float | None) -> None:
        until = None if hold_timeout is None else time.time() + hold_timeout
        text = json.dumps({"holder": holder, "process": this_process(), "until": until}).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text, 0)

    def _content(self) -> dict[str, Any] | None:
        """None for a file that is new, or that its writer did not get to finish."""
        with suppress(ValueError):
            content = json.loads(os.pread(self.descriptor, 65536, 0))
            if isinstance(content, dict) and content.keys() >= {"holder", "process", "until"}:
                return content
        return None


def _is_still_there(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one of this name: its holder may have removed it just before."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _name(key: str) -> str:
    """The key itself if it makes a tame name, else its hash."""
    if _TAME.fullmatch(key):
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
