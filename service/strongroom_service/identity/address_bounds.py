"""Where a token or a login may be used from: networks as CIDR texts, none of which means anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from strongroom_service.errors import InvalidRequest
from strongroom_service.ip_addresses import read_address


def bounds_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The networks as they are kept, each once: ``10.0.0.7`` is written ``10.0.0.7/32``.

    :raises InvalidRequest: one is no network, or has bits set behind its prefix.
    """
    return tuple(dict.fromkeys(str(_network(text)) for text in texts))


def admits(bounds: Sequence[str], address: str) -> bool:
    """Whether a request from ``address`` is within one of the networks. What is no address is within none."""
    if not bounds:
        return True
    found = read_address(address)
    return found is not None and any(found in _network(bound) for bound in bounds)


def narrows(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether every address that ``inner`` admits is admitted by ``outer`` too."""
    if not outer:
        return True
    return bool(inner) and all(any(_is_within(_network(one), _network(other)) for other in outer) for one in inner)


def common(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...] | None:
    """The networks that are within both; None where no address is."""
    if not one or not other:
        return tuple(one or other)
    pairs = [(_network(a), _network(b)) for a in one for b in other]
    found = [a if _is_within(a, b) else b for a, b in pairs if _is_within(a, b) or _is_within(b, a)]
    return tuple(dict.fromkeys(map(str, found))) or None


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidRequest(
            "One of the networks is none.", 'Write each like "10.1.0.0/16" or "2001:db8::/32", or as a single address.'
        ) from None


def _is_within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)
