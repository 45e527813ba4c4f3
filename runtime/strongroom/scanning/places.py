"""Where secrets are looked for: standard input and files; what is in git's history stands in ``history``."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from strongroom.scanning.findings import Finding, Scan, Skipped
from strongroom.scanning.matcher import Found, Matcher, Readable, search

UNPACKED_MAX = 4 << 30
"""How much of a compressed file is searched, in bytes as they come out."""
_GZIP = b"\x1f\x8b"


class Counted:
    """A stream that counts what is read of it."""

    def __init__(self, stream: Readable, scan: Scan) -> None:
        self._stream, self._scan = stream, scan

    def read(self, size: int, /) -> bytes:
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
    scan.found += findings(search(Counted(stream, scan), matcher), name)


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
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                scan.unread.append(Skipped(str(path), "It is no ordinary file."))
                return
            scan_stream(file, str(path), matcher, scan)
            file.seek(0)
            if file.read(len(_GZIP)) == _GZIP:
                file.seek(0)
                _scan_gzip(file, str(path), matcher, scan)
    except OSError as error:
        scan.unread.append(Skipped(str(path), _reason(error)))


def _scan_gzip(file: BinaryIO, name: str, matcher: Matcher, scan: Scan) -> None:
    """Look through what is compressed, such as an older log; what was found before it breaks off counts."""
    with gzip.GzipFile(fileobj=file) as content:
        unpacked = _Unpacked(content)
        scan.found += findings(search(Counted(unpacked, scan), matcher), name)
    if unpacked.is_broken:
        scan.unread.append(Skipped(name, "What it has compressed is damaged or cut short."))
    elif unpacked.left <= 0:
        scan.unread.append(Skipped(name, f"It unpacks to more than {UNPACKED_MAX >> 30} GiB, and was searched so far."))


class _Unpacked:
    """What a gzip file holds, up to :data:`UNPACKED_MAX` bytes, or to where it breaks off."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream, self.left, self.is_broken = stream, UNPACKED_MAX, False

    def read(self, size: int, /) -> bytes:
        """As a file's."""
        try:
            data = self._stream.read1(min(size, self.left)) if self.left > 0 else b""
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.is_broken = True
            return b""
        self.left -= len(data)
        return data


def _reason(error: OSError) -> str:
    return f"{error.strerror or type(error).__name__}."
