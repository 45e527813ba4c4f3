"""How results become bytes: ``pickle``, ``json``, either of them compressed, and forms of one's own."""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any

from strongroom.errors import InvalidSerializer, UnserializableResult

_script: ModuleType | None = None


class Serializer:
    """Turns a value into bytes and back. Subclass it, with a ``type`` of its own, for a form of one's own::

        class Rows(Serializer):
            type: str = "rows"

            def dumps(self, obj): ...
            def loads(self, blob): ...

    From then on ``"rows"`` names it, also inside ``"compressed/rows"``. Other annotated attributes are options:
    ``Rows(limit=3)``. ``name`` is kept beside the bytes and finds the serializer again.
    """

    type: Any = None

    def __init__(self, **options: Any) -> None:
        known = {name for kind in type(self).__mro__ for name in vars(kind).get("__annotations__", ())}
        for name, value in options.items():
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no option {name!r}.")
            setattr(self, name, value)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if isinstance(own := vars(cls).get("type"), str):
            _registered[own] = cls

    @property
    def name(self) -> str:
        """What finds it again."""
        return str(self.type)

    def dumps(self, obj: Any) -> bytes:
        """The bytes of a value."""
        raise NotImplementedError

    def loads(self, blob: bytes) -> Any:
        """The value of these bytes."""
        raise NotImplementedError


_registered: dict[str, type[Serializer]] = {}


def resolve(serializer: str | Serializer) -> Serializer:
    """The serializer of this name; raises :class:`~strongroom.errors.InvalidSerializer` for a name that none has."""
    return _named(serializer) if isinstance(serializer, str) else serializer


def _named(name: str) -> Serializer:
    if name.startswith("compressed/"):
        return CompressedSerializer(_named(name.removeprefix("compressed/")))
    if name not in _registered:
        raise InvalidSerializer(
            f"{name!r:.80} is no serializer that this process knows.",
            'Use "pickle", "json", "compressed/pickle" or "compressed/json", or import the module that defines it.',
        )
    return _registered[name]()


def use_script(module: ModuleType) -> None:
    """Let pickles that speak of ``__main__`` find their classes in ``module``.

    A flow that ran as a script pickled its classes as ``__main__.Row``; where its file is loaded as a module, to
    resume a run, they are found there.
    """
    global _script
    _script = module


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__" and _script is not None and not hasattr(sys.modules["__main__"], name.split(".")[0]):
            module = _script.__name__
        return super().find_class(module, name)


@dataclass(frozen=True, slots=True)
class PickleSerializer(Serializer):
    """Python's pickle; what it cannot write (lambdas, local classes) goes through cloudpickle, or ``picklelib``."""

    type = "pickle"
    picklelib: str = "cloudpickle"

    def dumps(self, value: Any, limit: int | None = None) -> bytes:
        """The pickle of ``value``; raises :class:`~strongroom.errors.UnserializableResult`, also beyond ``limit``."""
        if type(value) in _SMALL and (limit is None or limit > _SMALL_BYTES):
            return pickle.dumps(value, 5)
        try:
            return _bounded_pickle(pickle.Pickler, value, limit)
        except _TooLong:
            raise UnserializableResult(
                f"The pickle is longer than {limit} bytes.", "Return less, or persist it."
            ) from None
        except Exception:
            return _pickled_by(self.picklelib, value, limit)

    def loads(self, blob: bytes) -> Any:
        """The value of a pickle. Only for bytes whose seal was checked: a forged pickle runs code."""
        return _Unpickler(io.BytesIO(blob)).load()


_SMALL = frozenset({type(None), bool, float})
_SMALL_BYTES = 32
"""What takes so few bytes is pickled the short way: most tasks give nothing, or a number."""


class _TooLong(Exception):
    """The pickle passed its limit."""


class _Buffer:
    """Collects what a pickler writes, up to a limit."""

    __slots__ = ("left", "parts")

    def __init__(self, limit: int | None) -> None:
        self.parts: list[bytes] = []
        self.left = sys.maxsize if limit is None else limit

    def write(self, part: Any) -> int:
        size = part.nbytes if isinstance(part, memoryview) else len(part)
        self.left -= size
        if self.left < 0:
            raise _TooLong
        self.parts.append(bytes(part))
        return size


def _bounded_pickle(pickler: Any, value: Any, limit: int | None) -> bytes:
    buffer = _Buffer(limit)
    pickler(buffer, protocol=5).dump(value)
    return buffer.parts[0] if len(buffer.parts) == 1 else b"".join(buffer.parts)


def _pickled_by(library: str, value: Any, limit: int | None) -> bytes:
    try:
        return _bounded_pickle(importlib.import_module(library).Pickler, value, limit)
    except _TooLong:
        raise UnserializableResult(f"The pickle is longer than {limit} bytes.", "Return less, or persist it.") from None
    except Exception as error:
        # Neither chained nor quoted: what a pickler says of an object may carry its values.
        raise UnserializableResult(
            f"A {type(value).__qualname__} cannot be pickled ({type(error).__name__}).",
            "Return data rather than open connections, locks or generators.",
        ) from None


