"""The service that a command asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from strongroom.cli.outcome import CommandError

if TYPE_CHECKING:
    from strongroom_service.client import Client


@contextmanager
def asked_service(*, token: str | None = None) -> Iterator[Client]:
    """The server that ``STRONGROOM_REGISTRY`` names, or the registry that it names, opened in this process.

    :param token: what a server knows the caller by; by default ``STRONGROOM_TOKEN``, or what ``strongroom login`` kept.
    """
    try:
        from strongroom_service.client import opened_client
    except ModuleNotFoundError as error:
        raise CommandError(
            f"The service needs {error.name}, which is not installed.", 'Run `pip install "strongroom[service]"`.'
        ) from None
    with opened_client(token=token) as client:
        yield client
