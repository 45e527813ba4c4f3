"""The configuration file: settings of the registry that hold for a user, wherever the environment does not say."""

from __future__ import annotations

import os
import re
from pathlib import Path

from strongroom_registry.errors import InvalidConfiguration
from strongroom_registry.private_output import make_private_folder, new_private_file

SETTINGS = ("registry", "key", "workspace", "actor", "anchor")
"""What the file may say. Not where data lie: runs and results are looked for there too, and know the environment
alone."""

_OF_A_REGISTRY = ("registry", "key", "anchor")
_REMEDY = f'It holds lines such as workspace = "team-a"; what can be set is {", ".join(SETTINGS)}.'


def configuration_folder() -> Path:
    """``~/.config/strongroom``; ``$XDG_CONFIG_HOME`` stands for ``~/.config`` where it is set to an absolute path."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(configured) if os.path.isabs(configured) else Path.home() / ".config") / "strongroom"


def configuration_path() -> Path:
    """Where the file lies: ``config.toml`` in the folder."""
    return configuration_folder() / "config.toml"


def read_configuration() -> dict[str, str]:
    """What the file says; nothing where there is none.

    :raises InvalidConfiguration: it is no TOML, or says something else. Values are not shown.
    """
    path = configuration_path()
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise InvalidConfiguration(f"{path} cannot be read: {exc.strerror}.", "Make it readable.") from None
    return _parsed(text, path)


def settings_of_the_file() -> dict[str, str]:
    """What the file says, as far as it counts: which registry is meant, with its key and anchor, it says only where the
    environment names no other one, by ``STRONGROOM_HOME`` or ``STRONGROOM_REGISTRY``.

    :raises InvalidConfiguration: as :func:`read_configuration`.
    """
    said = read_configuration()
    if os.environ.get("STRONGROOM_HOME") or os.environ.get("STRONGROOM_REGISTRY"):
        return {name: value for name, value in said.items() if name not in _OF_A_REGISTRY}
    return said


def write_setting(name: str, value: str) -> Path:
    """Set one setting and leave the rest of the file as it is; where it lies.

    :param value: a text without quotes, backslashes and line breaks.
    :raises InvalidConfiguration: the file is none, or cannot be written.
    """
    path = configuration_path()
    wanted = {**read_configuration(), name: value}
    line = f'{name} = "{value}"'
    try:
        before = path.read_text() if path.exists() else ""
        text, found = re.subn(rf"(?m)^[ \t]*[\"']?{name}[\"']?[ \t]*=.*$", line, before, count=1)
        if not found:
            text = f"{line}\n{before}"
        if _parsed(text.encode(), path) != wanted:
            raise InvalidConfiguration(f"{path} is written in a way that cannot be changed here.", f"Write {line}")
        _replace(path, text)
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is no UTF-8"
        raise InvalidConfiguration(f"{path} cannot be written: {why}.", f"Write this line yourself: {line}") from None
    return path


def _parsed(text: bytes, path: Path) -> dict[str, str]:
    import tomllib  # not many have such a file

    try:
        content = tomllib.loads(text.decode())
    except ValueError:  # of TOML or UTF-8; what stands at the place may be secret
        raise InvalidConfiguration(f"{path} is no TOML.", _REMEDY) from None
    for name, value in content.items():
        if name not in SETTINGS or not isinstance(value, str) or not value:
            raise InvalidConfiguration(f"{path} says something of {name!r:.60} that is no setting.", _REMEDY)
    return content


def _replace(path: Path, text: str) -> None:
    make_private_folder(path.parent)
    with new_private_file(Path(os.path.realpath(path)), replace=True) as file:
        file.write(text.encode())
