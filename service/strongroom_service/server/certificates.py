"""The server's certificate and key, read anew without ending a connection."""

from __future__ import annotations

import ssl
from pathlib import Path

from strongroom_service.errors import UnusableCertificate


class Certificates:
    """A TLS context of a certificate chain and its key, both PEM files.

    :raises UnusableCertificate: one of them cannot be read, or they do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.reload()

    def reload(self) -> None:
        """Read the files again: connections made from now on get what they hold.

        :raises UnusableCertificate: as above; the former certificate stays in use.
        """
        for path, option in ((self._certificate, "--tls-cert"), (self._key, "--tls-key")):
            _check_readable(path, option)
        tried = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # a failed attempt may leave half of it behind
        self._load(tried)
        self._load(self.context)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self._certificate, self._key, password=_refuse_encrypted)
        except UnusableCertificate:
            raise UnusableCertificate(
                f"The key {self._key} is encrypted.",
                "Keep it in a file without a passphrase that only the server may read.",
            ) from None
        except ssl.SSLError as error:
            if "MISMATCH" in str(error):
                problem = f"The key {self._key} is not that of the certificate {self._certificate}."
            else:
                problem = f"{self._certificate} and {self._key} are no certificate and key in PEM form."
            raise UnusableCertificate(problem, "Give the files of one and the same certificate.") from None


def _refuse_encrypted() -> str:
    raise UnusableCertificate("encrypted", "")


def _check_readable(path: Path, option: str) -> None:
    try:
        with path.open("rb"):
            return
    except FileNotFoundError:
        raise UnusableCertificate(f"There is no file {path}.", f"Give another one to {option}.") from None
    except OSError as error:
        raise UnusableCertificate(
            f"The file {path} cannot be read: {error.strerror}.", "Let the user of the server read it."
        ) from None
