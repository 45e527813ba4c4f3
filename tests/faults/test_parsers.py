"""Row 20 in short, and that it would notice."""

from __future__ import annotations

from faults import parsers
from faults.figure import Figure, Work, broken


def test_every_parser_takes_a_text_or_refuses_it_as_it_documents(work_in_memory: Work) -> None:
    figures = list(parsers.run(work_in_memory))
    assert broken(figures) == []
    one_sided = {figure.what for figure in figures if len(figure.seen) < 2}
    assert one_sided <= {"tokens", "sealed values"}, "what a checksum protects is nearly always refused, no other text"


def test_another_error_is_noticed() -> None:
    figure = Figure(parsers.ROW, "texts")
    parsers._try(figure, parsers.Parser("texts", int, (TypeError,), [], [], 1), "no number")
    assert figure.failed == 1
