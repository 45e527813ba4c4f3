"""``strongroom seal`` at a server that an operator started."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from click.testing import CliRunner, Result
from servers.started import Started, started
from strongroom.cli import main

SEALED = {"STRONGROOM_SERVER_SEAL": "shamir"}
Run = Callable[..., Result]


@pytest.fixture
def strongroom() -> Run:
    def run(*args: str, code: int = 0, **more: object) -> Result:
        result = CliRunner().invoke(main, args, **more)  # type: ignore[arg-type]
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Started]:
    with started(tmp_path, **SEALED) as opened:
        yield opened


def test_a_server_is_made_opened_and_closed_again(
    server: Started, strongroom: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not made yet" in strongroom("seal", "status", server.url).stdout
    made = json.loads(strongroom("seal", "init", server.url, "--shares", "3", "--threshold", "2", "--json").stdout)
    assert (len(made["shares"]), made["threshold"]) == (3, 2)
    first = strongroom("seal", "open", server.url, input=made["shares"][0] + "\n").stdout
    assert "1 of 2" in first
    opened = json.loads(strongroom("seal", "open", server.url, "--json", input=made["shares"][2]).stdout)
    assert opened == {
        "initialised": True,
        "sealed": False,
        "type": "shamir",
        "threshold": 2,
        "shares": 3,
        "given": 0,
    }
    twice = strongroom("seal", "init", server.url, code=1).stderr
    assert "it has a registry, whose key was split before. `strongroom seal status` tells" in twice
    monkeypatch.setenv("STRONGROOM_TOKEN", made["root_token"])
    strongroom("seal", "close", server.url)
    assert "closed" in strongroom("seal", "status", server.url).stdout
    strongroom("seal", "open", server.url, input=made["shares"][1])
    wrong = strongroom("seal", "open", server.url, input="02" + "00" * 32, code=1).stderr
    assert "says no: The key is no share of the registry's" in wrong
    assert "1 of 2" in strongroom("seal", "status", server.url).stdout
    assert "0 of 2" in strongroom("seal", "open", server.url, "--reset").stdout
    assert not any(share in server.log.read_text() for share in made["shares"])


def test_shares_are_printed_once_and_lie_nowhere(server: Started, strongroom: Run, tmp_path: Path) -> None:
    told = strongroom("seal", "init", server.url).stdout.splitlines()
    shares = [line.rpartition(" ")[2] for line in told if line.startswith("Share")]
    assert len(shares) == 5
    assert told[-1].startswith("Root token: srt_")
    server.signal(signal.SIGTERM)
    assert server.end() == 0
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not any(share.encode() in written or bytes.fromhex(share) in written for share in shares)
    assert not any(share in line for share in shares for line in server.said)


def test_what_is_ready_is_told_while_the_server_is_sealed(server: Started, strongroom: Run) -> None:
    answer = urllib3.request("GET", f"{server.url}/readyz", retries=False)
    assert (answer.status, answer.json()["ready"]) == (503, False)
    told = strongroom("server", "status", server.url, code=7).stdout
    assert "not made yet: `strongroom seal init`" in told
    assert urllib3.request("GET", f"{server.url}/livez", retries=False).status == 200


def test_several_workers_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="unsealed by itself"),
        started(tmp_path, "--workers", "2", **SEALED),
    ):
        pass


def test_what_is_missing_is_said(strongroom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_TOKEN", raising=False)
    assert "STRONGROOM_TOKEN" in strongroom("seal", "close", code=2).stderr
    assert "no address" in strongroom("seal", "status", "ftp://x", code=7).stderr
    assert "Nobody answers" in strongroom("seal", "status", "http://127.0.0.1:1", code=7).stderr
    assert "Standard input" in strongroom("seal", "open", "http://127.0.0.1:1", code=2, input="").stderr
