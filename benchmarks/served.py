"""Servers that are measured: our own, and the peers'."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.environments import prefect_server, program
from benchmarks.wrk import Request

HERE = Path(__file__).parent
DOCUMENTS = 100


class Server:
    """A server, and what is asked of it.

    :param reveal: one secret.
    :param list: up to a hundred names, and what belongs to them.
    """

    def __init__(self, reveal: Request, list: Request, pid: int) -> None:
        self.reveal = reveal
        self.list = list
        self.pid = pid


@contextmanager
def ours(folder: Path, registry: str, *, workers: int = 1) -> Iterator[Server]:
    """``strongroom server start`` over a registry with a hundred documents, asked by a token with one policy."""
    port = _free_port()
    folder.mkdir()
    environment = _clean() | {
        "STRONGROOM_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "STRONGROOM_REGISTRY": registry,
        "STRONGROOM_SERVER_IDENTITY_RATE": "0",
        "STRONGROOM_SERVER_ACCESS_LOG": str(folder / "access.log"),
    }
    subprocess.run([sys.executable, "-c", _FILL], env=environment, check=True, stderr=subprocess.DEVNULL)
    token_file = folder / "token"
    command = [sys.executable, "-m", "strongroom", "server", "start", "--port", str(port)]
    command += ["--token-file", str(token_file), "--workers", str(workers)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/readyz")
            token = _reader(f"http://127.0.0.1:{port}", token_file.read_text().strip())
            headers = {"Authorization": f"Bearer {token}"}
            base = f"http://127.0.0.1:{port}/api/v1/workspaces/default/documents"
            yield Server(
                Request(f"{base}/doc-{{}}/payload", headers=headers),
                Request(f"{base}?limit=100", headers=headers),
                process.pid,
            )
        finally:
            process.terminate()


@contextmanager
def by_hand(folder: Path, database: str, http: str, *, audited: bool = False) -> Iterator[Server]:
    """The bare route, on server software of two kinds.

    :param audited: whether it commits a row that says what was revealed before it answers.
    """
    port = _free_port()
    place = database.removeprefix("sqlite:///")
    command = [
        sys.executable,
        str(HERE / "peers" / "bare_route.py"),
        http,
        place,
        str(port),
        *(["audited"] if audited else []),
    ]
    with subprocess.Popen(command, env=_clean(), cwd=folder) as process:
        try:
            base = f"http://127.0.0.1:{port}/secrets"
            _wait_for(base)
            yield Server(Request(f"{base}/doc-{{}}"), Request(base), process.pid)
        finally:
            process.terminate()


@contextmanager
def prefects() -> Iterator[Server]:
    """Prefect's server over SQLite, with a hundred blocks of its own kind for secrets."""
    with prefect_server() as api:
        script = [program("prefect"), str(HERE / "peers" / "prefect_blocks.py"), str(DOCUMENTS)]
        environment = _clean() | {"PREFECT_API_URL": api, "PREFECT_LOGGING_LEVEL": "ERROR"}
        done = subprocess.run(script, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        document = json.loads(done.stdout.splitlines()[-1])["document"]
        reveal = Request(f"{api}/block_documents/{document}?include_secrets=true")
        listed = Request(
            f"{api}/block_documents/filter",
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps({"limit": 100}),
        )
        yield Server(reveal, listed, 0)


def _reader(url: str, root: str) -> str:
    """A token that may list, view and reveal, by a policy as a team would have it."""
    rule = {"effect": "allow", "paths": ["default/*"], "verbs": ["list", "view", "reveal"]}
    _ask("PUT", f"{url}/api/v1/policies/reader", root, {"rules": [rule]})
    made = _ask("POST", f"{url}/api/v1/tokens", root, {"policies": ["reader"]})
    return str(made["token"])


def _ask(method: str, url: str, token: str, body: object) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.loads(answer.read() or b"{}"))


def _wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"Nobody answers at {url}.")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "PYTHON"))}


_FILL = f"""
import secrets
from strongroom_registry import open_registry
with open_registry() as registry:
    for number in range({DOCUMENTS}):
        payload = ('{{"value": "' + secrets.token_hex(20) + '"}}').encode()
        registry.put(f"doc-{{number:03}}", type="secret", schema="s" * 64, payload=payload, public=b"{{}}")
"""
