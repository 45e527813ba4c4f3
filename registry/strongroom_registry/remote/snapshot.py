"""What a client loaded, sealed on its disk, for the time when the server is away. The normative text is
``docs/spec/offline-snapshot.md``."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ValidationError

from strongroom_registry.derivation import derive, framed
from strongroom_registry.private_output import make_private_folder, new_private_file

M = TypeVar("M", bound=BaseModel)

MAGIC = b"SROF\x01\x00\x00\x00"
OFFLINE = b"strongroom/v1/offline"
OFFLINE_NAME = b"strongroom/v1/offline-name"
SIZE_MAX = 96 * 1024 * 1024
_SALT, _NONCE, _TAG, _TIME = 32, 12, 16, 8
_HEADER = len(MAGIC) + _SALT + _NONCE
_AHEAD_SECONDS = 60.0
_FRESH = 0.1
"""The part of the longest age within which an answer that is the same is not written again."""

_log = logging.getLogger("strongroom")


def cache_folder() -> Path:
    """``~/.cache/strongroom``; ``$XDG_CACHE_HOME`` stands for ``~/.cache`` where it is set to an absolute path."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(configured) if os.path.isabs(configured) else Path.home() / ".cache") / "strongroom"


class Snapshot:
    """Answers of one server about one workspace, each in a file of its own, sealed under a key made of the token.

    A file is bound to the server, the workspace, what was asked for and when. What is older than ``max_age``, or says
    that it is from the future, is removed and not given out.

    :param place: the server and the workspace, as text.
    :param token: asked for each time: another token opens nothing that one before it sealed.
    :param max_age: in seconds.
    :param clock: seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        place: str,
        token: Callable[[], str],
        max_age: float,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._place = place.encode()
        self._token = token
        self._max_age = max_age
        self._clock = clock
        self._written: dict[str, tuple[str, float]] = {}

    def keep(self, what: str, value: BaseModel, tag: str = "") -> None:
        """Keep an answer. Where that cannot be written it is not kept, and the log says so.

        :param tag: an answer that was kept under it is the same one; it is written again only when it begins to age.
        """
        written = self._written.get(what)
        if written is not None and written[0] == tag and 0 <= self._clock() - written[1] < self._max_age * _FRESH:
            return
        now = int(self._clock() * 1000).to_bytes(_TIME, "big")
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        header = MAGIC + salt + nonce
        plain = now + value.model_dump_json(by_alias=True).encode()
        sealed = AESGCM(self._key(salt)).encrypt(nonce, plain, self._bound(header, what))
        path = self._path(what)
        try:
            make_private_folder(path.parent)
            with new_private_file(path, replace=True) as file:
                file.write(header + sealed)
            self._written[what] = (tag, self._clock())
        except OSError as exc:
            _log.warning("What was loaded is not kept for when the server is away: %s.", exc.strerror)

    def get(self, what: str, model: type[M]) -> tuple[M, float] | None:
        """An answer and its age in seconds; None where there is none that is young enough."""
        path = self._path(what)
        found = self._opened(path, what)
        if found is None:
            return None
        age = self._clock() - int.from_bytes(found[:_TIME], "big") / 1000
        if not -_AHEAD_SECONDS <= age <= self._max_age:
            self.drop(what)
            return None
        try:
            return model.model_validate_json(found[_TIME:]), max(age, 0.0)
        except ValidationError:  # another version of Strongroom wrote it
            return None

    def drop(self, what: str) -> None:
        """Forget an answer."""
        self._written.pop(what, None)
        try:
            self._path(what).unlink(missing_ok=True)
        except OSError as exc:
            _log.warning("%s cannot be removed: %s.", self._path(what), exc.strerror)

    def _opened(self, path: Path, what: str) -> bytes | None:
        try:
            with path.open("rb") as file:
                data = file.read(SIZE_MAX + 1)
        except OSError:
            return None
        if not _HEADER + _TAG + _TIME <= len(data) <= SIZE_MAX or data[: len(MAGIC)] != MAGIC:
            return None
        header, sealed = data[:_HEADER], data[_HEADER:]
        salt, nonce = header[len(MAGIC) : -_NONCE], header[-_NONCE:]
        try:
            return AESGCM(self._key(salt)).decrypt(nonce, sealed, self._bound(header, what))
        except InvalidTag:
            return None

    def _key(self, salt: bytes) -> bytes:
        return derive(self._token().encode(), framed(OFFLINE), salt=salt)

    def _bound(self, header: bytes, what: str) -> bytes:
        return framed(OFFLINE, header, self._place, what.encode())

    def _path(self, what: str) -> Path:
        key = derive(self._token().encode(), framed(OFFLINE_NAME))
        return self._place_folder / digest(key, framed(self._place, what.encode()), "sha256").hex()

    @property
    def _place_folder(self) -> Path:
        return self._folder / sha256(self._place).hexdigest()[:32]
