"""Which addresses are served without TLS, and what is said where a port cannot be had."""

from __future__ import annotations

import socket

import pytest
from strongroom_service.errors import CannotListen, InsecureAddress
from strongroom_service.server.listening import address_of, check_exposure, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    check_exposure(host, tls=False, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "vault.example.com", "", "localhost.example.com"])
def test_where_others_reach_it_there_is_tls_or_somebody_said_that_he_does_without(host: str) -> None:
    with pytest.raises(InsecureAddress, match=r"in clear.*--tls-cert.*--insecure.*reads every secret"):
        check_exposure(host, tls=False, insecure=False)
    check_exposure(host, tls=True, insecure=False)
    check_exposure(host, tls=False, insecure=True)


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"Port {port} of 127\.0\.0\.1 is taken.*--port"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(CannotListen, match=r"192\.0\.2\.1 is no address of this machine"):
        listen("192.0.2.1", 0)
    with pytest.raises(CannotListen, match=r"There is no address 'nowhere\.invalid' here"):
        listen("nowhere.invalid", 0)


def test_the_address_is_printed_as_it_is_reached() -> None:
    with listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        assert address_of(opened, tls=False) == f"http://127.0.0.1:{port}"
        assert address_of(opened, tls=True, host="vault.example.com") == f"https://vault.example.com:{port}"
    if socket.has_ipv6:
        with listen("::1", 0) as opened:
            assert address_of(opened, tls=False) == f"http://[::1]:{opened.getsockname()[1]}"
