"""The token that a server knows its client by: given, or kept in a file of its own for each server."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

from strongroom_registry.configuration import configuration_folder
from strongroom_registry.errors import TokenRefused
from strongroom_registry.keys.private_file import read_private
from strongroom_registry.private_output import make_private_folder, new_private_file
from strongroom_registry.remote.address import Address

TOKEN_MAX = 4096
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


def token_path(address: Address) -> Path:
    """Where the token for a server is kept: ``tokens/<host>_<port>`` beside the configuration file."""
    host = re.sub(r"[^a-z0-9.-]", "-", address.host.lower())[:200]
    path = f"_{sha256(address.path.encode()).hexdigest()[:8]}" if address.path else ""
    return configuration_folder() / "tokens" / f"{host}_{address.port}{path}"


def kept_token(address: Address) -> str | None:
    """The token that is kept for a server, None if there is none.

    :raises KeyProblem: the file cannot be read, or others may read it too.
    """
    path = token_path(address)
    if not os.path.lexists(path):
        return None
    return read_private(path, TOKEN_MAX).decode("ascii", "replace").strip() or None


def keep_token(address: Address, token: str) -> Path:
    """Keep a token for a server, in the place of the one before; where it lies (mode 0600)."""
    path = token_path(address)
    make_private_folder(path.parent)
    with new_private_file(path, replace=True) as file:
        file.write(f"{token}\n".encode())
    return path


def forget_token(address: Address) -> bool:
    """Remove the token that is kept for a server; whether there was one."""
    path = token_path(address)
    there = os.path.lexists(path)
    path.unlink(missing_ok=True)
    return there


class Bearer:
    """Who a client is to its server. The token never shows.

    :param given: the token; by default the one that is kept for the server.
    """

    def __init__(self, address: Address, given: str | None = None) -> None:
        self._address = address
        self._given = given
        self._token: str | None = None

    def token(self) -> str:
        """The token.

        :raises TokenRefused: there is none, or what stands for it is none.
        """
        if self._token is None:
            self._token = self._found()
        return self._token

    def renew(self, refused: str) -> bool:
        """Look whether another one than that which was refused is kept by now."""
        if self._given is not None:
            return False
        self._token = None
        return self.token() != refused

    def _found(self) -> str:
        token = self._given if self._given is not None else kept_token(self._address)
        if token is None:
            raise TokenRefused(
                f"There is no token for {self._address}.", "Sign in with `strongroom login`, or set STRONGROOM_TOKEN."
            )
        if not _TOKEN.fullmatch(token):
            raise TokenRefused(
                f"What stands for the token for {self._address} is none.",
                "Sign in with `strongroom login`, or set STRONGROOM_TOKEN.",
            )
        return token

    def __repr__(self) -> str:
        return f"Bearer({str(self._address)!r})"
