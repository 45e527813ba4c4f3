"""Finding values by keyed fingerprints, where the values themselves must not be: on a build server, on a laptop.

For each value an index holds its length, the classes of its first 8 bytes, and an HMAC-SHA256 of all of it, under a key
that is derived from the workspace's and stands in the index. The classes are four, to which a table made at random for
the index assigns all bytes: 2 bits of each byte. A scan translates what it passes into classes, finds those 8 in it,
and takes the HMAC of as many bytes as the value has. Text that is encoded is decoded first, so that one fingerprint
serves for every form of a value.

Whoever has an index can tell names of blocks and fields and the lengths of their values, learns at most 16 bits of each
value, and can test guesses of a whole value, as fast as his machine takes HMACs. So values that could be guessed are
left out (:data:`LEAST_BITS`), unless that is wanted, and the index can be sealed to a key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from strongroom_blocks.redaction import SHORTEST_LINE

from strongroom.errors import ScanProblem
from strongroom.scanning.findings import Skipped
from strongroom.scanning.matcher import Hit, Owner
from strongroom.scanning.sought import Sought
from strongroom.scanning.values import BEGINNING

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry

PURPOSE = "scan-index"
ANCHOR = 8
"""Of how many of a value's first bytes an index tells the classes; shorter values have no fingerprint."""
LEAST_BITS = 80.0
"""How hard a value must be to guess to be in an index that is not sealed, as :func:`strength` measures it."""
INDEX_MAX = 64 << 20
FINGERPRINTS_MAX = 200_000
_MAC = 16
_WHY_WEAK = "It could be guessed by whoever finds the index. Seal the index, or say --weak."

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_WORD = re.compile(rb"[!-~]+")
_LINE = re.compile(rb"[^\n]+")
_ESCAPES = re.compile(rb'(?:\\(?:u[0-9A-Fa-f]{4}|["\\/bfnrt]))+')


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    owners: tuple[tuple[str, str], ...]
    length: int = Field(ge=ANCHOR, le=8 * BEGINNING)
    anchor: str = Field(pattern=rf"^[0-3]{{{ANCHOR}}}$")
    mac: str = Field(pattern=rf"^[0-9a-f]{{{2 * _MAC}}}$")
    line: bool = False


