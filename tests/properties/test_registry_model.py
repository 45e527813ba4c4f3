"""Row 11 in short."""

from __future__ import annotations

from dataclasses import replace

from faults.figure import Work, broken

from properties import registry_model


def test_a_registry_does_what_a_plain_model_does(work: Work) -> None:
    assert broken(list(registry_model.run(replace(work, scale=0.03)))) == []
