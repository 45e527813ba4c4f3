"""What to do after a login that failed: the secret may have been rotated since it was fetched."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from strongroom_blocks.sources.secret_reference import Referenced, references_in

T = TypeVar("T")
C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")


def reloaded(value: Any, call: Callable[[], T], *, refused: type[Exception] | tuple[type[Exception], ...]) -> T:
    """What ``call`` returns. Where a login is refused, the secrets that ``value`` points at are fetched anew; if any is
    another one by now, ``call`` is called once more.

    Threads that are refused at the same time fetch once. A value without references is called for once, at no cost.

    :param value: a block, or anything that holds references, whose secrets ``call`` reveals.
    :param refused: the exceptions that say so.
    :raises SourceProblem: a source refused or did not answer when it was asked anew.
    """
    texts = list(dict.fromkeys(reference.text for reference in references_in(value))) if Referenced.made else []
    if not texts:
        return call()
    from strongroom_blocks.sources.resolver import resolver

    before = resolver.moment(texts)
    try:
        return call()
    except refused as error:
        refusal = error
    if not resolver.renew(texts, since=before):
        raise refusal
    return call()


class Reloading(Protocol):
    """A decorator of methods that may be called twice."""

    def __call__(self, method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]: ...


def reloading(field: str, *, refused: type[Exception] | tuple[type[Exception], ...]) -> Reloading:
    """Have a block's method called once more where its login is refused, and there is another by now: a secret that
    stays elsewhere, or a newer version of the block that the login was loaded from.

    The block has a private attribute ``_newer``, ``None`` at first, in which a newer version is left beside the one
    that it stands for: the method asks with that one then.

    :param field: of the block, which holds the login.
    :param refused: the exceptions that say so; see :func:`reloaded`.
    """
    kinds = refused if isinstance(refused, tuple) else (refused,)

    def decorate(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
        @functools.wraps(method)
        def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
            login, asked_with = getattr(self, field), self._newer  # type: ignore[attr-defined]
            try:
                return reloaded(login, lambda: method(self, *args, **kwargs), refused=refused)
            except kinds:
                renewed = _renewed(self, login)
                if not renewed and self._newer is asked_with:  # type: ignore[attr-defined]  # else by another thread
                    raise
            return method(self, *args, **kwargs)

        return call

    return decorate


def _renewed(block: Any, login: Any) -> bool:
    """Whether the block asks with a newer version of its login from here on."""
    from strongroom_blocks.newer_version import newer_version

    newer = newer_version(login)
    if newer is None or (block._newer is not None and block._newer[1] == newer):
        return False
    block._newer = (login, newer)
    return True
