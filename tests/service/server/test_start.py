"""The command that serves: what it says, what it refuses, how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
from servers.certificates import certificate_in
from servers.postgres import PostgresDatabase
from servers.started import Started, started

SLOW = b"POST /api/v1/policies/:test HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "strongroom", "server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=60)


def get(server: Started, path: str, **options: object) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", server.url + path, retries=False, **options)  # type: ignore[arg-type]


def ready_when(server: Started) -> None:
    assert get(server, "/readyz").json() == {
        "ready": True, "checks": {"registry": "ok", "audit": "ok", "records": "ok"},
    }  # fmt: skip


# -- one command


def test_one_command_makes_a_registry_serves_it_and_shows_a_token_once(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        assert re.search(r"serves sqlite:///\S+ at http://127\.0\.0\.1:\d+$", server.said[-1])
        assert server.token.startswith("srt_")
        assert get(server, "/livez").json() == {"alive": True}
        ready_when(server)
        server.signal(signal.SIGTERM)
        assert server.end() == 0
        token = server.token
    with started(tmp_path) as again:
        assert "token" not in " ".join(again.said)
    assert token not in server.log.read_text()


def test_what_few_ask_for_is_not_loaded_before_somebody_does() -> None:
    code = (
        "import sys, strongroom_service.server.serving; from strongroom_service.http.tables import all_routes;"
        "all_routes(); print(*{'joserfc', 'urllib3', 'cryptography.x509', 'hcl2'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_token_that_could_not_be_handed_over_is_shown_at_the_next_start(tmp_path: Path) -> None:
    refused = run("start", "--port", "0", "--token-file", str(tmp_path / "nowhere" / "token"))
    assert refused.returncode == 1
    assert "nowhere/token': No such file or directory" in refused.stderr
    again = run("new-root-token", "--token-file", str(tmp_path / "nowhere" / "token"))
    assert again.returncode == 1
    with started(tmp_path) as server:
        asked = {"Authorization": f"Bearer {server.token}"}
        tokens = get(server, "/api/v1/tokens", headers=asked).json()["tokens"]
        assert [one["accessor"] for one in tokens] == [server.token[4:16]]  # none is left that nobody has


def test_the_token_can_go_to_a_file_that_its_owner_alone_reads(tmp_path: Path) -> None:
    place = tmp_path / "token"
    with started(tmp_path, "--token-file", str(place)) as server:
        text = place.read_text().strip()
        assert text not in "\n".join(server.said)
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        authorised = get(server, "/metrics", headers={"Authorization": f"Bearer {text}", "X-Forwarded-For": "1.2.3.4"})
        assert authorised.status == 200


def test_a_lost_token_is_replaced_by_who_has_the_key(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        made = run("new-root-token").stdout.strip()
        proxied = {"Authorization": f"Bearer {made}", "X-Forwarded-For": "1.2.3.4"}
        assert get(server, "/metrics", headers=proxied).status == 200
        assert get(server, "/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status == 401
    listed = subprocess.run(
        [sys.executable, "-m", "strongroom", "--workspace", "strongroom.service", "audit", "ls", "--json"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made not in listed.stdout


def test_status_tells_whether_a_server_is_ready_and_why_not(tmp_path: Path, postgres: PostgresDatabase) -> None:
    with started(tmp_path, STRONGROOM_REGISTRY=postgres.url) as server:
        found = run("status", server.url, "--json")
        assert found.returncode == 0
        assert json.loads(found.stdout)["ready"] is True
        assert server.url in run("status", STRONGROOM_SERVER_PORT=str(server.port)).stdout
        postgres.administer(f'ALTER ROLE "{postgres.user}" NOLOGIN')
        postgres.break_off()
        while (told := run("status", server.url)).returncode == 0:
            pass
        assert told.returncode == 7
        assert re.search(r"Ready\s+no", told.stdout)
        assert postgres.password not in told.stdout
        assert get(server, "/livez").status == 200
        postgres.administer(f'ALTER ROLE "{postgres.user}" LOGIN')
        while run("status", server.url).returncode:
            pass
    gone = run("status", server.url)
    assert gone.returncode == 7
    assert "Nobody answers" in gone.stderr


def test_the_description_of_the_api_is_printed() -> None:
    assert json.loads(run("openapi").stdout)["openapi"].startswith("3.")


# -- how it stops


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_requests_that_are_on_their_way_end_and_the_server_too(tmp_path: Path, workers: str, sign: int) -> None:
    with started(tmp_path, "--workers", workers) as server, _begun(server) as connection:
        server.signal(sign)
        _wait_until_refused(server)
        connection.sendall(b"done")
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"connection: close" in answer.lower()
        assert server.end() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_that_do_not_end_are_given_up_after_the_grace(tmp_path: Path, workers: str) -> None:
    with started(tmp_path, "--grace", "1", "--workers", workers) as server, _begun(server):
        server.signal(signal.SIGTERM)
        assert server.end() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, workers: str) -> None:
    with started(tmp_path, "--grace", "600", "--workers", workers) as server, _begun(server):
        server.signal(signal.SIGTERM)
        _wait_until_refused(server)
        server.signal(signal.SIGTERM)
        assert server.end() == 128 + signal.SIGTERM


def _begun(server: Started) -> socket.socket:
    """A connection with a request whose body is still to come, which the server has begun to read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(SLOW.replace(b"Content-Length", b"Expect: 100-continue\r\nContent-Length"))
    assert connection.recv(100).startswith(b"HTTP/1.1 100")
    return connection


