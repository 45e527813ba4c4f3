"""Row 13 in short, and that it would notice."""

from __future__ import annotations

from typing import Any

import pytest

from faults import described_api
from faults.figure import Work, broken


def test_every_answer_is_one_that_the_description_promises(work_in_memory: Work) -> None:
    assert broken(list(described_api.run(work_in_memory))) == []


def test_an_answer_that_is_none_of_those_is_noticed(work_in_memory: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom_service.service import Service

    def away(self: Service, *_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Service, "require", away)
    with described_api.served(work_in_memory) as (application, root):
        schema = described_api.described(application)
        operations = [found.ok() for found in schema.get_all_operations()]
        figure = described_api.single(work_in_memory, operations, root, 3)
    assert figure.failed
    assert "500" in figure.failures[0]
