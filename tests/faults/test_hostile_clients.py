"""Row 21 in short, and that it would notice."""

from __future__ import annotations

import pytest

from faults import hostile_clients
from faults.figure import Figure, Work, broken
from faults.hostile_clients import Target


def test_hostile_clients_leave_the_server_serving_and_learn_nothing(work_in_memory: Work) -> None:
    figures = list(hostile_clients.run(work_in_memory))
    assert broken(figures) == []
    assert {figure.what for figure in figures} > set(hostile_clients.SORTS)
    refused = next(figure for figure in figures if figure.what == "bodies nested too deep")
    assert set(refused.seen) == {"400"}


def test_an_error_of_the_server_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(0, "token", "canary", [])
    monkeypatch.setattr(hostile_clients, "_asked", lambda *_: b"HTTP/1.1 500 Internal Server Error\r\n\r\ncanary")
    monkeypatch.setattr(Target, "serves", lambda _: True)
    figure = Figure(hostile_clients.ROW, "tried")
    hostile_clients._try(figure, target, b"x")
    assert figure.failed == 1
    assert hostile_clients._searched(target, []).failed == 1
    monkeypatch.setattr(hostile_clients, "_asked", lambda *_: b"HTTP/1.1 400 Bad Request\r\n\r\n")
    monkeypatch.setattr(Target, "serves", lambda _: False)
    hostile_clients._try(figure, target, b"x")
    assert figure.failed == 2
