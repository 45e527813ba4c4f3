"""The harness for users' tests: nothing of theirs is touched, and nothing stays."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import strongroom_registry
from strongroom import Secret, flow
from strongroom.journal import current_journal
from strongroom.settings import get_settings
from strongroom.testing import strongroom_test_harness


@flow
def login() -> str:
    return Secret.load("password").get()  # type: ignore[no-any-return]


def test_blocks_and_runs_live_in_memory_and_are_gone_after(strongroom_home: Path) -> None:
    with strongroom_test_harness() as journal:
        Secret(value="for the test").save("password")
        assert login() == "for the test"
        assert current_journal() is journal
        assert [run.flow_name for run in journal.flow_runs()] == ["login"]
        inside = get_settings().home
        assert inside != strongroom_home
    assert not inside.exists()
    assert not strongroom_home.exists()
    assert get_settings().home == strongroom_home
    assert current_journal() is not journal


def test_threads_that_a_test_starts_see_it_too() -> None:
    with strongroom_test_harness() as journal:
        Secret(value="for the test").save("password")
        thread = threading.Thread(target=login)
        thread.start()
        thread.join()
        assert [run.state.is_completed() for run in journal.flow_runs()] == [True]


def test_an_exception_ends_it_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_HOME")
    with pytest.raises(ZeroDivisionError), strongroom_test_harness():
        1 / 0  # noqa: B018
    assert "STRONGROOM_HOME" not in os.environ


def test_one_harness_after_the_other_starts_empty() -> None:
    for _ in range(2):
        with strongroom_test_harness() as journal:
            assert strongroom_registry.current().list() == []
            assert journal.flow_runs() == []
            Secret(value="for the test").save("password")
            login()
