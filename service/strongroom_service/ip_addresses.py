"""Addresses of IPv4 and IPv6 as texts: what they are, and what they are counted under."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_V6_PREFIX = 64
"""Everybody who has IPv6 has a network of so many bits, and all the addresses in it."""
_TEXT_MAX = 64


@lru_cache(maxsize=1024)
def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, None where it is none. One of IPv4 that came over a socket of IPv6 is one of IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(text: str) -> str:
    """What an address is counted under: of IPv6 the whole network, since everybody there has very many."""
    address = read_address(text.partition("%")[0])
    if address is None:
        return text[:_TEXT_MAX]
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _V6_PREFIX), strict=False))
    return str(address)
