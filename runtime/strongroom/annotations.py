"""Marks around an argument that say how a task takes it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Annotation(Generic[T]):
    """A value and what is to be done with it; the task gets the value itself."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def unwrap(self) -> T:
        """The value without the mark."""
        return self.value

    def rewrap(self, value: Any) -> Annotation[Any]:
        """The same mark around another value."""
        return type(self)(value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(Annotation[T]):  # noqa: N801
    """In ``task.map``: every call gets the value as a whole, though it could be iterated over."""

    __slots__ = ()

    def __getitem__(self, _: object) -> T:
        return self.value


class allow_failure(Annotation[T]):  # noqa: N801
    """The task runs even if the run behind this future failed, and gets its exception in place of a result."""

    __slots__ = ()


class quote(Annotation[T]):  # noqa: N801
    """The value is handed over as it is: nobody looks for futures inside, which saves time on large collections."""

    __slots__ = ()

    def unquote(self) -> T:
        """The value without the mark."""
        return self.value


class opaque(Annotation[T]):  # noqa: N801
    """A future here is resolved, but nobody looks for further futures inside of a collection."""

    __slots__ = ()


class freeze(Annotation[T]):  # noqa: N801
    """In the parameters of a deployment: the value stays what it is, in whatever way its runs are begun."""

    __slots__ = ()


class NotSet:
    """The default of an option whose ``None`` means something."""
