"""What a service manager is told: systemd's notification protocol, and the sockets that it hands over."""

from __future__ import annotations

import os
import socket

_FIRST_HANDED_OVER = 3


def tell_manager(text: str) -> None:
    """Tell whoever started the process, ``READY=1`` say; nothing where nobody listens (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    place = "\0" + address[1:] if address[0] == "@" else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(text.encode(), place)
        except OSError:
            return  # a manager that is gone has nothing to know


def watchdog_seconds() -> float | None:
    """How often the manager wants to hear of the process, halved; None where it does not."""
    try:
        wanted = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        meant = int(os.environ.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return wanted / 2 if wanted > 0 and meant == os.getpid() else None


def handed_over() -> list[socket.socket]:
    """The listening sockets of systemd's socket activation (sd_listen_fds(3)), none as a rule."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=number) for number in range(_FIRST_HANDED_OVER, _FIRST_HANDED_OVER + count)]
