"""After a login that failed: the secret is fetched anew once, by one of those who were refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from shelf import Shelf
from strongroom_blocks import Block, secret_from
from strongroom_blocks.errors import SecretAbsent
from strongroom_blocks.sources.registered import using_sources
from strongroom_blocks.sources.reloading import reloaded


class Api(Block, slug="test-reloading-api"):
    token: SecretStr


class Refused(Exception):
    pass


class Server:
    """Lets in who knows the token of today."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.logins: list[str] = []

    def log_in(self, api: Api) -> str:
        given = api.token.get_secret_value()
        self.logins.append(given)
        if given != self.token:
            raise Refused
        return "session"


@pytest.fixture
def shelf(canary) -> Iterator[Shelf]:
    shelf = Shelf(token=canary("first"))
    with using_sources({"shelf": shelf}):
        yield shelf


@pytest.fixture
def api(shelf: Shelf) -> Api:
    return Api(token=secret_from("shelf:token"))


def logged_in(server: Server, api: Api) -> str:
    return reloaded(api, lambda: server.log_in(api), refused=Refused)


def test_a_login_that_works_is_made_once(shelf: Shelf, api: Api) -> None:
    server = Server(str(shelf.secrets["token"]))
    assert [logged_in(server, api) for _ in range(3)] == ["session"] * 3
    assert len(server.logins) == 3
    assert len(shelf.calls) == 1


def test_after_a_rotation_the_new_secret_is_used(shelf: Shelf, api: Api, canary) -> None:
    server = Server(str(shelf.secrets["token"]))
    logged_in(server, api)
    server.token = shelf.secrets["token"] = canary("second")
    assert logged_in(server, api) == "session"
    assert len(server.logins) == 3
    assert len(shelf.calls) == 2
    assert logged_in(server, api) == "session"
    assert len(shelf.calls) == 2


def test_a_secret_that_did_not_change_is_not_tried_again(shelf: Shelf, api: Api) -> None:
    api.token.get_secret_value()
    server = Server("something else")
    with pytest.raises(Refused):
        logged_in(server, api)
    assert len(server.logins) == 1
    assert len(shelf.calls) == 2


def test_a_secret_that_just_came_is_not_fetched_again(shelf: Shelf, api: Api) -> None:
    server = Server("something else")
    with pytest.raises(Refused):
        logged_in(server, api)
    assert len(server.logins) == 1
    assert len(shelf.calls) == 1


def test_it_is_tried_once_more_and_no_more(shelf: Shelf, api: Api, canary) -> None:
    api.token.get_secret_value()
    shelf.secrets["token"] = canary("second")
    server = Server("something else")
    with pytest.raises(Refused):
        logged_in(server, api)
    assert len(server.logins) == 2


def test_a_secret_that_is_gone_is_told_instead(shelf: Shelf, api: Api) -> None:
    api.token.get_secret_value()
    del shelf.secrets["token"]
    with pytest.raises(SecretAbsent):
        logged_in(Server("something else"), api)


def test_other_errors_and_other_blocks_are_left_alone(shelf: Shelf, api: Api) -> None:
    api.token.get_secret_value()
    with pytest.raises(ZeroDivisionError):
        reloaded(api, lambda: 1 // 0, refused=Refused)
    server, plain = Server("something else"), Api(token="kept in the store")
    with pytest.raises(Refused):
        logged_in(server, plain)
    assert len(shelf.calls) == len(server.logins) == 1


def test_threads_that_are_refused_together_fetch_once(shelf: Shelf, api: Api, canary) -> None:
    server = Server(str(shelf.secrets["token"]))
    logged_in(server, api)
    server.token = shelf.secrets["token"] = canary("second")
    together = threading.Barrier(8)
    tries = threading.local()

    def log_in() -> str:
        if not getattr(tries, "first", False):
            tries.first = True
            given = api.token.get_secret_value()
            together.wait(30)  # all of them have the former secret, and none has been refused
            if given != server.token:
                raise Refused
        return server.log_in(api)

    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(reloaded(api, log_in, refused=(Refused, KeyError))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["session"] * 8
    assert len(shelf.calls) == 2
