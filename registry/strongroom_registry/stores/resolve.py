"""From a URL to a store."""

from __future__ import annotations

from pathlib import Path

from strongroom_registry.errors import StoreUnavailable
from strongroom_registry.remote.address import is_remote
from strongroom_registry.stores.store import Store

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


def open_store(url: str, *, create: bool = True) -> Store:
    """The store that a URL names: ``memory:`` for a new one in memory, ``sqlite:///path`` for a file,
    ``postgresql://user@host/database`` for a database.

    As elsewhere, ``sqlite:///registry.db`` is relative to the working folder and ``sqlite:////var/registry.db``
    absolute; a ``~`` stands for the home folder.

    :raises StoreProblem: the URL names no store, or the store cannot be opened.
    """
    if url == "memory:":
        from strongroom_registry.stores.memory import MemoryStore

        return MemoryStore()
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        from strongroom_registry.stores.sqlite import SqliteStore

        return SqliteStore(Path(url.removeprefix(_SQLITE)).expanduser(), create=create)
    if url.startswith(_POSTGRES):
        return _open_postgres(url, create)
    if is_remote(url):
        raise StoreUnavailable(
            "A server keeps this registry, and no other process opens its store.",
            "Do this where the server runs, with its settings: STRONGROOM_REGISTRY and STRONGROOM_KEY.",
        )
    scheme = url.partition(":")[0]
    raise StoreUnavailable(
        f"A registry URL that starts with {scheme!r:.40} names no store.",
        "Use sqlite:///path/to/registry.db, postgresql://user@host/database or memory:.",
    )


def shown(url: str) -> str:
    """A registry's URL as it may be shown: without a password."""
    if not url.startswith(_POSTGRES):
        return url
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    userinfo, at, address = place.rpartition("@")
    options = [option for option in query.split("&") if option and "password" not in option.lower()]
    return f"{scheme}://{userinfo.partition(':')[0]}{at}{address}" + ("?" + "&".join(options) if options else "")


def _open_postgres(url: str, create: bool) -> Store:
    try:
        from strongroom_registry.stores.postgres import PostgresStore
    except ImportError:
        raise StoreUnavailable(
            "A registry in PostgreSQL needs the package psycopg.", 'Run: pip install "strongroom[postgres]"'
        ) from None
    return PostgresStore(url, create=create)
