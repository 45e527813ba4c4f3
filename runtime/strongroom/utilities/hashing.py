"""``prefect.utilities.hashing`` under its name: what stands for values, in keys of caches and names of files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from strongroom import fingerprints
from strongroom.errors import CacheKeyProblem

_md5 = partial(hashlib.md5, usedforsecurity=False)


def stable_hash(*args: str | bytes, hash_algo: Callable[[], Any] = _md5) -> str:
    """The hash of texts and bytes, one after the other, in hexadecimal: the same as Prefect's.

    MD5 where no other constructor of :mod:`hashlib` is given, so it tells values apart and protects nothing.
    """
    state = hash_algo()
    for part in args:
        state.update(part.encode() if isinstance(part, str) else part)
    return str(state.hexdigest())


def file_hash(path: str | Path, hash_algo: Callable[[], Any] = _md5) -> str:
    """The :func:`stable_hash` of a file's content."""
    return stable_hash(Path(path).read_bytes(), hash_algo=hash_algo)


def hash_objects(*args: Any, raise_on_failure: bool = False, **kwargs: Any) -> str | None:
    """A hash of any values that pickle, the same in every process; not the same text as Prefect's.

    None for what cannot be hashed, or has no identity that may be shown, such as a secret; with ``raise_on_failure``
    it raises :class:`~strongroom.errors.CacheKeyProblem` in place of that.
    """
    try:
        return fingerprints.hash_objects(args, kwargs)
    except CacheKeyProblem:
        if raise_on_failure:
            raise
        return None
