"""TLS of the service: which files are taken, and that new ones are without ending anything."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from servers.certificates import certificate_in
from servers.guarded import everything, guarded
from strongroom_service.errors import UnusableCertificate
from strongroom_service.server.certificates import Certificates
from strongroom_service.server.limits import Limits

REQUEST = b"LIST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def secured(port: int, authority: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority))
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_a_certificate_is_replaced_while_connections_go_on(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        certificate_in(folder)
    certificates = Certificates(first / "server.pem", first / "server.pem")
    with guarded(Limits(), certificates) as server, secured(server.port, first / "ca.pem") as kept:
        (first / "server.pem").write_bytes((second / "server.pem").read_bytes())
        certificates.reload()
        with secured(server.port, second / "ca.pem") as connection:
            connection.sendall(REQUEST)
            assert b"<LIST /a 0>" in everything(connection)
        with pytest.raises(ssl.SSLCertVerificationError):
            secured(server.port, first / "ca.pem")
        kept.sendall(REQUEST)
        assert b"<LIST /a 0>" in everything(kept)


def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    assert Certificates(file, file).context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_plain_bytes_at_a_port_with_tls_get_nothing(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    with guarded(Limits(), Certificates(file, file)) as server:
        assert b"200" not in server.answer(REQUEST)
        with secured(server.port, tmp_path / "ca.pem") as connection:
            connection.sendall(REQUEST)
            assert b" 200 " in everything(connection)


def test_files_that_are_of_no_use_are_named(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    with pytest.raises(UnusableCertificate, match=r"There is no file .*absent\.pem.*--tls-key"):
        Certificates(file, tmp_path / "absent.pem")
    with pytest.raises(UnusableCertificate, match="cannot be read"):
        Certificates(tmp_path, file)
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    with pytest.raises(UnusableCertificate, match="no certificate and key in PEM form"):
        Certificates(nothing, file)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UnusableCertificate, match="is not that of the certificate"):
        Certificates(file, certificate_in(other))


def test_a_key_under_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    form = serialization.PrivateFormat.PKCS8
    closed = tmp_path / "closed.pem"
    closed.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"x" * 8))
    )
    with pytest.raises(UnusableCertificate, match="is encrypted"):
        Certificates(tmp_path / "ca.pem", closed)


def test_a_bad_new_certificate_leaves_the_one_in_use(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    certificates = Certificates(file, file)
    with guarded(Limits(), certificates) as server:
        file.write_text("nothing")
        with pytest.raises(UnusableCertificate):
            certificates.reload()
        with secured(server.port, tmp_path / "ca.pem") as connection:
            connection.sendall(REQUEST)
            assert b" 200 " in everything(connection)
