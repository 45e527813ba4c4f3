"""Where a server of a registry is asked."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from strongroom_registry.errors import InvalidConfiguration

_REMEDY = "Write https://registry.example.com, with a port or a path if it has one."


def is_remote(url: str) -> bool:
    """Whether a URL names a server, and not a store that this process opens itself."""
    return url.lower().startswith(("https://", "http://"))


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server: ``path`` is what stands before ``/api/v1``, empty or with a slash first."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @staticmethod
    def parse(url: str, *, insecure: bool = False) -> Address:
        """Read ``https://host[:port][/path]``.

        :param insecure: take ``http://`` to other machines too, where everybody on the way reads along.
        :raises InvalidConfiguration: it is no such address. What stands there is not shown, it may hold a password.
        """
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
        except ValueError:
            raise InvalidConfiguration("The address of the registry's server is none.", _REMEDY) from None
        if scheme not in ("http", "https") or not host or not url.isascii():
            raise InvalidConfiguration("The address of the registry's server is none.", _REMEDY)
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise InvalidConfiguration(
                f"The address of the server {host} holds more than host, port and path.",
                "Give the token in STRONGROOM_TOKEN, or sign in with `strongroom login`.",
            )
        address = Address(scheme, host, port or (443 if scheme == "https" else 80), parts.path.rstrip("/"))
        if scheme == "http" and not insecure and not is_loopback(host):
            raise InvalidConfiguration(
                f"http:// to {host} would show the token and all blocks to everybody on the way.",
                "Use https://, or say STRONGROOM_INSECURE=true if nobody else is on that network.",
            )
        return address

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.path}"
