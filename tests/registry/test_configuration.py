"""The configuration file: what it says where the environment does not, and what it must not say."""

from __future__ import annotations

import secrets
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry import open_registry
from strongroom_registry.configuration import SETTINGS, configuration_path, read_configuration, write_setting
from strongroom_registry.errors import InvalidConfiguration
from strongroom_registry.settings import RegistrySettings


@pytest.fixture
def file() -> Path:
    path = configuration_path()
    path.parent.mkdir(parents=True)
    return path


def test_it_lies_in_the_configuration_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration_path() == tmp_path / "config" / "strongroom" / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configuration_path() == tmp_path / ".config" / "strongroom" / "config.toml"


def test_every_setting_can_stand_there_and_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("".join(f'{name} = "from the file"\n' for name in SETTINGS))
    monkeypatch.delenv("STRONGROOM_HOME")
    settings = RegistrySettings()
    assert {getattr(settings, name) for name in SETTINGS} == {"from the file"}
    monkeypatch.setenv("STRONGROOM_ACTOR", "from outside")
    monkeypatch.setenv("STRONGROOM_KEY", "")
    assert RegistrySettings().actor == "from outside"
    assert RegistrySettings().key == "from the file"


@pytest.mark.parametrize("variable", ["STRONGROOM_HOME", "STRONGROOM_REGISTRY"])
def test_where_the_environment_names_a_registry_the_file_speaks_of_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    file.write_text("".join(f'{name} = "from the file"\n' for name in SETTINGS))
    monkeypatch.delenv("STRONGROOM_HOME")
    monkeypatch.setenv(variable, "/from/outside")
    settings = RegistrySettings()
    assert "/from/outside" in settings.url
    assert (settings.key, settings.anchor) == (None, None)
    assert (settings.workspace, settings.actor) == ("from the file", "from the file")


def test_without_a_file_nothing_is_said() -> None:
    assert read_configuration() == {}
    assert RegistrySettings().workspace == "default"


def test_a_registry_is_opened_as_it_says(file: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_HOME")
    file.write_text(f'registry = "{url}"\nworkspace = "team-a"\nactor = "carol"\n')
    with open_registry() as registry:
        assert registry.workspace == "team-a"
        assert [entry.actor for entry in registry.audit()] == ["carol"]


@pytest.mark.parametrize(
    "text",
    [
        "workspace",
        'workspce = "a"',
        "workspace = 3",
        'workspace = ""',
        '[workspace]\nname = "a"',
        'home = "/tmp"',
        "\xff",
    ],
)
def test_what_nobody_understands_is_an_error_that_shows_no_value(file: Path, text: str) -> None:
    secret = secrets.token_hex(8)
    file.write_bytes(text.encode("latin-1") + f'\nregistry = "postgresql://me:{secret}@h/d"\n'.encode())
    with pytest.raises(InvalidConfiguration, match=str(file)) as refused:
        RegistrySettings()
    assert secret not in "".join(traceback.format_exception(refused.value))


def test_one_that_cannot_be_read_is_an_error(file: Path) -> None:
    file.mkdir()
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        RegistrySettings()


def test_a_setting_is_written_where_there_is_no_file_yet() -> None:
    path = write_setting("workspace", "team-a")
    assert path.read_text() == 'workspace = "team-a"\n'
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_rest_of_the_file_stays(file: Path) -> None:
    file.write_text('# mine\nactor = "carol"  # who else\n  workspace="old" # was\nkey = "env:K"\n')
    write_setting("workspace", "team-a")
    assert file.read_text() == '# mine\nactor = "carol"  # who else\nworkspace = "team-a"\nkey = "env:K"\n'
    write_setting("anchor", "file:/a")
    assert read_configuration() == {"actor": "carol", "workspace": "team-a", "key": "env:K", "anchor": "file:/a"}


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    file.symlink_to(tmp_path / "dotfiles.toml")
    write_setting("workspace", "team-a")
    assert file.is_symlink()
    assert read_configuration() == {"workspace": "team-a"}


def test_a_way_of_writing_that_a_line_cannot_replace_is_left_alone(file: Path) -> None:
    before = 'actor = """\nworkspace = "x"\n"""\nworkspace = "old"\n'
    file.write_text(before)
    with pytest.raises(InvalidConfiguration, match='Write workspace = "team-a"'):
        write_setting("workspace", "team-a")
    assert file.read_text() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(InvalidConfiguration, match="yourself"):
        write_setting("workspace", "team-a")


@given(
    st.dictionaries(st.sampled_from(SETTINGS), st.from_regex(r"[a-z0-9:/._-]{1,20}", fullmatch=True)),
    st.sampled_from(SETTINGS),
    st.from_regex(r"[a-z0-9:/._-]{1,20}", fullmatch=True),
)
def test_writing_one_setting_changes_that_alone(said: dict[str, str], name: str, value: str) -> None:
    path = configuration_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key} = '{text}'\n" for key, text in said.items()))
    write_setting(name, value)
    assert read_configuration() == {**said, name: value}
