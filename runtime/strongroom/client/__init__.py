"""A client for what runs left behind, under the names of Prefect's; there is no server behind it, only the history."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "get_client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from strongroom.client.orchestration import get_client

    return get_client
