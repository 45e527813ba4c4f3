"""The door to optional packages."""

from __future__ import annotations

import importlib
from types import ModuleType

from strongroom_blocks.errors import MissingExtra


def require_extra(module: str, *, extra: str) -> ModuleType:
    """Import an optional package where it is needed, or say in one uniform sentence how to get it.

    :param module: the module to import, such as ``"boto3"`` or ``"google.cloud.storage"``.
    :param extra: the extra of Strongroom that installs it.
    :raises MissingExtra: the module is not installed. An installed module that fails to import raises its own error.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise
    raise MissingExtra(f'The package "{module}" is not installed.', f'Run: pip install "strongroom[{extra}]"')
