"""Where secrets are looked for: standard input and files; what is in git's history stands in ``history``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from strongroom.scanning.findings import Finding, Scan, Skipped
from strongroom.scanning.matcher import Found, Matcher, search


class Counted:
    """A stream that counts what is read of it."""

    def __init__(self, stream: BinaryIO, scan: Scan) -> None:
        self._stream, self._scan = stream, scan

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        data = self._stream.read(size)
        self._scan.bytes += len(data)
        return data


def findings(found: Iterable[Found], path: str, commit: str | None = None) -> Iterator[Finding]:
    """One finding for each field that holds what was found."""
    for place in found:
        for owner in place.owners:
            yield Finding(owner, path, place.line, place.form, commit)


def scan_stream(stream: BinaryIO, name: str, matcher: Matcher, scan: Scan) -> None:
    """Look through a stream."""
    scan.files += 1
    scan.found += findings(search(Counted(stream, scan), matcher), name)  # type: ignore[arg-type]


def scan_path(path: Path, matcher: Matcher, scan: Scan) -> None:
    """Look through a file, or through every file below a folder: ignored, hidden and binary ones too.

    Links below a folder are not followed, so that it is what is looked through; neither are devices, pipes and sockets.
    Git's object store is compressed, and left to its history. What cannot be read is noted, never fatal.
    """
    try:
        named = path.stat()
    except OSError as error:
        scan.unread.append(Skipped(str(path), _reason(error)))
        return
    if stat.S_ISDIR(named.st_mode):
        for file in _files(path, scan):
            _scan_file(file, matcher, scan, follow=False)
    else:
        _scan_file(path, matcher, scan, follow=True)


def _files(folder: Path, scan: Scan) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        scan.unread.append(Skipped(str(error.filename), _reason(error)))

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders.sort()
        if "objects" in folders and "refs" in folders and "HEAD" in files:
            folders.remove("objects")
        for name in sorted(files):
            yield Path(place, name)


def _scan_file(path: Path, matcher: Matcher, scan: Scan, *, follow: bool) -> None:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        if not follow and not stat.S_ISREG(path.lstat().st_mode):
            return
        with open(os.open(path, flags), "rb", buffering=0) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                scan_stream(file, str(path), matcher, scan)
            else:
                scan.unread.append(Skipped(str(path), "It is no ordinary file."))
    except OSError as error:
        scan.unread.append(Skipped(str(path), _reason(error)))


def _reason(error: OSError) -> str:
    return f"{error.strerror or type(error).__name__}."
