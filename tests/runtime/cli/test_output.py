"""Tables, trees and differences, looked at by themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import click
import pytest
from strongroom.cli import output
from strongroom.cli.difference import compare
from strongroom.cli.output import Column, duration, listing, plain, printable
from strongroom.cli.run_tree import SIBLINGS_SHOWN, Node, draw
from strongroom_registry.document import Document, Version, VersionState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""), (0, "0 ms"), (0.0004, "0 ms"), (0.24, "240 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"),
        (1.25, "1.2 s"),
        (59.94, "59.9 s"), (59.96, "1 min 0 s"), (184, "3 min 4 s"), (3599.9, "1 h 0 min"), (7500, "2 h 5 min"),
    ],
)  # fmt: skip
def test_a_duration_has_the_unit_that_suits_it(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""), (True, "true"), (["a", 1], "a, 1"), ({"a": 1, "b": [2]}, "a=1, b=2"), ("", ""),
        ({"$block": "x@2"}, "block x@2"), (0, "0"),
    ],
)  # fmt: skip
def test_a_value_in_one_line(value, shown):
    assert plain(value) == shown


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\x00b", "\x9b1m", "\u202eevil", "bell\x07", "over\rwritten", "\x7f"])
def test_control_characters_are_made_visible(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown


def test_newlines_tabs_and_every_script_stay():
    assert printable("é\t漢字\n🙂") == "é\t漢字\n🙂"


ROWS = [{"name": "a", "size": 5, "when": NOW}, {"name": "long\nname", "size": 12345, "when": None}]
COLUMNS = [Column("name", "Name", fold=True), Column("size", "Size", right=True), Column("nothing", "Nothing")]


def test_a_pipe_gets_aligned_columns_one_line_a_row(capsys):
    listing(ROWS, COLUMNS, as_json=False, empty="none")
    assert capsys.readouterr().out == "NAME        SIZE  NOTHING\na              5\nlong name  12345\n"


def test_json_has_everything_in_the_rows(capsys):
    listing(ROWS, COLUMNS, as_json=True, empty="none")
    assert json.loads(capsys.readouterr().out)[0] == {"name": "a", "size": 5, "when": "2026-01-02T03:04:05+00:00"}


def test_a_terminal_gets_a_table_that_fits_and_whose_texts_are_not_markup(capsys, monkeypatch):
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    rows = [{"name": "[bold]x[/bold] " + "word " * 20, "size": 1}]
    listing(rows, COLUMNS, as_json=False, empty="none")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert "[bold]x[/bold]" in lines[1]


def test_what_has_no_json_form_is_an_error():
    with pytest.raises(TypeError):
        output.print_json({"x": object()})


def node(name="n", type_="COMPLETED", state="Completed", message="", children=(), seconds=0.5, count=1):
    return Node(uuid4(), "task", name, type_, state, message, NOW, seconds, NOW, count, children=list(children))


def drawn(tree, **options):
    return [click.unstyle(line) for line in draw(tree, **{"width": 60, **options})]


def test_a_tree_shows_states_times_and_reasons():
    failed = node("load", "FAILED", "Failed", "ValueError: no\nmore lines", seconds=1.5, count=3)
    tree = node("flow", "FAILED", "Failed", "1 task failed", [node("a", children=[node("b")]), failed], seconds=60)
    assert drawn(tree) == [
        "✗ flow                Failed     1 min 0 s",
        "│   1 task failed",
        "├─ ✓ a                Completed     500 ms",
        "│  └─ ✓ b             Completed     500 ms",
        "└─ ✗ load             Failed         1.5 s  3 attempts",
        "       ValueError: no",
    ]


def test_a_tree_fits_its_width():
    deep = node("x" * 100, "FAILED", "Failed", "y" * 200)
    for _ in range(6):
        deep = node("level " * 9, children=[deep])
    lines = drawn(deep)
    assert max(map(len, lines)) == 60
    assert "x…" in lines[-2]
    for _ in range(60):
        deep = node("deeper", children=[deep])
    assert "xxxxxxx…" in drawn(deep)[-2]


def test_of_many_those_that_did_not_complete_are_drawn():
    children = [node(f"t{i}") for i in range(500)]
    children[300] = node("t300", "FAILED", "Failed", "why")
    lines = drawn(node("flow", children=children))
    assert len(lines) == 1 + SIBLINGS_SHOWN + 2 + 1
    assert any("t300" in line for line in lines)
    assert lines[-1] == f"└─ … {500 - SIBLINGS_SHOWN - 1} more that completed (--all shows them)"
    assert len(drawn(node("flow", children=children), every=True)) == 1 + 500 + 1


def test_a_run_that_has_not_begun_has_no_time():
    assert drawn(node("n", "PENDING", "Pending", seconds=None))[0].rstrip() == "○ n                   Pending"


def test_a_tree_escapes_what_a_name_holds():
    assert "\x1b[2J" not in "".join(drawn(node("\x1b[2J", "FAILED", "Failed", "\x1b[2J")))


def document(payload, public):
    version = Version(
        "d", 1, 1, "t", "s", VersionState.LIVE, NOW + timedelta(), "me", "", (), json.dumps(public).encode()
    )
    return Document(uuid4(), version, json.dumps(payload).encode())


def differences(old, new, old_public=None, new_public=None):
    before = document(old, old_public if old_public is not None else old)
    after = document(new, new_public if new_public is not None else new)
    return [tuple(change) for change in compare(before, after)]


def test_what_is_public_shows_its_values():
    assert differences({"a": 1, "b": {"c": 2, "d": 3}, "e": 1}, {"a": 1, "b": {"c": 2, "d": 4}, "f": 1}) == [
        ("a", "same", False, 1, 1),
        ("b.d", "changed", False, 3, 4),
        ("f", "added", False, None, 1),
        ("e", "removed", False, 1, None),
    ]


def test_what_is_not_public_in_both_shows_none():
    hidden = differences({"token": "one", "key": "k", "gone": 1}, {"token": "two", "key": "k", "new": 1}, {}, {})
    assert hidden == [
        ("key", "same", True, None, None),
        ("new", "added", True, None, None),
        ("token", "changed", True, None, None),
        ("gone", "removed", True, None, None),
    ]


def test_a_field_that_became_secret_is_hidden_on_both_sides():
    assert differences({"a": "x"}, {"a": "y"}, {"a": "x"}, {}) == [("a", "changed", True, None, None)]


def test_a_change_of_what_is_starred_is_a_change():
    old, new = {"url": "db://me:one@h"}, {"url": "db://me:two@h"}
    starred = {"url": "db://me:**********@h"}
    [(field, change, hidden, before, after)] = differences(old, new, starred, starred)
    assert (field, change, hidden) == ("url", "changed", False)
    assert before == after == starred["url"]


def test_the_exact_form_is_compared_like_the_plain_one():
    old = {"$exact": {"when": {"$datetime": "2026-01-01"}, "token": {"$secret": "str", "$value": "one"}}}
    new = {"$exact": {"when": {"$datetime": "2026-01-02"}, "token": {"$secret": "str", "$value": "two"}}}
    assert differences(old, new, {"when": "2026-01-01"}, {"when": "2026-01-02"}) == [
        ("when", "changed", False, "2026-01-01", "2026-01-02"),
        ("token", "changed", True, None, None),
    ]
