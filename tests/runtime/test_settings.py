"""What can be set from outside, and what is said of a variable that does not fit."""

from __future__ import annotations

from pathlib import Path
from secrets import token_urlsafe

import pytest
from psutil import Process
from strongroom import flow
from strongroom.errors import InvalidJournalUrl, InvalidSettings
from strongroom.journal.current import (
    current_journal,
    let_go_of_journals,
    open_journal,
    set_current_journal,
    using_journal,
)
from strongroom.journal.memory import MemoryJournal
from strongroom.journal.sqlite import SqliteJournal
from strongroom.ledger.current import let_go_of_ledgers
from strongroom.settings import get_settings
from strongroom.variables import Variable


def test_the_home_decides_where_things_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "here"))
    settings = get_settings()
    assert settings.storage_path == tmp_path / "here" / "storage"
    assert settings.journal_url == f"sqlite:///{tmp_path}/here/runs.db"
    monkeypatch.setenv("STRONGROOM_JOURNAL", "memory:")
    assert get_settings().journal_url == "memory:"


def test_a_home_may_start_with_a_tilde_or_stand_in_this_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRONGROOM_HOME", "~/rooms")
    assert get_settings().home == Path.home() / "rooms"
    monkeypatch.setenv("STRONGROOM_HOME", "rooms")
    assert get_settings().home == tmp_path / "rooms"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRONGROOM_LOGGING_LEVEL", "LOUD"),
        ("STRONGROOM_RESULTS_SEALED", "perhaps"),
        ("STRONGROOM_TASK_RUNNER_MAX_WORKERS", "0"),
        ("STRONGROOM_JOURNAL_KEEP_DAYS", "-1"),
    ],
)
def test_a_variable_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=f"The variable {name} does not fit"):
        get_settings()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_LOGGING_LEVEL", "")
    assert get_settings().logging_level == "INFO"


@pytest.mark.parametrize("url", ["", "mysql://x", "sqlite:", "sqlite:///", "/a/path", "memory"])
def test_a_url_that_names_no_journal_is_refused(url: str) -> None:
    with pytest.raises(InvalidJournalUrl, match="names no journal"):
        open_journal(url)


def test_a_password_in_a_url_that_is_refused_is_not_repeated() -> None:
    password = token_urlsafe()
    with pytest.raises(InvalidJournalUrl) as refused:
        open_journal(f"mysql://me:{password}@db/runs")
    assert password not in str(refused.value)


def test_the_journal_in_use_is_the_innermost_then_the_processs_then_the_settings(strongroom_home: Path) -> None:
    by_settings = current_journal()
    assert isinstance(by_settings, SqliteJournal)
    assert by_settings.path == strongroom_home / "runs.db"
    assert current_journal() is by_settings
    of_process, inner = MemoryJournal(), MemoryJournal()
    set_current_journal(of_process)
    try:
        assert current_journal() is of_process
        with using_journal(inner):
            assert current_journal() is inner
        assert current_journal() is of_process
    finally:
        set_current_journal(None)
    assert current_journal() is by_settings


def test_databases_that_were_opened_are_let_go_of_and_open_again(strongroom_home: Path) -> None:
    @flow
    def work() -> None:
        Variable.set("n", 1)

    work()
    journal = current_journal()
    assert {"runs.db", "ledger.db"} <= set(open_files_of(strongroom_home))
    let_go_of_journals()
    let_go_of_ledgers()
    assert open_files_of(strongroom_home) == []
    assert current_journal() is not journal
    assert len(journal.flow_runs()) == len(current_journal().flow_runs()) == 1
    assert Variable.get("n") == 1


def open_files_of(home: Path) -> list[str]:
    files = [Path(file.path) for file in Process().open_files()]
    return [file.name for file in files if file.parent == home and file.name.startswith(("runs.db", "ledger.db"))]
