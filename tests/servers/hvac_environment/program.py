"""What hvac's tests take for the program ``vault``: it starts a Strongroom server as the configuration says.

``$HVAC_SUITE`` is the folder below which each server has one of its own.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Be ``vault -version``, ``vault server -config=FILE`` or ``vault operator generate-root -decode … -otp …``."""
    if arguments == ["-version"]:
        from strongroom_service.vault_api.sys.health import API_VERSION

        print(f"Vault v{API_VERSION} (Strongroom)")
    elif arguments[:1] == ["server"]:
        _serve(Path(arguments[1].removeprefix("-config=")))
    elif arguments[:2] == ["operator", "generate-root"]:
        print(_decoded(_after(arguments, "-decode"), _after(arguments, "-otp")))
    else:
        raise SystemExit(f"not understood: {arguments}")


def _serve(configuration: Path) -> None:
    """Become the server; whoever kills this process kills it."""
    listener = json.loads(configuration.read_text())["listener"]["tcp"]
    host, _, port = listener["address"].rpartition(":")
    home = Path(tempfile.mkdtemp(dir=os.environ["HVAC_SUITE"]))
    given = {
        "STRONGROOM_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "STRONGROOM_SERVER_SEAL": "shamir",
        "TMPDIR": str(home),
    }
    command = [sys.executable, "-m", "strongroom", "server", "start", "--host", host, "--port", port]
    command += ["--tls-cert", listener["tls_cert_file"], "--tls-key", listener["tls_key_file"]]
    os.execve(sys.executable, command, {**os.environ, **given})


def _decoded(text: str, password: str) -> str:
    """A root token that was made with a one-time password: one XOR the other."""
    data = base64.b64decode(text + "=" * (-len(text) % 4))
    return bytes(one ^ other for one, other in zip(data, password.encode(), strict=True)).decode()


def _after(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


if __name__ == "__main__":
    main(sys.argv[1:])