@dataclass(frozen=True, slots=True)
class JSONSerializer(Serializer):
    """JSON text, for results that other programs read.

    Lists, mappings, texts, numbers, booleans and None are written as such: tuples come back as lists, keys as texts.
    Anything else that pydantic knows (datetime, UUID, Decimal, Path, set, dataclasses, models) is written as
    ``{"__class__": "module:name", "data": …}`` and comes back as what it was. Secrets are refused.
    """

    type = "json"
    dumps_kwargs: dict[str, Any] = field(default_factory=dict)
    loads_kwargs: dict[str, Any] = field(default_factory=dict)

    def dumps(self, value: Any) -> bytes:
        """The JSON of ``value``; raises :class:`~strongroom.errors.UnserializableResult`."""
        try:
            return json.dumps(value, **{"default": _tagged, "ensure_ascii": False, **self.dumps_kwargs}).encode()
        except UnserializableResult:
            raise
        except Exception as error:
            raise UnserializableResult(
                f"A {type(value).__qualname__} cannot be written as JSON ({type(error).__name__}).",
                'Use the serializer "pickle".',
            ) from None

    def loads(self, blob: bytes) -> Any:
        return json.loads(blob, **{"object_hook": _untagged, **self.loads_kwargs})


_TEXTS: dict[type, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    bytes: (bytes.hex, bytes.fromhex),
    bytearray: (bytearray.hex, bytearray.fromhex),
    Decimal: (str, Decimal),
}


def _tagged(value: Any) -> dict[str, Any]:
    from pydantic import BaseModel, Secret, SecretBytes, SecretStr
    from pydantic_core import to_jsonable_python

    kind = type(value)
    if isinstance(value, Secret | SecretStr | SecretBytes):
        raise UnserializableResult("A secret is not written as JSON.", 'Use the serializer "pickle", which is sealed.')
    if "<locals>" in kind.__qualname__:
        raise UnserializableResult(
            f"{kind.__qualname__} is local to a function, so it cannot be found again.", "Define it in a module."
        )
    if isinstance(value, BaseModel):
        data: Any = dict(value)  # members as they are, so that a secret among them is met by this function
    elif is_dataclass(value):
        data = {member.name: getattr(value, member.name) for member in fields(value)}
    elif isinstance(value, set | frozenset):
        data = list(value)
    elif kind in _TEXTS:
        data = _TEXTS[kind][0](value)
    else:
        data = to_jsonable_python(value)
    return {"__class__": f"{kind.__module__}:{kind.__qualname__}", "data": data}


def _untagged(mapping: dict[str, Any]) -> Any:
    if mapping.keys() != {"__class__", "data"}:
        return mapping
    module, _, name = mapping["__class__"].partition(":")
    found: Any = _script if module == "__main__" and _script is not None else importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if found in _TEXTS:
        return _TEXTS[found][1](mapping["data"])
    from pydantic import TypeAdapter

    return TypeAdapter(found).validate_python(mapping["data"])


@dataclass(frozen=True, slots=True)
class CompressedSerializer(Serializer):
    """The bytes of another serializer, given itself or by name, compressed.

    ``compressionlib`` is a module with ``compress`` and ``decompress``: ``zlib``, ``lzma``, ``bz2`` or ``gzip``. What
    was compressed by any of these is read back.
    """

    serializer: Serializer = field(default_factory=PickleSerializer)
    level: int = 6
    compressionlib: str = "zlib"

    def __post_init__(self) -> None:
        object.__setattr__(self, "serializer", resolve(self.serializer))
        if self.compressionlib not in _MARKS:
            raise InvalidSerializer(
                f"{self.compressionlib!r:.40} does not compress here.", f"Use one of {', '.join(_MARKS)}."
            )

    @property
    def name(self) -> str:
        return f"compressed/{self.serializer.name}"

    def dumps(self, obj: Any) -> bytes:
        body = self.serializer.dumps(obj)
        if self.compressionlib == "zlib":
            return zlib.compress(body, self.level)
        return bytes(importlib.import_module(self.compressionlib).compress(body))

    def loads(self, blob: bytes) -> Any:
        library = next((name for name, mark in _MARKS.items() if blob.startswith(mark)), "zlib")
        return self.serializer.loads(importlib.import_module(library).decompress(blob))


_MARKS = {"zlib": b"x", "lzma": b"\xfd7zXZ", "bz2": b"BZh", "gzip": b"\x1f\x8b"}
"""How the bytes of each library begin."""


@dataclass(frozen=True, slots=True)
class CompressedPickleSerializer(CompressedSerializer):
    """Python's pickle, compressed."""


@dataclass(frozen=True, slots=True)
class CompressedJSONSerializer(CompressedSerializer):
    """JSON text, compressed."""

    serializer: Serializer = field(default_factory=JSONSerializer)
