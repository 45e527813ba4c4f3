"""What systemd is told, and what it hands over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from strongroom_service.server.notices import handed_over, tell_manager, watchdog_seconds

_TAKES_A_SOCKET = """
import os
import sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
from strongroom_service.server.notices import handed_over
print([opened.getsockname()[1] for opened in handed_over()])
"""


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    address = f"@strongroom-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if abstract else address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        tell_manager("READY=1\nSTATUS=serving")
        assert manager.recv(100) == b"READY=1\nSTATUS=serving"


def test_nobody_to_tell_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_manager("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    tell_manager("READY=1")


def test_the_watchdog_is_answered_twice_as_often_as_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_seconds() == 15
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None


def test_sockets_for_another_process_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert handed_over() == []


def test_a_listening_socket_is_handed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        command = [sys.executable, "-c", _TAKES_A_SOCKET, str(opened.fileno())]
        told = os.environ | {"LISTEN_FDS": "1"}
        done = subprocess.run(
            command, env=told, pass_fds=[opened.fileno()], stdout=subprocess.PIPE, text=True, check=True
        )
        assert done.stdout.strip() == f"[{opened.getsockname()[1]}]"
