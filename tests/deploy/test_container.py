"""The container, built from its Dockerfile and run by podman as the compose file would run it.

``TEST_CONTAINER_BASE`` names the image to build from: one with Python that is there already, since none is pulled. Made
by ``debootstrap --include=python3,python3-venv bookworm root``, ``tar -C root -c . | podman import - base``.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.certificates import certificate_in
from strongroom_registry.keys.material import new_key_text

ROOT = Path(__file__).parents[2]
BASE = os.environ.get("TEST_CONTAINER_BASE", "")

pytestmark = pytest.mark.skipif(
    not BASE or not shutil.which("podman"), reason="TEST_CONTAINER_BASE names no image to build from, or no podman."
)


def podman(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return (done.stdout if check else done.stdout + done.stderr).strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Built from a wheel of these sources, with nothing fetched while it is built."""
    context = tmp_path_factory.mktemp("context")
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", str(context / "dist"), str(ROOT)], check=True)
    wheel = next((context / "dist").glob("*.whl"))
    download = ["uv", "tool", "run", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version", "3.11"]
    subprocess.run([*download, "--dest", str(wheel.parent), f"{wheel}[service,postgres]"], check=True)
    name = f"strongroom-test-{uuid.uuid4().hex[:8]}"
    build = ["--build-arg", f"BASE={BASE}", "--build-arg", "PIP_NO_INDEX=1", "--format", "docker", "--tag", name]
    podman("build", "--quiet", "--file", str(ROOT / "deploy/Dockerfile"), *build, str(context))
    yield name
    podman("image", "rm", "--force", name)


@pytest.fixture
def secrets_(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    certificate_in(folder)
    (folder / "registry.key").write_text(new_key_text())
    for file in folder.iterdir():
        os.chown(file, 10001, 10001)
        file.chmod(0o400)
    return folder


@pytest.mark.timeout(600)
def test_it_serves_without_rights_and_stops_well(image: str, secrets_: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "STRONGROOM_KEY": "file:/run/secrets/registry.key",
        "STRONGROOM_SERVER_PORT": str(port),
        "STRONGROOM_SERVER_TLS_CERT": "/run/secrets/server.pem",
        "STRONGROOM_SERVER_TLS_KEY": "/run/secrets/server.pem",
    }
    name = f"{image}-run"
    flags = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs", "/tmp"]
    flags += ["--volume", f"{name}:/var/lib/strongroom", "--volume", f"{secrets_}:/run/secrets:ro"]
    flags += [part for one in settings.items() for part in ("--env", "=".join(one))]
    podman("run", "--detach", "--name", name, *flags, image)
    try:
        _wait_for(f"https://localhost:{port}/readyz", secrets_ / "ca.pem")
        assert "yes" in podman("exec", name, "strongroom", "server", "status")
        assert podman("exec", name, "cat", "/var/lib/strongroom/first-token").startswith("srt_")
        assert podman("exec", name, "id", "-u") == "10001"
        assert "Read-only file system" in podman("exec", name, "touch", "/opt/x", check=False)
        token = podman("exec", name, "cat", "/var/lib/strongroom/first-token")
        assert token not in podman("logs", name, check=False)
        podman("stop", "--time", "30", name)
        assert podman("inspect", name, "--format", "{{.State.ExitCode}}") == "0"
    finally:
        podman("rm", "--force", "--volumes", name)
        podman("volume", "rm", "--force", name)


def test_without_a_key_it_makes_no_registry(image: str) -> None:
    said = podman("run", "--rm", "--read-only", image, "start", "--insecure", check=False)
    assert "Name another place in STRONGROOM_KEY" in said


def _wait_for(url: str, authority: Path) -> None:
    context = ssl.create_default_context(cafile=str(authority))
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, context=context, timeout=5) as answer:
                assert json.loads(answer.read())["ready"]
                return
        except OSError:
            time.sleep(0.25)
    print(url, file=sys.stderr)
    raise AssertionError(f"Nobody answers at {url}.")
