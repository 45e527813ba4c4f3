"""How a deployment names its flow."""

from __future__ import annotations

from enum import StrEnum


class EntrypointType(StrEnum):
    """By the file that it stands in, or by its module, which then has to be importable where runs happen."""

    FILE_PATH = "file_path"
    MODULE_PATH = "module_path"
