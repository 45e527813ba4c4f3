"""Methods of connectors in both colours, written once: synchronous, over SQLAlchemy's synchronous half.

A driver to await runs below SQLAlchemy's own bridge (greenlets), so that the same method serves it.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any

from strongroom import require_extra
from strongroom.colours import is_awaited


def either_colour(method: Callable[..., Any]) -> Callable[..., Any]:
    """To await where the connector's driver is; else the value, or where it is awaited, the same in a worker thread."""

    @functools.wraps(method)
    def chosen(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.is_asynchronous:
            return bridged(method, self, *args, **kwargs)
        if is_awaited(sys._getframe(1)):
            return asyncio.to_thread(method, self, *args, **kwargs)
        return method(self, *args, **kwargs)

    return chosen


def twin_of(either: Callable[..., Any]) -> Callable[..., Any]:
    """What is to be awaited whatever the driver is."""
    method: Callable[..., Any] = getattr(either, "__wrapped__")  # noqa: B009

    @functools.wraps(method)
    async def twin(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.is_asynchronous:
            return await bridged(method, self, *args, **kwargs)
        return await asyncio.to_thread(method, self, *args, **kwargs)

    return twin


async def bridged(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A synchronous function of SQLAlchemy's, whose waiting the event loop does.

    :raises MissingExtra: greenlet is not installed.
    """
    require_extra("greenlet", extra="sql")
    from sqlalchemy.util import greenlet_spawn

    return await greenlet_spawn(method, *args, **kwargs)
