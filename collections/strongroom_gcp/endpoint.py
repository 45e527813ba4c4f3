"""Where a service of Google's answers: its usual address, another one, or a server on this machine."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_HOST = re.compile(
    r"(?:(https?)://)?([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,39}\])(:[0-9]{1,5})?/?"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host with a port, and whether it is spoken to in clear, without credentials."""

    target: str
    is_plain: bool = False

    @classmethod
    def parse(cls, text: str, *, emulator: bool = False) -> Endpoint:
        """``HOST[:PORT]``, ``https://HOST[:PORT]``, or ``http://127.0.0.1:PORT`` for an emulator on this machine.

        :param emulator: whether it can be nothing else, and so may be on another machine too.
        :raises ValueError: it is none, or says ``http`` of another machine: keys and secrets would travel in clear.
        """
        match = _HOST.fullmatch(text)
        if match is None:
            raise ValueError("is no host with a port, such as cloudkms.example.com:443")
        scheme, host, port = match.groups()
        if scheme != "http" and not (emulator and scheme is None):
            return cls(f"{host}{port or ':443'}")
        if not emulator and not _is_here(host):
            raise ValueError("says http of another machine, to which nothing is sent in clear")
        return cls(f"{host}{port or ':80'}", is_plain=True)

    @property
    def url(self) -> str:
        """As services over HTTP want it."""
        return f"http://{self.target}" if self.is_plain else f"https://{self.target.removesuffix(':443')}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
