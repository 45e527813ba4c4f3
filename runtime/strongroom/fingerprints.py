"""What inputs are, as a hash: the same in every process, and free of secrets.

Values are pickled without memo, so that equal values give equal bytes whatever objects they share; sets and mappings
are put in order; a saved block stands for itself by type, name and version.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from types import FunctionType
from typing import Any

from strongroom.definitions import module_stem
from strongroom.errors import CacheKeyProblem

FINGERPRINT_LIMIT = 1024 * 1024
_ATOMS = frozenset({str, int, float, bool, bytes, list, tuple, type(None)})
_SMALL = frozenset({float, bool, type(None), int})


class _TooMuch(Exception):
    pass


class _Hash(io.RawIOBase):
    """A file that hashes what is written, up to a limit."""

    def __init__(self, limit: int | None) -> None:
        self._hash = hashlib.sha256()
        self._left = sys.maxsize if limit is None else limit

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._left -= size
        if self._left < 0:
            raise _TooMuch
        self._hash.update(data)
        return size

    def digest(self) -> bytes:
        return self._hash.digest()


class _Canonical(pickle.Pickler):
    """Writes equal values as equal bytes. ``strict`` refuses what has no identity that may be shown.

    ``dumps`` takes pydantic models by what they say of themselves, which need not be all that they hold.
    """

    def __init__(self, file: Any, strict: bool, dumps: bool = False) -> None:
        super().__init__(file, protocol=5)
        self.fast = True
        self._strict = strict
        self._dumps = dumps

    def persistent_id(self, value: Any) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return None
        if kind is dict:
            return "dict", _ordered((_digest(key, self._strict, self._dumps), item) for key, item in value.items())
        if kind is set or kind is frozenset:
            return kind.__name__, sorted(_digest(item, self._strict, self._dumps) for item in value)
        if isinstance(value, type | FunctionType):
            return _name(value)
        identity = _identity(value, self._strict)
        if identity is None and self._dumps and hasattr(kind, "__pydantic_serializer__"):
            return "model", f"{kind.__module__}.{kind.__qualname__}", kind.__pydantic_serializer__.to_python(value)
        return identity


def _name(value: Any) -> tuple[str, ...] | None:
    """What stands for a class or function: the same whether its file is run as a script, or loaded to resume a run."""
    if "<" in value.__qualname__:
        return None
    module = value.__module__ or ""
    return "name", module_stem(value) if module.startswith("__") else module, value.__qualname__


def _ordered(pairs: Any) -> list[Any]:
    return sorted(pairs, key=lambda pair: pair[0])


def _identity(value: Any, strict: bool) -> tuple[str, ...] | None:
    """What stands for a block or a secret; None for a value of any other kind."""
    blocks = sys.modules.get("strongroom_blocks.block")
    if blocks is not None and isinstance(value, blocks.Block):
        from strongroom_blocks import reference_of

        from strongroom.calls.block_loads import note_block

        kind, reference = f"{type(value).__module__}.{type(value).__qualname__}", reference_of(value)
        if reference is None and strict:
            raise CacheKeyProblem(
                f"A {type(value).__name__} among the inputs is not saved, so nothing safe to show identifies it.",
                "Save the block and pass it loaded, or leave it out: cache_policy=INPUTS - 'name'.",
            )
        note_block(value, reference)
        return "block", kind, "" if reference is None else str(reference)
    secrets = sys.modules.get("pydantic.types")
    if secrets is not None and isinstance(value, (secrets.SecretStr, secrets.SecretBytes, secrets.Secret)):
        if strict:
            raise CacheKeyProblem(
                "A secret among the inputs has no identity that may be shown.",
                "Pass a saved block that holds it, or leave it out: cache_policy=INPUTS - 'name'.",
            )
        return "secret", type(value).__qualname__
    return None


def _digest(value: Any, strict: bool, dumps: bool) -> bytes:
    file = io.BytesIO()
    _Canonical(file, strict, dumps).dump(value)
    return hashlib.sha256(file.getvalue()).digest()


def fingerprint(value: Any) -> bytes | None:
    """Tells whether two calls had the same inputs; None where that cannot be told at a bounded cost.

    Unpicklable inputs and those beyond 1 MiB have none. Two secrets, or two blocks that are not saved, look the same.
    """
    if type(value) is tuple and _SMALL.issuperset(map(type, value)):
        return _plain_digest(value)
    file = _Hash(FINGERPRINT_LIMIT)
    try:
        _Canonical(file, strict=False).dump(value)
    except Exception:
        return None
    return file.digest()


def _plain_digest(values: tuple[Any, ...]) -> bytes:
    """What :class:`_Canonical` gives for numbers and the like, in a third of the time."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.fast = True
    pickler.dump(values)
    return hashlib.sha256(file.getvalue()).digest()


def hash_objects(*values: Any) -> str:
    """A hash of values for a cache key, in hexadecimal; raises :class:`~strongroom.errors.CacheKeyProblem`.

    A pydantic model that cannot be pickled is taken by what its serializer gives.
    """
    error: Exception | None = None
    for dumps in (False, True):
        file = _Hash(None)
        try:
            _Canonical(file, strict=True, dumps=dumps).dump(values)
            return file.digest().hex()
        except CacheKeyProblem:
            raise
        except Exception as problem:
            error = error or problem
    raise CacheKeyProblem(
        f"A {_kinds(values)} cannot be hashed ({type(error).__name__}).",
        "Leave it out: cache_policy=INPUTS - 'name', or give a cache_key_fn.",
    ) from None


def _kinds(values: tuple[Any, ...]) -> str:
    return " or ".join(dict.fromkeys(type(value).__qualname__ for value in values)) or "value"
