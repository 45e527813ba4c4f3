from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st
from strongroom.errors import UnreadableFile
from strongroom.interchange import FoundDocument, Skipped
from strongroom.interchange.dotenv import from_files


def read(path: Path, text: str, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """The values by name, and the reasons of what was left."""
    path.write_text(text, newline="")
    values, reasons = {}, []
    for item in from_files([str(path)], **options):
        if isinstance(item, FoundDocument):
            values[item.name] = item.fields["value"]
        else:
            reasons.append(item.reason)
    return values, reasons


def test_a_file_as_people_write_one(tmp_path: Path) -> None:
    text = (
        "# comment\nexport PLAIN=value # told\nQUOTED='a b'\nLINES=\"one\\ntwo\"\nKEY='-----BEGIN\nx\n-----END'\n"
        "EMPTY=\nURL=http://${PLAIN}:${PORT:-80}/\nNONE\nOUT=${HOME}\nBAD='\nTWICE=1\nTWICE=2\n"
    )
    values, reasons = read(tmp_path / ".env", text)
    assert values == {
        "PLAIN": "value", "QUOTED": "a b", "LINES": "one\ntwo", "KEY": "-----BEGIN\nx\n-----END", "EMPTY": "",
        "URL": "http://value:80/", "TWICE": "2",
    }  # fmt: skip
    assert [reason.partition(":")[0] for reason in reasons] == [
        "it has no value",
        "it refers to a variable that the file does not set before",
        "it cannot be read",
        "it is set again in line 14, which counts",
    ]


@given(st.lists(st.tuples(st.from_regex("[A-Z]{1,3}", fullmatch=True), st.text("ab1 ${}'\"\\#=\n-:", max_size=8))))
def test_values_are_those_of_python_dotenv(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    text = "\n".join(f"{name}={value}" for name, value in pairs)
    values, _ = read(tmp_path_factory.getbasetemp() / "dotenv", text)
    expected = dotenv_values(stream=io.StringIO(text))
    assert {name: expected[name] for name in values} == values


def test_all_in_one_secret(tmp_path: Path) -> None:
    values, reasons = read(tmp_path / ".env", "A=1\nB=2\nNONE\n", together="app")
    assert values == {"app": {"A": "1", "B": "2"}}
    assert reasons == ["it has no value"]


def test_nothing_at_all(tmp_path: Path) -> None:
    assert read(tmp_path / ".env", "# nothing\n", together="app") == ({}, [])
    with pytest.raises(UnreadableFile):
        list(from_files([str(tmp_path / "absent")]))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(UnreadableFile, match="UTF-8"):
        list(from_files([str(tmp_path / ".env")]))


def test_a_line_that_cannot_be_read_shows_nothing_of_itself(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('A="hush\n')
    (item,) = from_files([str(tmp_path / ".env")])
    assert isinstance(item, Skipped)
    assert "hush" not in f"{item}"