class _Index(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    strongroom_scan_index: int = Field(ge=1, le=1)
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    classes: str = Field(pattern=r"^[0-3]{256}$")
    fingerprints: tuple[_Entry, ...] = Field(max_length=FINGERPRINTS_MAX)


def strength(value: str | bytes) -> float:
    """How hard a value is to guess at most, in bits: its length times the entropy of its characters.

    It knows no words: a long sentence counts for more than it is worth.
    """
    counts = Counter(value)
    return -sum(count * math.log2(count / len(value)) for count in counts.values())


def make_index(registry: Registry, sought: Iterable[Sought], *, weak: bool = False) -> tuple[bytes, list[Skipped]]:
    """An index of the fingerprints of these values, and whose values are not in it.

    :param weak: those that could be guessed too.
    """
    key = bytes.fromhex(registry.sealer("scan").name(b"fingerprints"))
    table = _random_table()
    entries: dict[tuple[int, str], _Entry] = {}
    left_out: list[Skipped] = []
    for secret in sought:
        if len(secret.value) < ANCHOR:
            why = f"A fingerprint needs a value of {ANCHOR} characters."
            left_out += (Skipped(f"{owner.block}#{owner.field}", why, expected=True) for owner in secret.owners)
            continue
        if not weak and strength(secret.value) < LEAST_BITS:
            left_out += (Skipped(f"{owner.block}#{owner.field}", _WHY_WEAK, expected=True) for owner in secret.owners)
            continue
        for piece, is_line in _pieces(secret.value):
            if len(piece) < ANCHOR or (not weak and strength(piece) < LEAST_BITS):
                continue  # a line that could be guessed
            entry = _Entry(
                owners=tuple((owner.block, owner.field) for owner in secret.owners),
                length=len(piece),
                anchor=piece[:ANCHOR].translate(table).decode(),
                mac=_mac(key, piece).hex(),
                line=is_line,
            )
            entries.setdefault((entry.length, entry.mac), entry)
    index = _Index(strongroom_scan_index=1, key=key.hex(), classes=table.decode(), fingerprints=tuple(entries.values()))
    return index.model_dump_json().encode(), left_out


def _random_table() -> bytes:
    """A class for each byte, as a digit; each class has 64 of them."""
    digits = list("0123" * 64)
    SystemRandom().shuffle(digits)
    return "".join(digits).encode()


def _pieces(value: str | bytes) -> Iterator[tuple[bytes, bool]]:
    """What a value is known by: its beginning, and of one with several lines each line."""
    if isinstance(value, bytes):
        yield value[:BEGINNING], False
        return
    yield value[:BEGINNING].encode("utf-8", "surrogatepass"), False
    lines = value.splitlines()
    if len(lines) > 1:
        for line in map(str.strip, lines):
            if len(line) >= SHORTEST_LINE and not line.startswith("-----"):
                yield line[:BEGINNING].encode("utf-8", "surrogatepass"), True


def _mac(key: bytes, value: bytes) -> bytes:
    return hmac.digest(key, value, hashlib.sha256)[:_MAC]


def write_index(path: Path, index: bytes, seal_to: Sequence[str] = ()) -> None:
    """Write an index to a file of mode 600, in the place of what stands there.

    :param seal_to: key URIs (or ``passphrase:``), any of which opens it.
    """
    from strongroom_registry.container import recipient, seal_file
    from strongroom_registry.private_output import new_private_file

    recipients = [recipient(uri) for uri in seal_to]
    with new_private_file(path, replace=True) as file:
        if recipients:
            seal_file(file, PURPOSE, recipients, [index])
        else:
            file.write(index)


def read_index(path: Path, keys: Sequence[str] = ()) -> FingerprintMatcher:
    """What finds the values of an index.

    :param keys: key URIs (or ``passphrase:``) for one that is sealed.
    :raises ScanProblem: it is no index, or a sealed one and no key is given.
    :raises KeyProblem, IntegrityError: a sealed one that these keys do not open.
    """
    from strongroom_registry.container import is_sealed, open_file, recipient

    with path.open("rb") as file:
        sealed = is_sealed(file)
        if sealed and not keys:
            raise ScanProblem(f"{path} is sealed.", "Name what opens it: --key URI")
        if sealed:
            content = b"".join(open_file(file, PURPOSE, [recipient(uri) for uri in keys]))
        else:
            content = file.read(INDEX_MAX + 1)
    if len(content) <= INDEX_MAX:
        try:
            return FingerprintMatcher(_Index.model_validate_json(content))
        except (ValidationError, ValueError):
            pass
    raise ScanProblem(f"{path} is no index of fingerprints.", "Make one: strongroom scan --index FILE")


@dataclass(slots=True)
class _Known:
    """The fingerprints whose first bytes are of the same classes: their lengths, and whose each HMAC is."""

    lengths: set[int] = field(default_factory=set)
    owners: dict[bytes, tuple[tuple[Owner, ...], bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _View:
    """Bytes as they stand, or decoded, and where in the chunk a piece of them came from."""

    content: bytes
    form: str
    place: Callable[[int, int], tuple[int, int]]


class FingerprintMatcher:
    """Finds the values of an index in a chunk as it stands and in what can be decoded of it; holds none of them."""

    def __init__(self, index: _Index) -> None:
        from ahocorasick_rs import BytesAhoCorasick

        self._key, self._table = bytes.fromhex(index.key), index.classes.encode()
        known: dict[str, _Known] = {}
        for entry in index.fingerprints:
            alike = known.setdefault(entry.anchor, _Known())
            alike.lengths.add(entry.length)
            owners = tuple(sorted(Owner(block, name) for block, name in entry.owners))
            alike.owners[bytes.fromhex(entry.mac)] = (owners, entry.line)
        self._known = list(known.values())
        self._anchors = BytesAhoCorasick([anchor.encode() for anchor in known]) if known else None
        self.overlap = 6 * max((entry.length for entry in index.fingerprints), default=0) + 2

    def hits(self, chunk: bytes) -> Iterator[Hit]:
        """Every value of the index in a chunk."""
        for view in _views(chunk) if self._known else ():
            for start, end, owners, is_line in self._in(view.content):
                yield Hit(*view.place(start, end), "line" if is_line else view.form, owners)

    def _in(self, content: bytes) -> Iterator[tuple[int, int, tuple[Owner, ...], bool]]:
        if self._anchors is None:
            return
        classes = content.translate(self._table)
        for index, start, _ in self._anchors.find_matches_as_indexes(classes, overlapping=True):
            known = self._known[index]
            for length in known.lengths:
                piece = content[start : start + length]
                found = known.owners.get(_mac(self._key, piece)) if len(piece) == length else None
                if found is not None:
                    yield start, start + length, *found


def _views(chunk: bytes) -> Iterator[_View]:
    yield _View(chunk, "raw", lambda start, end: (start, end))
    if b"%" in chunk:
        yield from _unquoted(chunk)
    if b"\\" in chunk:
        yield from _unescaped(chunk)
    if b"\0" in chunk:
        for shift in (0, 1):
            yield _from_utf16(chunk[shift:], shift)
    for match in _HEX.finditer(chunk):
        for shift in (0, 1):
            run = match[0][shift:]
            yield _View(bytes.fromhex(run[: len(run) & ~1].decode()), "hex", _stretched(match.start() + shift, 2, 1))
    for match in _BASE64.finditer(chunk):
        run = match[0].replace(b"-", b"+").replace(b"_", b"/")
        for shift in range(4):
            cut = run[shift:]
            whole = cut[: len(cut) & ~3]
            rest = cut[len(whole) :]
            padded = whole + (rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b"")
            yield _View(b64decode(padded), "base64", _stretched(match.start() + shift, 4, 3))


def _stretched(start: int, wide: int, narrow: int) -> Callable[[int, int], tuple[int, int]]:
    """Places of decoded bytes of which ``narrow`` stand in ``wide`` of the chunk, from ``start`` on."""
    return lambda first, last: (start + first * wide // narrow, start + -(-last * wide // narrow))


def _from_utf16(chunk: bytes, shift: int) -> _View:
    content = chunk.decode("utf-16-le", "replace").encode("utf-8", "replace")

    def place(first: int, last: int) -> tuple[int, int]:
        start, end = (len(content[:at].decode("utf-8", "replace").encode("utf-16-le")) for at in (first, last))
        return shift + start, min(shift + end, shift + len(chunk))

    return _View(content, "utf-16", place)


def _fixed(start: int, end: int) -> Callable[[int, int], tuple[int, int]]:
    return lambda _first, _last: (start, end)


def _unquoted(chunk: bytes) -> Iterator[_View]:
    """Percent-encoded words, once and twice, and with ``+`` for a space."""
    for match in _WORD.finditer(chunk):
        if b"%" not in match[0]:
            continue
        texts = {match[0], match[0].replace(b"+", b" ")}
        decoded = {unquote_to_bytes(text) for text in texts}
        for content in decoded | {unquote_to_bytes(text) for text in decoded if b"%" in text}:
            yield _View(content, "url", _fixed(match.start(), match.end()))


def _unescaped(chunk: bytes) -> Iterator[_View]:
    """Lines with the escapes of JSON (of C, Python and others) undone, once and twice."""
    for match in _LINE.finditer(chunk):
        if b"\\" not in match[0]:
            continue
        once = _ESCAPES.sub(_plain, match[0])
        yield _View(once, "json", _fixed(match.start(), match.end()))
        if b"\\" in once:
            yield _View(_ESCAPES.sub(_plain, once), "json", _fixed(match.start(), match.end()))


def _plain(escapes: re.Match[bytes]) -> bytes:
    text: Any = json.loads(b'"' + escapes[0] + b'"')
    return str(text).encode("utf-8", "surrogatepass")
