"""Peers that have to be installed by themselves: an environment each, made once below ``build/peers``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / "build" / "peers"
REQUIREMENTS = {
    "prefect": ["prefect==3.8.8", "fastapi==0.139.0"],
    "prefect_dbt": ["prefect==3.8.8", "fastapi==0.139.0", "prefect-dbt>=0.7.23", "dbt-core<1.12", "dbt-duckdb"],
    "dbos": ["dbos>=2"],
    "s3": ["awscli", "awscrt", "boto3", "obstore", "prefect-aws", "prefect==3.8.8", "fastapi==0.139.0"],
}
_QUIET = {"PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


def program(peer: str, name: str = "python") -> str:
    """A program of a peer's environment, which is made where there is none."""
    folder = FOLDER / peer
    if not (folder / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *REQUIREMENTS[peer]], check=True)
    return str(folder / "bin" / name)


def figures(peer: str, *arguments: str, **environment: str) -> dict[str, float]:
    """What the script ``peers/<peer>_runs.py`` prints, run in the peer's environment and a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [program(peer), str(HERE / "peers" / f"{peer}_runs.py"), *arguments, home],
            capture_output=True, text=True, check=True, cwd=home, env=_environment(home) | environment,
        )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def prefect_server() -> Iterator[str]:
    """A Prefect server on a free port of this machine; yields the URL of its API."""
    import socket
    import urllib.error
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        command = [program("prefect", "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        with subprocess.Popen(
            command, env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home
        ) as server:
            try:
                url = f"http://127.0.0.1:{port}/api"
                for _ in range(240):
                    try:
                        urllib.request.urlopen(f"{url}/health", timeout=1).close()
                        break
                    except (urllib.error.URLError, OSError):
                        time.sleep(0.5)
                yield url
            finally:
                server.terminate()


def _environment(home: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STRONGROOM_"))}
    return kept | _QUIET | {"PREFECT_HOME": home, "HOME": home}
