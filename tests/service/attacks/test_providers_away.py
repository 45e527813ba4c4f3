"""A provider that does not answer keeps one thread waiting, not all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Event
from typing import Any

import pytest
import urllib3
from strongroom_service.errors import ProviderUnavailable
from strongroom_service.identity.providers import outward

URL = "https://idp.example/keys"


class Host:
    """Answers when it is let, or not at all."""

    def __init__(self) -> None:
        self.asked, self.go_on = Event(), Event()
        self.is_away = True
        self.count = 0

    def request(self, *_args: object, **_how: object) -> Any:
        self.count += 1
        self.asked.set()
        assert self.go_on.wait(30)
        if self.is_away:
            raise urllib3.exceptions.ConnectTimeoutError
        return urllib3.HTTPResponse(BytesIO(b"{}"), status=200, preload_content=False)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(outward, "_pool", lambda _ca: made)
    monkeypatch.setattr(outward, "_AWAY", outward.Away())
    return made


def test_one_tries_a_host_that_was_away_and_others_do_not_wait(host: Host) -> None:
    host.go_on.set()
    with pytest.raises(ProviderUnavailable):
        outward.fetched("GET", URL)
    host.go_on.clear()
    host.asked.clear()
    with ThreadPoolExecutor(1) as threads:
        trying = threads.submit(outward.fetched, "GET", URL)
        assert host.asked.wait(30)
        for _ in range(20):
            with pytest.raises(ProviderUnavailable):
                outward.fetched("GET", URL)
        assert host.count == 2
        host.is_away = False
        host.go_on.set()
        assert trying.result(30)[0] == 200
    assert [outward.fetched("GET", URL)[0] for _ in range(3)] == [200] * 3
    assert host.count == 5


def test_other_hosts_are_asked_meanwhile(host: Host) -> None:
    host.go_on.set()
    for url in (URL, "https://other.example/keys"):
        with pytest.raises(ProviderUnavailable):
            outward.fetched("GET", url)
    assert host.count == 2
