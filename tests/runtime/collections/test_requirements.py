"""What is missing of an extra: read from metadata that is really installed, or really not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strongroom.collections.requirements import missing

Installed = Callable[..., str]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    """Installs a distribution that requires this and that; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(*requirements: str, name: str = "acme-strongroom", version: str = "1.0") -> str:
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (folder / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {text}" for text in requirements), ""]))
        return name

    missing.cache_clear()
    yield install
    missing.cache_clear()


def test_what_is_there_is_not_missing(installed: Installed) -> None:
    assert missing(installed("pytest>=8", "click"), None) == ()


def test_what_is_not_there_or_too_old_is_named_as_it_is_asked_for(installed: Installed) -> None:
    name = installed("no-such-package>=2,<3", "pytest>=9000", "click")
    assert missing(name, None) == ("no-such-package<3,>=2", "pytest>=9000")


def test_an_extra_counts_where_it_is_asked_for(installed: Installed) -> None:
    name = installed('no-such-sdk ; extra == "sdk"', 'no-such-other ; extra == "other"')
    assert missing(name, None) == ()
    assert missing(name, "sdk") == ("no-such-sdk",)


def test_what_another_python_needs_is_not_missing_here(installed: Installed) -> None:
    name = installed('no-such-backport ; python_version < "3.0"', "no-such-dll ; sys_platform == 'no-such-system'")
    assert missing(name, None) == ()


def test_a_release_candidate_counts(installed: Installed) -> None:
    installed(name="acme-sdk", version="2.0rc1")
    assert missing(installed("acme-sdk>=1.5"), None) == ()


def test_what_is_not_installed_at_all_lacks_nothing() -> None:
    assert missing("no-such-distribution", None) == ()
