"""The address of a server: which ones are safe without TLS, and the socket that listens there."""

from __future__ import annotations

import errno
import socket

from strongroom_registry.remote.address import is_loopback

from strongroom_service.errors import CannotListen, InsecureAddress

_BACKLOG = 2048


def check_exposure(host: str, *, tls: bool, insecure: bool) -> None:
    """Refuse to send secrets over a network in clear.

    :raises InsecureAddress: others reach the host, and there is no TLS.
    """
    if tls or insecure or is_loopback(host):
        return
    raise InsecureAddress(
        f"Without TLS, tokens and secrets would cross the network to {host} in clear.",
        "Give --tls-cert and --tls-key; or listen on 127.0.0.1 behind a proxy that speaks TLS; or say --insecure, "
        "and whoever is on the way reads every secret and takes every token.",
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one.

    :raises CannotListen: the port is taken, not for this user, or the host is none of this machine.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise CannotListen(
            f"There is no address {host!r} here.", "Give an address of this machine to --host."
        ) from None
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise _cannot_listen(host, port, error) from None
    return opened


def _cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    if error.errno == errno.EADDRINUSE:
        return CannotListen(
            f"Port {port} of {host} is taken.",
            "End what listens there, or give another one to --port (0: any free one).",
        )
    if error.errno == errno.EACCES:
        return CannotListen(
            f"This user may not listen on port {port}.",
            "Give a port above 1023 to --port, or the process the right to.",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotListen(f"{host} is no address of this machine.", "Give one of its own to --host.")
    return CannotListen(f"Cannot listen on port {port} of {host}: {error.strerror}.", "Give another --host or --port.")


def address_of(opened: socket.socket, *, tls: bool, host: str | None = None) -> str:
    """The URL under which the socket is reached; ``host`` as the user wrote it."""
    scheme = "https" if tls else "http"
    if opened.family == socket.AF_UNIX:
        return f"{scheme}+unix:{opened.getsockname()}"
    found, port = opened.getsockname()[:2]
    shown = host or found
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"
