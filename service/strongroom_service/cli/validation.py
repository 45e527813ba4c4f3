"""What options and files say, as a model of the interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from strongroom.cli.outcome import CommandError, Exit, sentence

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], **values: Any) -> M:
    """The model with these values.

    :raises CommandError: one does not fit.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise CommandError(sentence(error), "See --help.", Exit.USAGE) from None
