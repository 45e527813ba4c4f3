"""What options and files say, as a model of the interface."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from strongroom.cli.outcome import CommandError, Exit

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], values: Any, *, remedy: str = "See --help.") -> M:
    """The model with these values.

    :raises CommandError: one does not fit; ``remedy`` says where it stands what does.
    """
    from pydantic import ValidationError

    from strongroom_service.telling import faults

    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = faults(error, names_keys=True, shows_texts=True)
        raise CommandError(f"Not valid: {told}.", remedy, Exit.USAGE) from None


def text_of(file: Path) -> str:
    """What a file holds, or standard input where it is "-".

    :raises CommandError: it cannot be read, or is no text in UTF-8.
    """
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", "Name another file.", Exit.USAGE) from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is no text in UTF-8.", "Name another file.", Exit.USAGE) from None
