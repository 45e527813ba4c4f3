"""Masks, wherever text leaves the process, every secret that this process holds: by value, not by the name of a field.

What is searched for, of each registered value:

- its clear text, and the text as it stands in URLs, base64 (at each alignment), hex, JSON and ``repr``, or as UTF-8
  that was read as Latin-1;
- of a value with several lines, such as a key in PEM form, every line of 16 characters or more too.

What is not, so that one poor password does not turn every log into stars:

- values of fewer than 5 characters, or of fewer than 3 different ones, such as ``00000000``;
- words that stand in every log (:data:`COMMON`), such as ``password`` or ``localhost``;
- a value of 5 to 7 characters inside a longer word: it is masked where it stands alone.

If masking itself fails, the text is withheld: redaction fails closed.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from strongroom_blocks.secrets import SECRET_KINDS, STARS, held

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

SHORTEST = 5
SHORT = 8
FEWEST = 3
SHORTEST_LINE = 16
CHUNK = 1 << 16
WITHHELD = "[withheld: redaction failed]"
_WORDS = """
    access account admin administrator changeme client credentials database default development disabled
    enabled example false guest hello local localhost master mysql nobody password postgres postgresql
    private production public readonly secret secrets server service snowflake staging string system
    testing token undefined unknown username value warning
