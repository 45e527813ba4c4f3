"""Which sources there are: packages declare them as entry points; tests put their own in place.

A source is made when it is first asked. Where a setting names a block for it, it is made with that block as its
``credentials``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from strongroom_registry.errors import StrongroomError

from strongroom_blocks.errors import InvalidSecretReference, SourceMisconfigured
from strongroom_blocks.sources import settings
from strongroom_blocks.sources.address import Address
from strongroom_blocks.sources.source import SecretSource

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from strongroom_blocks.block import Block

GROUP = "strongroom.secret_sources"

_injected: dict[str, SecretSource] = {}
_made: dict[tuple[str, str | None, str], SecretSource] = {}
_lock = Lock()


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def schemes() -> list[str]:
    """The schemes of all sources there are."""
    return sorted({*_entry_points(), *_injected})


def check(text: str) -> Address:
    """Whether ``text`` is a reference that a source here understands, told without I/O.

    :raises InvalidSecretReference: it is none, or of a scheme that no installed source has.
    """
    address = Address.parse(text)
    _source(address.scheme, None).check(address.rest)
    return address


def source_for(scheme: str) -> SecretSource:
    """The source of a scheme, ready to be asked.

    :raises InvalidSecretReference: there is none.
    :raises SourceMisconfigured: its credentials come from itself, or are not what it takes.
    """
    return _source(scheme, settings.credentials_of(scheme))


def room_of(scheme: str, *, opening: bool = False) -> str:
    """Whose answers a source gives: everybody's in this process (an empty text), or those of one workspace alone, since
    a block of that workspace says who asks.

    :param opening: open the registry for it, where none is open; where that fails, so will asking.
    """
    if settings.credentials_of(scheme) is None:
        return ""
    from strongroom_registry.current import current, opened

    registry = opened()
    if registry is None and opening:
        with suppress(StrongroomError):
            registry = current(create=False)
    return "?" if registry is None else f"{registry.store_id}/{registry.workspace}"


def forget(scheme: str) -> None:
    """Make this source anew when it is next asked: its credentials may have changed."""
    with _lock:
        for key in [key for key in _made if key[0] == scheme]:
            del _made[key]


def _source(scheme: str, credentials: str | None) -> SecretSource:
    injected = _injected.get(scheme)
    if injected is not None:
        return injected
    room = "" if credentials is None else room_of(scheme, opening=True)
    found = _made.get((scheme, credentials, room))
    if found is not None:
        return found
    made = _make(scheme, _factory(scheme), credentials)  # without the lock, since it may have to ask other sources
    with _lock:
        return _made.setdefault((scheme, credentials, room), made)


def _factory(scheme: str) -> Callable[..., SecretSource]:
    point = _entry_points().get(scheme)
    if point is None:
        from strongroom_blocks.catalog import lookalikes

        near = lookalikes(scheme, schemes())
        hint = f" Did you mean {near}?" if near else ""
        raise InvalidSecretReference(
            f'No source of secrets has the scheme "{scheme}".{hint}',
            f"There are {', '.join(schemes())}. For another one, install the package that declares it as an entry "
            f'point of "{GROUP}".',
        )
    factory: Callable[..., SecretSource] = point.load()
    return factory


def _make(scheme: str, factory: Callable[..., SecretSource], credentials: str | None) -> SecretSource:
    if credentials is None:
        return factory()
    kinds = inspect.Parameter
    parameters = inspect.signature(factory).parameters
    if "credentials" not in parameters and not any(p.kind is kinds.VAR_KEYWORD for p in parameters.values()):
        raise SourceMisconfigured(
            f'{settings.variable_of(scheme)} names a block, but the source "{scheme}" takes no credentials.',
            "Unset the variable.",
        )
    return factory(credentials=_credentials(scheme, credentials, (scheme,)))


def _credentials(scheme: str, name: str, around: tuple[str, ...]) -> Block:
    """The block that a setting names, after a look at where its own secrets come from."""
    from strongroom_blocks.block import Block
    from strongroom_blocks.sources.secret_reference import references_in

    block = Block.load(name)
    for needed in sorted({reference.scheme for reference in references_in(block)}):
        if needed in around:
            raise SourceMisconfigured(
                f'The block "{name}" holds the credentials of the source "{scheme}", and takes its own secrets from '
                f'"{needed}", which needs them first.',
                f"Save it with values, or name another block in {settings.variable_of(scheme)}.",
            )
        further = settings.credentials_of(needed)
        if further is not None:
            _credentials(needed, further, (*around, needed))
    return block


@contextmanager
def using_sources(sources: Mapping[str, SecretSource]) -> Iterator[None]:
    """Have ``sources`` answer for their schemes within the ``with``; nothing fetched before or within it is kept.

    For tests: a source of one's own, or a stand-in for one that is not at hand.
    """
    from strongroom_blocks.sources.resolver import resolver

    for scheme, source in sources.items():
        Address.parse(f"{scheme}:name")
        if not isinstance(source, SecretSource):
            raise TypeError(f"What is to answer for {scheme!r} has no fetch() and check().")
    with _lock:
        former = dict(_injected)
        _injected.update(sources)
    resolver.clear()
    try:
        yield
    finally:
        with _lock:
            _injected.clear()
            _injected.update(former)
        resolver.clear()


def _after_fork() -> None:
    """Connections and threads of a client do not survive a fork."""
    global _lock
    _lock = Lock()
    _made.clear()


os.register_at_fork(after_in_child=_after_fork)
