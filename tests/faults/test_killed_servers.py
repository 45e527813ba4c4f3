"""Row 14 in short, and that it would notice."""

from __future__ import annotations

from collections import Counter
from random import Random

from faults.figure import Work, broken
from faults.killed_servers import _Told, _wrong, run
from faults.places import opened


def test_a_killed_server_loses_nothing_that_it_acknowledged(work: Work) -> None:
    assert not broken(list(run(work)))


def test_a_write_that_is_not_there_would_be_noticed(work: Work) -> None:
    with work.places.make(work.places.names[0], work.folder / "place") as place:
        with opened(place) as registry:
            registry.put("kept", type="t", schema="s", payload=b"as it was")
            registry.get("kept")
        for acknowledged, loaded, wrong in (
            ({"kept": b"as it was"}, {"kept": 1}, None),
            ({"kept": b"as it was not"}, {}, "another one"),
            ({"lost": b""}, {}, "is gone"),
            ({}, {"kept": 100}, "not in the audit"),
        ):
            told = _Told(Random(1))
            told.acknowledged, told.loaded = acknowledged, Counter(loaded)
            found = _wrong(place, told)
            assert found is None if wrong is None else wrong in (found or "")
