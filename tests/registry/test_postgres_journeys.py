"""How often a registry goes to PostgreSQL and back: that is what it takes its time for.

A statement is run five times on a connection before the driver prepares it, which is one journey more, once; the tests
ask less often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from servers.counting import counted
from servers.postgres import PostgresDatabase
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import UnknownDocument

from .conftest import saver

Journeys = Callable[[Callable[[], object]], int]
DOCUMENTS = 300


@pytest.fixture
def filled(postgres: PostgresDatabase) -> Registry:
    """A registry with some documents, one of them saved and labelled more than once."""
    with open_registry(postgres.url) as registry:
        save = saver(registry)
        for number in range(DOCUMENTS):
            save(f"n{number}", b"payload")
        for payload in (b"second", b"third"):
            save("n7", payload, overwrite=True)
        registry.label("n7", "prod", 2)
        save("n8", b"waiting", pending=True)
    return registry


@pytest.fixture
def far(filled: Registry, postgres: PostgresDatabase) -> Iterator[tuple[Registry, Journeys]]:
    """A registry that has loaded nothing yet, and what counts the journeys to its server."""
    place = urlsplit(postgres.url)
    assert place.hostname
    assert place.port
    with counted(place.hostname, place.port) as way:
        url = postgres.url.replace(f":{place.port}/", f":{way.port}/")
        with open_registry(url) as registry:

            def journeys(work: Callable[[], object]) -> int:
                before = way.journeys
                work()
                return way.journeys - before

            yield registry, journeys


def test_a_document_is_loaded_on_one_journey_and_its_first_load_is_written_on_two(
    far: tuple[Registry, Journeys],
) -> None:
    registry, journeys = far
    for reference, payload in (("n7", b"third"), ("n7@2", b"second")):

        def load(reference: str = reference, payload: bytes = payload) -> None:
            assert registry.get(reference).payload == payload

        assert journeys(load) == 1 + 2
        assert journeys(load) == 1
        registry._warm = {}
        assert journeys(load) == 1


def test_what_is_not_the_newest_version_takes_one_journey_more(far: tuple[Registry, Journeys]) -> None:
    registry, journeys = far
    for reference, payload in (("n7@prod", b"second"), ("n8", b"payload")):
        assert journeys(lambda reference=reference: registry.get(reference)) == 2 + 2
        assert registry.get(reference).payload == payload


def test_what_a_document_is_and_that_there_is_none_is_told_on_one_journey(far: tuple[Registry, Journeys]) -> None:
    registry, journeys = far
    assert journeys(lambda: registry.head("n1")) == 1
    assert journeys(lambda: registry.exists("n1")) == 1
    assert journeys(lambda: registry.exists("absent")) == 1
    assert [registry.exists("n1"), registry.exists("absent")] == [True, False]
    with pytest.raises(UnknownDocument):
        registry.head("absent")


def test_a_change_is_two_journeys(far: tuple[Registry, Journeys]) -> None:
    registry, journeys = far
    save = saver(registry)
    assert journeys(lambda: save("new", b"payload")) == 2
    assert journeys(lambda: save("n3", b"payload", overwrite=True)) == 2
    assert journeys(lambda: registry.label("n3", "prod")) == 2 + 1  # what it returns


def test_a_listing_takes_many_documents_at_a_time(far: tuple[Registry, Journeys]) -> None:
    registry, journeys = far
    listed: list[int] = []
    assert journeys(lambda: listed.append(len(registry.list()))) <= 3 + DOCUMENTS // 100 + 10
    assert listed == [DOCUMENTS]
