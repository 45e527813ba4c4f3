"""Where a request comes from, behind proxies that are trusted to say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


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
            if _address(address) is None:
                return peer
            if not self._is_proxy(address):
                return address
            peer = address
        return peer

    def _is_proxy(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(_is_in(address, network) for network in self._proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version and address in network
