"""Where a request comes from, behind proxies that are trusted to say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from strongroom_service.ip_addresses import read_address


class ClientAddresses:
    """Finds the address of a client.

    :param proxies: the networks of the proxies whose ``X-Forwarded-For`` is believed.
    :raises ValueError: one is no network.
    """

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies = tuple(ip_network(proxy) for proxy in proxies)

    def of(self, client: Sequence[object] | None, headers: Mapping[str, str]) -> str:
        """The address that a request came from: the last one in the way that is no trusted proxy; empty where the
        connection has none."""
        peer = str(client[0]) if client else ""
        if not self._proxies or not self._is_proxy(peer):
            return peer
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            address = hop.strip()
            if read_address(address) is None or "%" in address:  # behind which anything may stand
                return peer
            if not self._is_proxy(address):
                return address
            peer = address
        return peer

    def _is_proxy(self, text: str) -> bool:
        address = read_address(text)
        return address is not None and any(address in network for network in self._proxies)