"""
COMMON = frozenset(_WORDS.split())
"""Words that stand in so many lines that masking them would hide the log rather than the secret."""

_SETTLED = 256
"""From this many patterns on, new ones get an automaton of their own before they are merged."""


def forms(secret: str) -> set[str]:
    """The texts in which a secret would give itself away."""
    return set(kinds_of_forms(secret))


def kinds_of_forms(secret: str) -> dict[str, str]:
    """These texts, and what each one is: ``raw``, ``url``, ``base64``, ``hex``, ``json``, or a ``line`` of several."""
    raw = secret.encode("utf-8", "surrogateescape")
    found = dict.fromkeys((secret, raw.decode("latin-1")), "raw") | kinds_of_bytes(raw)
    for form in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        found.setdefault(form, "url")
    for form, kind in list(found.items()):
        if "%" in form:
            found.setdefault(form.replace("%", "%25"), "url")
        found.setdefault(_lowered(form), kind)
    for form in (*_in_json(secret), repr(secret)[1:-1], repr(raw)[2:-1]):
        found.setdefault(form, "json")
    if "\n" in secret:
        for line in map(str.strip, secret.splitlines()):
            if len(line) >= SHORTEST_LINE and not line.startswith("-----"):
                found.setdefault(line, "line")
    return {form: kind for form, kind in found.items() if len(form) >= SHORTEST}


def _in_json(secret: str) -> set[str]:
    """As JSON writers differ, and as JSON text within JSON."""
    found = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for form in list(found):
        html_safe = form.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        found |= {form.replace("/", "\\/"), html_safe}
    return found | {json.dumps(form, ensure_ascii=False)[1:-1] for form in found}


def _lowered(quoted: str) -> str:
    """With small letters in its escapes: ``%2f`` for ``%2F``."""
    return re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), quoted)


def kinds_of_bytes(raw: bytes) -> dict[str, str]:
    """Hex, and base64 without the characters that depend on what stands before and after, with their kinds."""
    found = dict.fromkeys((raw.hex(), raw.hex().upper()), "hex")
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode()
        cut = text[(0, 2, 3)[shift] : len(text) - (0, 3, 2)[(shift + len(raw)) % 3]]
        for form in (cut, cut.replace("+", "-").replace("/", "_")):
            found.setdefault(form, "base64")
    return {form: kind for form, kind in found.items() if len(form) >= SHORT}


class Redactor:
    """Knows secrets and masks them in text. Registering is cheap: automata are made when text is first seen."""

    def __init__(self) -> None:
        self._known: set[str | bytes] = set()
        self._pending: list[str | bytes] = []
        self._lock = threading.Lock()
        self._automata: list[_Automaton] = []

    def register(self, value: Any) -> None:
        """Mask ``value`` from now on: text or bytes; all that a mapping, list or secret holds; a number's digits."""
        if type(value) is str or type(value) is bytes:
            if value not in self._known and len(value) >= SHORTEST:
                self._known.add(value)
                self._pending.append(value)
                self._first()
            return
        for text in _texts(value):
            self.register(text)

    def forget(self) -> None:
        """Forget every secret, so that those of one test do not star the words of the next."""
        with self._lock:
            self._known, self._pending, self._automata = set(), [], []

    def _first(self) -> None:
        """Overridden by the redactor of the process, which hooks itself into logging at the first secret."""

    def redact(self, text: str) -> str:
        """``text`` with every registered secret replaced by stars."""
        if not self._known:
            return text
        try:
            return self._masked(text)
        except Exception:
            return WITHHELD

    def redact_value(self, value: Any) -> Any:
        """Nested data with secrets masked in texts, keys and numbers; what is no data becomes its masked ``repr``."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, SECRET_KINDS):
            return STARS
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, bytes | bytearray):
            return self.redact(bytes(value).decode("latin-1")).encode("latin-1", "replace")
        if isinstance(value, Mapping):
            return {self.redact_value(key): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            items = [self.redact_value(item) for item in value]
            return (
                items if isinstance(value, list) else tuple(items) if isinstance(value, tuple) else type(value)(items)
            )
        text = str(value)
        masked = self.redact(text)
        if isinstance(value, int | float | complex):
            return value if masked == text else masked
        return self.redact(repr(value))

    def _masked(self, text: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-8", "backslashreplace").decode()
        if self._pending:
            self._settle()
        spans = [span for automaton in self._automata for span in automaton.spans(text)]
        return _replaced(text, spans) if spans else text

    def _settle(self) -> None:
        """Make automata for what is new. Small ones stand beside the large one until they are worth a merge."""
        with self._lock:
            taken = len(self._pending)
            new = _Automaton({form: short for value in self._pending[:taken] for form, short in _patterns(value)})
            automata = [*self._automata, new]
            if len(automata) > 4 or len(new.patterns) > _SETTLED:
                automata = [_Automaton({form: short for each in automata for form, short in each.patterns.items()})]
            self._automata = automata
            del self._pending[:taken]


def _texts(value: Any) -> Iterator[str | bytes]:
    if isinstance(value, SECRET_KINDS):
        plain = held(value)
        if plain is value:
            return  # a reference to a secret: masked when it is fetched
        value = plain
    if isinstance(value, str):
        yield str(value)
    elif isinstance(value, bytes | bytearray):
        yield bytes(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bool) or value is None:
        return
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        for item in vars(value).values():
            yield from _texts(item)
    else:
        yield str(value)


def _patterns(value: str | bytes) -> Iterator[tuple[str, bool]]:
    """Each form with whether it must stand alone."""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            yield from ((form, False) for form in {*kinds_of_bytes(value), repr(value)[2:-1], value.decode("latin-1")})
            return
    else:
        text = value
    if len(text) < SHORTEST or text.lower() in COMMON or len(set(text)) < FEWEST:
        return
    for form in forms(text):
        yield form, len(form) < SHORT


class _Automaton:
    """Finds all of its patterns in one pass over the text."""

    def __init__(self, patterns: dict[str, bool]) -> None:
        self.patterns = patterns
        self._short = list(patterns.values())
        self._longest = max(map(len, patterns), default=0)
        self._search: AhoCorasick | None = None
        if patterns:
            from ahocorasick_rs import AhoCorasick

            self._search = AhoCorasick(list(patterns), store_patterns=False)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets stand. Long text is taken in overlapping chunks, so that memory stays bounded."""
        if self._search is None:
            return
        step = max(CHUNK, 2 * self._longest)
        for start in range(0, len(text), step):
            chunk = text[start : start + step + self._longest - 1]
            found = [
                (start + first, start + last)
                for index, first, last in self._search.find_matches_as_indexes(chunk, overlapping=True)
                if not self._short[index] or _stands_alone(text, start + first, start + last)
            ]
            yield from _merged(found)


def _stands_alone(text: str, first: int, last: int) -> bool:
    before = first > 0 and text[first - 1].isalnum()
    after = last < len(text) and text[last].isalnum()
    return not before and not after


def _replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Each run of overlapping or touching spans becomes one mask."""
    parts: list[str] = []
    end = 0
    for first, last in _merged(spans):
        parts += [text[end:first], STARS]
        end = last
    return "".join([*parts, text[end:]])


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The spans in order, those that overlap or touch as one."""
    current: tuple[int, int] | None = None
    for first, last in sorted(spans):
        if current is not None and first <= current[1]:
            current = (current[0], max(current[1], last))
            continue
        if current is not None:
            yield current
        current = (first, last)
    if current is not None:
        yield current


class _ProcessRedactor(Redactor):
    """The redactor of the process: hooks itself into what writes text once there is something to hide."""

    _installed = False

    def _first(self) -> None:
        if not self._installed:
            self._installed = True
            self.install()

    def install(self) -> None:
        """Mask log records, uncaught exceptions and warnings. Done by itself at the first secret."""
        from strongroom_blocks.masking import install

        self._installed = True
        install(self)


redactor = _ProcessRedactor()
"""The redactor of this process: it knows every secret that a block here has held."""
