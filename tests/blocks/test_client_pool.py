"""The clients that a process keeps: one for each login, none of whose secrets is kept with it."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator

import pytest
from strongroom_blocks.client_pool import ClientPool


class Client:
    """Something that is opened."""


@pytest.fixture
def pool() -> ClientPool[Client]:
    return ClientPool(2)


def test_a_login_has_one_client(pool: ClientPool[Client]) -> None:
    first = pool.get(("me", 1), Client)
    assert pool.get(("me", 1), Client) is first
    assert pool.get(("me", 2), Client) is not first


def test_what_was_not_used_for_longest_is_let_go() -> None:
    gone: list[Client] = []
    pool = ClientPool(2, let_go=gone.append)
    one, two = pool.get(1, Client), pool.get(2, Client)
    assert pool.get(1, Client) is one
    pool.get(3, Client)
    assert gone == [two]
    assert pool.get(1, Client) is one
    assert pool.get(2, Client) is not two


def test_what_cannot_be_opened_is_tried_again(pool: ClientPool[Client]) -> None:
    def fail() -> Client:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        pool.get(1, fail)
    assert pool.get(1, Client)


def test_neither_the_pool_nor_an_error_holds_a_secret(pool: ClientPool[Client], canary: Callable[[str], str]) -> None:
    secret = canary("password")

    def fail() -> Client:
        raise ConnectionError

    pool.get(["me", secret], Client)
    with pytest.raises(ConnectionError) as caught:
        pool.get(["me", secret, "again"], fail)
    frames = [entry.frame.f_locals for entry in caught.traceback[1:]]
    assert not [place for place in (*frames, vars(pool)) if secret in repr(place)]
    assert not [text for text in _texts_held_by(pool) if secret in text]


def _texts_held_by(pool: ClientPool[Client]) -> Iterator[str]:
    waiting: list[object] = [vars(pool)]
    for thing in waiting:
        if isinstance(thing, str):
            yield thing
        elif isinstance(thing, dict | list | tuple):
            waiting += gc.get_referents(thing)


def test_a_forked_process_opens_its_own_even_while_another_thread_opens_one() -> None:
    told: list[Client] = []
    pool = ClientPool(2, inherited=told.append)
    mine = pool.get(1, Client)
    opening, forked = threading.Event(), threading.Event()

    def slowly() -> Client:
        opening.set()
        forked.wait()
        return Client()

    thread = threading.Thread(target=pool.get, args=(2, slowly))
    thread.start()
    opening.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.get(1, Client) is not mine and told == [mine] else 1)
    forked.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.get(1, Client) is mine
    assert not told


def test_a_rotated_secret_lets_the_former_client_of_a_place_go() -> None:
    gone: list[str] = []
    pool: ClientPool[str] = ClientPool(8, let_go=gone.append)
    assert pool.get(("db", "old"), lambda: "first", place="db") == "first"
    assert pool.get(("other", "old"), lambda: "other", place="other") == "other"
    assert pool.get(("db", "new"), lambda: "second", place="db") == "second"
    assert gone == ["first"]
    assert pool.get(("db", "new"), lambda: "third", place="db") == "second"
    assert pool.get(("db", "old"), lambda: "again", place="db") == "again"
    assert gone == ["first", "second"]
