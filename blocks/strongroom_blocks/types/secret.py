"""One secret value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from pydantic import ConfigDict, Field
from typing_extensions import TypeVar

from strongroom_blocks.block import Block
from strongroom_blocks.secrets import SecretField

T = TypeVar("T", default=Any)


class Secret(Block, Generic[T], slug="secret", icon="key"):
    """One secret value: a password, a token, a key, or anything else that JSON or pydantic can hold.

    ``Secret(value="...").save("slack-token")``, then ``Secret.load("slack-token").get()``. The value keeps its type: a
    text of digits stays a text. ``Secret[int]`` asserts one.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": "…"}]})

    value: SecretField[T] = Field(description="What is kept secret.")

    if TYPE_CHECKING:

        def __init__(self, *, value: T | SecretField[T]) -> None: ...

    def get(self) -> T:
        """The plain value."""
        return self.value.get_secret_value()