def _wait_until_refused(server: Started) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=60).close()
        except (ConnectionRefusedError, ConnectionResetError):
            return


# -- several processes


def test_workers_serve_one_registry_and_the_one_that_dies_is_replaced(tmp_path: Path) -> None:
    with started(tmp_path, "--workers", "2") as server:
        first = _processes(server)
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        while len(now := _processes(server)) < 2 or first[0] in now or not _both_counted(server):
            pass
        ready_when(server)
        server.signal(signal.SIGTERM)
        assert server.end() == 0
        assert any("another one takes its place" in line for line in server.said)


def _both_counted(server: Started) -> bool:
    text = get(server, "/metrics").data.decode()
    return set(re.findall(r'process_resident_memory_bytes\{worker="(\d)"\}', text)) == {"0", "1"}


def _processes(server: Started) -> list[int]:
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(text) for text in found]


def test_workers_whose_parent_is_killed_end(tmp_path: Path) -> None:
    with started(tmp_path, "--workers", "2") as server:
        server.signal(signal.SIGKILL)
        server.process.wait(60)
        _wait_until_refused(server)


def test_workers_on_postgresql(tmp_path: Path, postgres: PostgresDatabase) -> None:
    with started(tmp_path, "--workers", "2", STRONGROOM_REGISTRY=postgres.url) as server:
        assert postgres.password not in " ".join(server.said)
        ready_when(server)


# -- TLS


def test_others_are_served_with_tls_which_is_read_again_at_a_signal(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    with started(tmp_path, "--host", "0.0.0.0", "--tls-cert", str(file), "--tls-key", str(file)) as server:
        assert _secured(server, tmp_path / "ca.pem") == 200
        (tmp_path / "new").mkdir()
        file.write_bytes(certificate_in(tmp_path / "new").read_bytes())
        server.signal(signal.SIGHUP)
        assert server.process.stderr
        assert "certificate is read again" in server.process.stderr.readline()
        assert _secured(server, tmp_path / "new/ca.pem") == 200


def _secured(server: Started, authority: Path) -> int:
    with urllib3.PoolManager(ca_certs=str(authority), retries=False) as pool:
        return pool.request("GET", f"https://localhost:{server.port}/livez").status


# -- what it refuses


def test_it_says_why_it_does_not_start(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            (["--port", port], {}, f"Port {port} of 127.0.0.1 is taken."),
            (["--tls-cert", str(file)], {}, "TLS takes a certificate and its key."),
            (["--port", "0"], {"STRONGROOM_KEY": "env:ABSENT_KEY"}, "ABSENT_KEY"),
            (["--port", "0"], {"STRONGROOM_REGISTRY": "memory:"}, "A registry in memory"),
            (["--port", "0"], {"STRONGROOM_SERVER_WORKERS": "many"}, "_WORKERS has to be a whole number. Set another"),
            (["--port", "0"], {"STRONGROOM_SERVER_TRUSTED_PROXIES": "10.0.0.1"}, 'Write it as JSON: ["10.0.0.0/8"].'),
            (["--port", "0"], {"STRONGROOM_SERVER_TRUSTED_PROXIES": '["10.0.0.1/8"]'}, "no bits set behind its prefix"),
        ]
        for options, environment, expected in cases:
            done = run("start", *options, **environment)
            assert done.returncode not in (0, 70), done.stderr
            assert expected in done.stderr
            assert "Traceback" not in done.stderr


def test_a_registry_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    with started(tmp_path):
        pass
    file = Path(os.environ["STRONGROOM_HOME"]) / "service.db"
    import sqlite3

    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    done = run("start", "--port", "0")
    assert done.returncode == 7
    assert "newer" in done.stderr
